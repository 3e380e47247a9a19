"""Which lines of a run's output count something, and the patterns that would show it again."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from homeport.record.contracts.observing import observed, plain

_MOST_PATTERNS: Final = 6
_LONGEST: Final = 200
_NUMBER: Final = re.compile(r"(?<![\w.:/\-=])\d[\d,]*(?![\w.:/%-])")
_PATH: Final = re.compile(
    r"(?P<name>[A-Za-z_]+)(?P<between>(?: dir| folder| path)?\s*[:=]\s*)(?P<value>/[^\s,;'\"]+)"
)
_ASSIGNED: Final = re.compile(r"(?P<name>[A-Za-z_]+)(?P<between>\s*[:=]\s*)(?P<value>\d[\d,]*)(?![\w.:/%])")
_BEHIND: Final = re.compile(r"\s+(?P<name>[A-Za-z_]+)")
_COUNTED: Final = re.compile(
    r"train|valid|\bval\b|test|eval|files?|images?|samples?|recordings?|records?|examples?|rows?|items?|classes|"
    r"patients?|subjects?|clips?|windows?|segments?|tokens|documents|split|dataset|loaded|loading|found|cache|using",
    re.IGNORECASE,
)
_PROGRESS: Final = re.compile(
    r"epoch|step|iter|it/s|%\||loss|eta\b|batch \d|seconds|elapsed|"
    r"\b(?:wrote|created|downloaded|generated|saved|extracted|copied)\b",  # what only a first run does
    re.IGNORECASE,
)
_ANY_NUMBER: Final = re.compile(r"\d[\d,]*")


@dataclass
class Guess:
    """`values` by name, of patterns and of lines `::homeport name=value`."""

    patterns: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    reported: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    name: str
    start: int
    end: int
    is_path: bool = False


def guess(lines: Iterable[str]) -> Guess:
    """Lines that came once, or always the same: what counts up is progress, and differs from run to run."""
    found = Guess()
    texts: dict[str, list[str]] = {}
    for line in lines:
        text = plain(line)
        for name, value in observed(text, ()):
            if name not in found.reported:
                found.reported.append(name)
            found.values[name] = value
        if "::homeport " not in text and len(text) <= _LONGEST:
            texts.setdefault(_ANY_NUMBER.sub("0", text), []).append(text)
    taken = set(found.reported)
    for same in texts.values():
        if len(set(same)) == 1 and len(found.patterns) < _MOST_PATTERNS:
            _add(found, same[0], taken)
    return found


def _add(found: Guess, text: str, taken: set[str]) -> None:
    parts = [part for part in _parts(text) if part.name not in taken]
    if not parts or not _COUNTED.search(text) or _PROGRESS.search(text):
        return
    pattern = _pattern(text, parts)
    match = re.search(pattern, text)
    if match is None:
        return
    found.patterns.append(pattern)
    found.values.update(match.groupdict())
    taken.update(part.name for part in parts)


def _parts(text: str) -> list[_Part]:
    """Named values of a line: `3734 train`, `train=3734`, `Cache: /results/cache`."""
    found: dict[int, _Part] = {}
    for match in _PATH.finditer(text):
        found[match.start("value")] = _Part(match["name"].lower(), *match.span("value"), is_path=True)
    for match in _NUMBER.finditer(text):
        behind = _BEHIND.match(text, match.end())
        if behind and not any(p.start <= match.start() < p.end for p in found.values()):
            found[match.start()] = _Part(behind["name"].lower(), *match.span())
    for match in _ASSIGNED.finditer(text):
        found.setdefault(match.start("value"), _Part(match["name"].lower(), *match.span("value")))
    names: set[str] = set()
    return [
        part
        for _, part in sorted(found.items())
        if not (part.name in names or names.add(part.name))  # type: ignore[func-returns-value]
    ]


def _pattern(text: str, parts: Sequence[_Part]) -> str:
    """The line from shortly before its first value to shortly after its last, with groups for values."""
    written = ""
    start = _word_before(text, parts[0].start)
    for part in parts:
        written += _escaped(text[start : part.start])
        written += rf"(?P<{part.name}>{_form(text[part.start : part.end], part)})"
        start = part.end
    return written + _escaped(text[start : _words_behind(text, start)])


def _form(value: str, part: _Part) -> str:
    return r"\S+" if part.is_path else r"[\d,]+" if "," in value else r"\d+"


def _word_before(text: str, end: int) -> int:
    """From the last three words before it: enough to be found again, and no date."""
    words = list(re.finditer(r"\S+", text[:end]))
    return words[-3].start() if len(words) >= 3 else words[0].start() if words else end


def _words_behind(text: str, start: int) -> int:
    match = re.match(r"(?:\s+[A-Za-z_]+){0,2}", text[start:])
    return start + (match.end() if match else 0)


def _escaped(text: str) -> str:
    """Text of a line within a pattern; numbers in it may be others the next time."""
    return _ANY_NUMBER.sub(r"\\d[\\d,]*", re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text))
