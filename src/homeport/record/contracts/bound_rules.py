"""Bounds of time and memory."""

from homeport.record.contracts.held import Findings
from homeport.record.contracts.terms import Terms
from homeport.record.run import Sample, State, Violation

_GIB = 1024**3


class BoundRules:
    def __init__(self, terms: Terms, findings: Findings, started_at: float) -> None:
        self._terms = terms
        self._findings = findings
        self._started_at = started_at
        self._most_bytes = 0
        if terms.max_minutes is not None:
            findings.expect("max_minutes", f"{terms.max_minutes:g}")
        if terms.min_minutes is not None:
            findings.expect("min_minutes", f"{terms.min_minutes:g}")
        if terms.max_memory_gib is not None:
            findings.expect("max_memory_gib", f"{terms.max_memory_gib:g}")

    @property
    def deadline(self) -> float | None:
        minutes = self._terms.max_minutes
        return None if minutes is None else self._started_at + minutes * 60

    def sampled(self, task_id: str, sample: Sample) -> list[Violation]:
        limit = self._terms.max_memory_gib
        self._most_bytes = max(self._most_bytes, sample.memory_bytes)
        if limit is None:
            return []
        gib = f"{self._most_bytes / _GIB:.2f}"
        if sample.memory_bytes <= limit * _GIB:
            if "max_memory_gib" not in self._findings.violations:
                self._findings.see("max_memory_gib", gib)
            return []
        said = (
            f"expected at most {limit:g} GiB of memory, saw {sample.memory_bytes / _GIB:.2f} GiB in {task_id}"
        )
        return self._findings.violate("max_memory_gib", gib, said, at=sample.at, task_id=task_id)

    def passed(self, now: float) -> list[Violation]:
        """Looks whether the run has taken too long."""
        minutes = self._minutes(now)
        limit = self._terms.max_minutes
        if limit is None or minutes < limit:
            return []
        said = f"expected an end within {limit:g} minutes, and it still ran after {minutes:.3g}"
        return self._findings.violate("max_minutes", f"{minutes:.3g}", said, at=now)

    def ended(self, state: State, now: float) -> list[Violation]:
        minutes = self._minutes(now)
        for rule in ("max_minutes", "min_minutes"):
            if rule in self._findings.expected and rule not in self._findings.violations:
                self._findings.see(rule, f"{minutes:.3g}")
        least = self._terms.min_minutes
        if least is None or state != "succeeded" or minutes >= least:
            return []
        said = f"expected at least {least:g} minutes of work, and it ended after {minutes:.2g}"
        return self._findings.violate("min_minutes", f"{minutes:.3g}", said, at=now)

    def _minutes(self, now: float) -> float:
        return (now - self._started_at) / 60
