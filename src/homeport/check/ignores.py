"""Comments that take findings back: `# homeport: ignore[HP101]`, and `# homeport: ignore-file[HP101]`.

Without brackets they take back everything. One at the end of a line is about that line, and about what begins
or ends there; one alone on its line about the next; `ignore-file` about the whole file. One that takes
nothing back is itself a finding, so that none outlives its reason.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from homeport.check.findings import Edit, Finding
from homeport.check.values import Site

UNUSED = "HP004"
_MARK = "homeport:"
_COMMENT = re.compile(r"#\s*homeport:\s*(?P<kind>ignore-file|ignore)\b(?:\[(?P<codes>[^\]\n]*)\])?")


@dataclass(frozen=True)
class Ignore:
    """`codes` are whole ones, or beginnings such as HP2; none stands for all. `line` 0: the whole file.

    `removed` is what goes with the comment, the white space before it or its line.
    """

    site: Site
    codes: tuple[str, ...]
    line: int
    removed: Site

    def takes(self, finding: Finding) -> str | None:
        """Which of its codes takes the finding back, "" where it names none; None if it does not."""
        site = finding.site
        if site.path != self.site.path:
            return None
        if self.line and not site.line <= self.line <= max(site.end_line, site.line):
            return None
        if not self.codes:
            return ""
        return next((code for code in self.codes if finding.code.startswith(code)), None)


def ignores_of(path: Path, text: str) -> tuple[Ignore, ...]:
    """The comments of a file. Costs nothing where it has none."""
    if _MARK not in text:
        return ()
    return tuple(_read(path, text))


def _read(path: Path, text: str) -> Iterator[Ignore]:
    for number, column, line, comment in _comments(path, text):
        match = _COMMENT.match(comment)
        if match is None:
            continue
        codes = tuple(code.strip().upper() for code in (match["codes"] or "").split(",") if code.strip())
        start, end = _bytes(line[:column]), _bytes(line[: column + match.end()])
        is_alone = not line[:column].strip()
        removed = Site(path, number, _bytes(line[:column].rstrip()), number, end)
        if is_alone and match.end() == len(comment.rstrip()):
            removed = Site(path, number, 0, number + 1, 0)
        about = 0 if match["kind"] == "ignore-file" else number + is_alone
        yield Ignore(Site(path, number, start, number, end), codes, about, removed)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _comments(path: Path, text: str) -> Iterator[tuple[int, int, str, str]]:
    """Line, column, the line's text and the comment. What is within a string is no comment."""
    if path.suffix not in (".py", ".pyi"):
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            if (column := line.find("#")) >= 0:
                yield number, column, line, line[column:]
        return
    import tokenize

    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.start[1], token.line, token.string
    except (tokenize.TokenError, SyntaxError):
        return  # up to where the file can be read


Taken: TypeAlias = dict[Ignore, set[tuple[Finding, str]]]


def taken_back(findings: Iterable[Finding], ignores: Iterable[Ignore]) -> Taken:
    """What each comment takes back, and by which of its codes."""
    by_path: dict[Path, list[Ignore]] = {}
    found: Taken = {}
    for ignore in ignores:
        by_path.setdefault(ignore.site.path, []).append(ignore)
        found[ignore] = set()
    for finding in findings:
        for ignore in by_path.get(finding.site.path, ()):
            if (code := ignore.takes(finding)) is not None:
                found[ignore].add((finding, code))
    return found


def unused(ignore: Ignore, used: set[str], is_applied: Callable[[str], bool]) -> Finding | None:
    """What is said of a comment of which only the codes `used` took something back.

    Codes whose rules were not applied are not held against it.
    """
    if not ignore.codes:
        idle: tuple[str, ...] = ()
        if used:
            return None
    else:
        idle = tuple(code for code in ignore.codes if code not in used and is_applied(code))
        if not idle:
            return None
    named = " and ".join(idle) if idle else "anything"
    where = "in this file" if ignore.line == 0 else "here"
    is_whole = len(idle) == len(ignore.codes)
    return Finding(
        UNUSED,
        ignore.site,
        f"this comment takes back nothing: no finding of {named} is {where}"
        if idle
        else f"this comment takes back nothing: nothing is found {where}",
        "note",
        fix="Remove the comment." if is_whole else f"Take {named} out of the brackets.",
        edits=(Edit(ignore.removed, ""),) if is_whole else (),
    )
