"""A contract as people are shown it: of each rule what was expected beside what was seen, and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from homeport.record.run import Contract, Violation

VERDICTS: Final = {"kept": "kept", "broken": "broken", "unseen": "not seen"}
_IN_WORDS: Final = {
    "": "so far nothing breaks it",
    "kept": "kept",
    "broken": "broken",
    "unseen": "not kept: something expected never showed",
}


@dataclass(frozen=True)
class Clause:
    """One rule of a contract: what was expected, what was seen. `open`: nothing to judge came yet; for a run
    that has ended, it never got so far."""

    rule: str
    expected: str
    seen: str
    verdict: Literal["kept", "broken", "unseen", "open"]

    def word(self, *, is_live: bool) -> str:
        """The verdict as it is shown."""
        return VERDICTS.get(self.verdict) or ("waiting" if is_live else "not reached")


def in_words(contract: Contract) -> str:
    """The verdict on the whole."""
    return _IN_WORDS[contract.verdict]


def clauses(contract: Contract) -> list[Clause]:
    """Broken ones first, then what was not seen, then the rest in the contract's order."""
    broken = {violation.rule: violation for violation in contract.violations}
    rules = dict.fromkeys([*contract.expected, *contract.seen, *broken])
    found = [_clause(contract, rule, broken) for rule in rules]
    order = {"broken": 0, "unseen": 1, "open": 2, "kept": 3}
    return sorted(found, key=lambda clause: order[clause.verdict])


def _clause(contract: Contract, rule: str, broken: Mapping[str, Violation]) -> Clause:
    expected, seen = contract.expected.get(rule, ""), contract.seen.get(rule, "")
    if rule in broken:
        violation = broken[rule]
        seen = violation.seen or seen
        return Clause(rule, violation.expected or expected, seen, "broken" if seen else "unseen")
    # also what must not be is kept only once it was looked at: the judge says so at the end
    return Clause(rule, expected, seen, "kept" if rule in contract.seen else "open")
