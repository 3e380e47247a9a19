"""One run held to one contract: fed with what the run shows, it answers what breaks the contract.

Pure: it knows no engine. control/contracts/watch.py feeds it, and `homeport guard` for a run elsewhere.
"""

from collections.abc import Iterable, Mapping, Sequence

from homeport.plan.environment import Variable
from homeport.record.contracts.bound_rules import BoundRules
from homeport.record.contracts.count_rules import CountRules, Earlier
from homeport.record.contracts.environment_rules import EnvironmentRules
from homeport.record.contracts.file_rules import FileRules
from homeport.record.contracts.held import Digest, Findings, Origin, Road
from homeport.record.contracts.terms import Terms, is_function
from homeport.record.run import Contract, Count, Note, Sample, State, Verdict, Violation


def _nothing_earlier(contract: str, name: str) -> Iterable[tuple[str, str]]:
    return ()


class Judge:
    """Every method that is fed something answers the violations that are new; all are in `violations`.

    Their sentences lack the origin that `origin` then finds out. `digest`: what notes have in place of a
    value. `earlier`: what runs of other contracts showed.
    """

    def __init__(
        self,
        terms: Terms,
        *,
        file: str = "",
        started_at: float = 0.0,
        digest: Digest = str,
        earlier: Earlier = _nothing_earlier,
    ) -> None:
        self.terms = terms
        self._file = file
        self._is_over = False
        self._unseen: list[Violation] = []
        self._findings = Findings()
        self._environment = EnvironmentRules(terms, self._findings, digest)
        self._counts = CountRules(terms, self._findings, self._environment.likely_cause, earlier)
        self._files = FileRules(terms, self._findings)
        self._bounds = BoundRules(terms, self._findings, started_at)

    @property
    def violations(self) -> tuple[Violation, ...]:
        return (*self._findings.violations.values(), *self._unseen)

    @property
    def counts(self) -> tuple[Count, ...]:
        """What lines showed, each name and value once."""
        return tuple(self._counts.counts.values())

    @property
    def deadline(self) -> float | None:
        """When `passed` has to be asked, as the run will be too long then."""
        return self._bounds.deadline

    # ---- fed

    def suspect(self, variables: Mapping[str, str]) -> None:
        """Variables that may have reached the run elsewhere: named where a count is wrong, no violation."""
        self._environment.suspect(variables)

    def container(
        self,
        task_id: str,
        function: str,
        variables: Mapping[str, Variable],
        at: float,
        before: Sequence[Note] = (),
    ) -> list[Violation]:
        """`before`: what it noted while it served other runs."""
        wanted = self.terms.when.function
        is_its_own = not wanted or any(is_function(name, function) for name in wanted)
        return self._environment.container(task_id, variables, before, at, is_its_own=is_its_own)

    def noted(self, notes: Iterable[Note]) -> list[Violation]:
        found: list[Violation] = []
        for note in notes:
            found += self._environment.noted(note)
            found += self._files.noted(note)
        return found

    def printed(self, task_id: str, lines: Iterable[tuple[float, str]]) -> list[Violation]:
        return [found for at, line in lines for found in self._counts.printed(task_id, at, line)]

    def sampled(self, task_id: str, sample: Sample) -> list[Violation]:
        return self._bounds.sampled(task_id, sample)

    def passed(self, now: float) -> list[Violation]:
        return self._bounds.passed(now)

    def ended(self, state: State, now: float) -> list[Violation]:
        """The last word: what never showed, where nothing else stopped the run."""
        self._is_over = True
        was_kept = not self._findings.violations
        found = self._bounds.ended(state, now)
        self._environment.kept()
        self._files.kept()
        if was_kept:
            self._unseen = [*self._counts.unseen(), *self._files.unseen()]
        return [*found, *self._unseen]

    # ---- said

    def origin(self, violation: Violation) -> Origin | None:
        """What finds the origin of a violation out, given roads; None where there is nothing to find."""
        return self._findings.origins.get(violation.rule)

    def put_origin(self, violation: Violation, clause: str) -> Violation:
        """The violation with its origin, which the record will have, too."""
        return self._findings.put_origin(violation, clause)

    def explained(self, found: Iterable[Violation], road: Road) -> list[Violation]:
        """Violations with their origins, where roads are had at once."""
        return [
            violation
            if (origin := self.origin(violation)) is None
            else self.put_origin(violation, origin(road))
            for violation in found
        ]

    @property
    def verdict(self) -> Verdict:
        if self._findings.violations:
            return "broken"
        if not self._is_over:
            return ""
        return "unseen" if self._unseen else "kept"

    def record(self) -> Contract:
        return Contract(
            name=self.terms.name,
            file=self._file,
            verdict=self.verdict,
            on_violation=self.terms.on_violation,
            expected=dict(self._findings.expected),
            seen=dict(self._findings.seen),
            violations=self.violations,
        )
