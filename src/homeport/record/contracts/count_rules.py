"""Values that lines show, against what was expected of them, and apart from those of other contracts."""

import re
from collections.abc import Callable, Iterable
from posixpath import normpath
from typing import Final

from homeport.record.contracts.held import Findings, Origin
from homeport.record.contracts.observing import observed, plain
from homeport.record.contracts.terms import Expectation, Terms
from homeport.record.run import Count, Violation

_NOUNS: Final = re.compile(
    r"\b(?:files?|images?|recordings?|records?|samples?|examples?|items?|rows?|clips?|windows?|segments?|batches|"
    r"tokens|documents|patients|subjects)\b"
)
_MOST_KEPT: Final = 1000  # of the values that a run's record keeps

# (contract, name) -> values that its runs showed before, each with the run's id
Earlier = Callable[[str, str], Iterable[tuple[str, str]]]
LikelyCause = Callable[[Iterable[str]], Origin | None]


class CountRules:
    def __init__(self, terms: Terms, findings: Findings, cause: LikelyCause, earlier: Earlier) -> None:
        self._terms = terms
        self._findings = findings
        self._cause = cause
        self._earlier = earlier
        self.counts: dict[tuple[str, str], Count] = {}
        for name, expectation in terms.expect.items():
            findings.expect(name, str(expectation))
        self._apart = [(name, other) for other, names in terms.apart_from.items() for name in names]
        for name, other in self._apart:
            findings.expect(f"{name} apart from {other}", f"none of contract {other}'s")

    def printed(self, task_id: str, at: float, line: str) -> list[Violation]:
        found: list[Violation] = []
        values = list(observed(line, self._terms.observe))
        for name, value in values:
            if (name, value) not in self.counts and len(self.counts) < _MOST_KEPT:
                self.counts[name, value] = Count(name, value, plain(line)[:400], at, task_id)
            expectation = self._terms.expect.get(name)
            if expectation is not None:
                found += self._judge(name, value, expectation, values, line, at, task_id)
            found += self._judge_apart(name, value, at, task_id)
        return found

    def unseen(self) -> list[Violation]:
        found: list[Violation] = []
        shown = {name for name, _ in self.counts}
        for name, expectation in self._terms.expect.items():
            if name not in shown:
                found.append(
                    Violation(
                        name,
                        str(expectation),
                        "",
                        f"expected {name} = {expectation}, and no line ever showed it.",
                    )
                )
        for name, other in self._apart:
            if name not in shown:
                found.append(
                    Violation(
                        f"{name} apart from {other}",
                        f"none of contract {other}'s",
                        "",
                        f"{name} has to differ from that of contract {other}, and no line ever showed it.",
                    )
                )
        return found

    def _judge(
        self,
        name: str,
        value: str,
        expectation: Expectation,
        values: list[tuple[str, str]],
        line: str,
        at: float,
        task_id: str,
    ) -> list[Violation]:
        if expectation.holds(value):
            if name not in self._findings.violations:
                self._findings.see(name, value)
            return []
        sentence = _sentence(name, value, expectation, plain(line))
        origin = self._cause([value, *(v for _, v in values)])
        return self._findings.violate(name, value, sentence, origin=origin, at=at, task_id=task_id)

    def _judge_apart(self, name: str, value: str, at: float, task_id: str) -> list[Violation]:
        found: list[Violation] = []
        for mine, other in self._apart:
            if mine != name:
                continue
            rule = f"{name} apart from {other}"
            shared = next((run for seen, run in self._earlier(other, name) if _same(seen, value)), "")
            if shared:
                found += self._findings.violate(
                    rule,
                    value,
                    f"{name} is {value}, as it was in run {shared} of contract {other}, from "
                    "which it has to differ",
                    at=at,
                    task_id=task_id,
                )
            elif rule not in self._findings.violations:
                self._findings.see(rule, value)
        return found


def _sentence(name: str, value: str, expectation: Expectation, line: str) -> str:
    """`expected 3734 train files, saw 50` where the line reads like that, else with the name before."""
    noun = _NOUNS.search(line)
    if re.search(rf"(?<!\w){re.escape(value)}\s+{re.escape(name)}\b", line):
        counted = f" {noun.group()}" if noun and noun.group() != name else ""
        return f"expected {expectation} {name}{counted}, saw {value}"
    if value.lstrip("-").replace(",", "").isdigit() and noun and noun.group() == name:
        return f"expected {expectation} {name}, saw {value}"
    return f"expected {name} = {expectation}, saw {value}"


def _same(one: str, other: str) -> bool:
    if one.startswith("/") and other.startswith("/"):
        return normpath(one) == normpath(other)
    return one == other
