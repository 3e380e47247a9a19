"""What all rules of one contract share: how they say what they ask, saw and found wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from homeport.record.run import Violation


class Road(Protocol):
    """By which road a variable came, as a clause that begins with its name; empty where that is unknown. What
    the process `pid` sees at a time, where they are given."""

    def __call__(self, name: str, task_id: str = "", pid: int = 0, at: float = 0.0) -> str: ...


# How the origin of a violation is told, once roads can be had: to find them may mean to read many sources
Origin = Callable[[Road], str]


@dataclass
class Findings:
    """Each rule is broken at most once: what breaks it again says nothing new. `origins`: of those violations
    whose sentence lacks its origin so far."""

    expected: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    violations: dict[str, Violation] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)

    def expect(self, rule: str, what: str) -> None:
        self.expected[rule] = what

    def see(self, rule: str, what: str) -> None:
        self.seen[rule] = what

    def violate(
        self,
        rule: str,
        seen: str,
        sentence: str,
        *,
        origin: Origin | None = None,
        at: float = 0.0,
        task_id: str = "",
    ) -> list[Violation]:
        """The violation, if the rule was kept until now. `sentence` ends without a full stop."""
        self.seen[rule] = seen
        if rule in self.violations:
            return []
        found = Violation(rule, self.expected.get(rule, ""), seen, f"{sentence}.", "", at, task_id)
        self.violations[rule] = found
        if origin is not None:
            self.origins[rule] = origin
        return [found]

    def put_origin(self, violation: Violation, clause: str) -> Violation:
        """The violation, its sentence with this origin; an empty one changes nothing."""
        self.origins.pop(violation.rule, None)
        if not clause:
            return violation
        sentence = f"{violation.sentence.removesuffix('.')}; {clause}."
        found = replace(violation, sentence=sentence, origin=clause)
        self.violations[violation.rule] = found
        return found


def said_of(name: str, clause: str) -> str:
    """A clause that begins with a name, after a sentence that has named it: `it came from …`."""
    return f"it{clause[len(name) :]}" if clause.startswith(f"{name} ") else clause


Digest = Callable[[str], str]
Values = Mapping[str, str]
