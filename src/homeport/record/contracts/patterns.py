"""Somebody's patterns over somebody's lines, searched in time in proportion to a line's length.

By RE2, since `re` takes years over forty letters for `(a+)+b`, and over a long line minutes for less: the
engine judges lines in its loop, where everybody else would wait. RE2 knows no lookahead, lookbehind and back
references; a pattern with one is refused before the run.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

_MOST_MATCHES: Final = 16  # of a pattern in a line: each search may look through all of it
_MOST_STEPS: Final = 1500  # of a compiled pattern: so many may be under way at each letter
_NAMED: Final = re.compile(r"\(\?P<(\w+)>")
_UNKNOWN: Final = re.compile(r"invalid perl operator|invalid escape sequence: \\\d")


class BadPatternError(ValueError):
    """Says what is wrong with it, without a full stop."""


@dataclass(frozen=True)
class Pattern:
    """Raises BadPatternError where it does not compile."""

    text: str
    names: tuple[str, ...] = field(init=False)  # of its groups, in their order
    _compiled: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        import re2  # only where somebody has a pattern: it takes a while

        options = re2.Options()
        options.log_errors = False
        try:
            # as bytes, which are searched four times as fast as text
            compiled = re2.compile(self.text.encode(), options)
        except re2.error as error:
            raise BadPatternError(_said(error.args[0].decode(errors="replace"))) from None
        except UnicodeEncodeError:
            raise BadPatternError("it is no text") from None
        if compiled.programsize > _MOST_STEPS:
            raise BadPatternError("its repetitions make it too large; write it with smaller ones")
        names = _NAMED.findall(self.text)
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise BadPatternError(f"two of its groups are named {twice}")
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "names", tuple(name.decode() for name in compiled.groupindex))

    def shown(self, line: str) -> Iterator[tuple[str, str]]:
        """Names and values of each place where it matches, the first 16 of a line."""
        for match in islice(self._compiled.finditer(line.encode(errors="replace")), _MOST_MATCHES):
            for name, value in match.groupdict().items():
                if value is not None:
                    yield name.decode(), value.decode(errors="replace")


def _said(why: str) -> str:
    if _UNKNOWN.match(why):
        return f"{why} (lines are searched by RE2, which has no lookaround and no back references)"
    return why
