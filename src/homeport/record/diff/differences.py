"""Differences as values, and how two mappings are laid side by side."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

ABSENT = ""
OF_LIBRARIES: Final = "variables that libraries set at their import"  # a section's title
# ids of Modal's objects, as they stand in sentences and origins
_ID = re.compile(r"\b(?:ap|fu|fc|in|ta|im|vo|st|mo|de|sb|cs|di|qu)-[A-Za-z0-9]{4,}\b")
_TIME = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|min|h)\b")


@dataclass(frozen=True)
class Difference:
    """One thing that differs. `before` and `after` are what it is in the first and the second run, empty
    where it is not there; `detail` are lines that say more, such as a unified diff."""

    name: str
    before: str = ABSENT
    after: str = ABSENT
    detail: tuple[str, ...] = ()

    @property
    def flipped(self) -> "Difference":
        return Difference(self.name, self.after, self.before)


@dataclass(frozen=True)
class Section:
    title: str
    differences: tuple[Difference, ...]

    @property
    def flipped(self) -> "Section":
        return replace(self, differences=tuple(each.flipped for each in self.differences))


@dataclass(frozen=True)
class Comparison:
    """Only sections in which something differs."""

    before: str  # ids of the runs
    after: str
    sections: tuple[Section, ...]

    def __bool__(self) -> bool:
        return bool(self.sections)


def sides(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    """What differs between two mappings, by name."""
    for name in sorted({*before, *after}):
        mine, other = before.get(name, ABSENT), after.get(name, ABSENT)
        if mine != other:
            yield Difference(name, mine, other)


def without_ids(text: str) -> str:
    """A sentence without what differs in any two runs."""
    return _TIME.sub("…", _ID.sub("…", text))
