"""Regular expressions of the source, where they surely end soon."""

import re
from typing import Any

LONGEST_PATTERN = 300
LONGEST_TEXT = 20_000
# a repeated group that itself repeats something takes exponential time on some texts
NESTED = re.compile(r"\([^()]*[*+}][^()]*\)\s*[*+{]|\\[1-9]")
MOST_REPEATS = 4


class RefusedError(Exception):
    """The expression may take too long."""

    def __str__(self) -> str:
        return "it may take too long"


def checked(pattern: Any, texts: tuple[Any, ...]) -> None:
    written = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    if not isinstance(written, str) or len(written) > LONGEST_PATTERN or NESTED.search(written):
        raise RefusedError
    if sum(written.count(sign) for sign in "*+{") > MOST_REPEATS:
        raise RefusedError
    if any(isinstance(text, str | bytes) and len(text) > LONGEST_TEXT for text in texts):
        raise RefusedError


def function(name: str) -> Any:
    """re.search and its like, refusing what may take too long."""

    def call(pattern: Any, *args: Any, **options: Any) -> Any:
        checked(pattern, (*args, *options.values()))
        return getattr(re, name)(pattern, *args, **options)

    return call


NAMES = ("search", "match", "fullmatch", "findall", "sub", "split", "compile")
FUNCTIONS = {**{f"re.{name}": function(name) for name in NAMES}, "re.escape": re.escape}
FLAGS = {f"re.{flag.name}": flag for flag in re.RegexFlag} | {
    f"re.{short}": getattr(re, short) for short in ("A", "I", "M", "S", "X")
}
