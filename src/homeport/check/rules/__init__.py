"""The rules, one a file, and how they are found.

A rule's file has `CODE`, a docstring that is its documentation, and `check(facts)`. The docstring's
first line is its title; then paragraphs of what and why, then examples: under the lines `Bad:` and
`Good:` files, each begun by a line `# file: NAME` (default app.py), indented by four. A test runs each:
the bad one gives this code, the good one nothing at all of it.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Protocol, cast

from homeport.check.facts import Facts
from homeport.check.findings import Finding


class Rule(Protocol):
    CODE: str
    __doc__: str
    __name__: str

    def check(self, facts: Facts) -> Iterable[Finding]: ...


@dataclass(frozen=True)
class Documentation:
    title: str
    text: str
    bad: dict[str, str]
    good: dict[str, str]


@cache
def rules() -> tuple[Rule, ...]:
    """All rules by their codes. Two with one code are a mistake of ours."""
    found: list[ModuleType] = [
        importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)
    ]
    by_code = {module.CODE: module for module in found}
    assert len(by_code) == len(found), "two rules have one code"
    return tuple(cast(Rule, by_code[code]) for code in sorted(by_code))


def check_all(facts: Facts) -> Iterator[Finding]:
    for rule in rules():
        yield from rule.check(facts)
