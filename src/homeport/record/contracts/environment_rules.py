"""Variables: forbidden, required, expected; as containers begin with them, and as processes change them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from homeport.plan.environment import Variable
from homeport.record.contracts.held import Digest, Findings, Origin, Road, said_of
from homeport.record.contracts.terms import Terms
from homeport.record.run import Note, Violation

TELLING: Final = re.compile(
    r"LIMIT|SMOKE|SUBSET|SAMPLE|DEBUG|DRY|FAST|QUICK|TINY|TEST|MAX|FIRST", re.IGNORECASE
)
_PLATFORM: Final = ("platform", "image: FROM")


class EnvironmentRules:
    """`digest` gives what notes have in place of a value."""

    def __init__(self, terms: Terms, findings: Findings, digest: Digest) -> None:
        self._terms = terms
        self._findings = findings
        self._digest = digest
        self._given: dict[str, dict[str, str]] = {}  # of a container: what users gave it, as digests
        self._changed: dict[str, str] = {}  # what code set, for itself or a child, as digests
        for pattern in terms.forbid_env:
            findings.expect(f"variable {pattern}", "not set")
        for pattern in terms.require_env:
            findings.expect(f"variable {pattern}", "set")
        for name, value in terms.env.items():
            findings.expect(f"variable {name}", value)

    def container(
        self,
        task_id: str,
        variables: Mapping[str, Variable],
        before: Sequence[Note],
        at: float,
        *,
        is_its_own: bool,
    ) -> list[Violation]:
        """A container begins, or is given to this run after it served others (`before`: what it noted there).
        `is_its_own`: it runs the contract's function; others need not have what that requires."""
        self._given[task_id] = {
            name: self._digest(variable.value)
            for name, variable in variables.items()
            if not variable.origin.startswith(_PLATFORM)
        }
        left = _left_by(before)
        found: list[Violation] = []
        for name in [*variables, *(name for name in left if name not in variables)]:
            digest = left[name].digest if name in left else "-"
            if digest:
                note = left.get(name)
                found += self._forbidden(name, task_id, note.pid if note else 0, at, of_container=True)
        if not is_its_own:
            return found
        present = {name: variable.value for name, variable in variables.items() if name not in left}
        found += self._required(
            {*present, *(name for name, note in left.items() if note.digest)}, task_id, at
        )
        for name, wanted in self._terms.env.items():
            note = left.get(name)
            digest = note.digest if note else self._digest(present[name]) if name in present else ""
            is_public = name in present and not variables[name].secret
            found += self._expected(
                name, wanted, digest, task_id, at, shown=present[name] if is_public else ""
            )
        return found

    def noted(self, note: Note) -> list[Violation]:
        if note.kind == "set":
            changes = {note.name: note.digest}
        elif note.kind == "unset":
            changes = {note.name: ""}
        elif note.kind == "child":
            changes = dict(note.changes)
        else:
            return []
        found: list[Violation] = []
        for name, digest in changes.items():
            if digest:
                self._changed[name] = digest
                pid = note.pid if note.kind == "set" else 0
                found += self._forbidden(
                    name, note.task_id, pid, note.at, child=note if note.kind == "child" else None
                )
            if name in self._terms.env:
                wanted = self._terms.env[name]
                found += self._expected(name, wanted, digest, note.task_id, note.at, pid=note.pid)
        return found

    def suspect(self, variables: Mapping[str, str]) -> None:
        """Variables that may have reached the run, though nobody can see whether they did."""
        self._changed.update((name, self._digest(value)) for name, value in variables.items())

    def likely_cause(self, values: Iterable[str]) -> Origin | None:
        """The road of the variable that most probably made a count wrong, of those that are set now; None if
        none is suspicious."""
        wanted = {self._digest(value) for value in values}
        everything = {
            name: digest for given in self._given.values() for name, digest in given.items()
        } | self._changed
        suspects = sorted(
            (
                (not self._is_forbidden(name), digest not in wanted, name not in self._changed, name)
                for name, digest in everything.items()
                if self._is_forbidden(name) or digest in wanted or TELLING.search(name)
            )
        )

        def origin(road: Road) -> str:
            for is_allowed, differs, _, name in suspects:
                clause = road(name)
                if clause:
                    return clause if not is_allowed or not differs else f"perhaps since {clause}"
            return ""

        return origin if suspects else None

    # ---- inside

    def _is_forbidden(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._terms.forbid_env)

    def _forbidden(
        self,
        name: str,
        task_id: str,
        pid: int,
        at: float,
        *,
        child: Note | None = None,
        of_container: bool = False,
    ) -> list[Violation]:
        found: list[Violation] = []
        for pattern in self._terms.forbid_env:
            if fnmatchcase(name, pattern):

                def origin(road: Road) -> str:
                    clause = road(name, task_id, pid, at)
                    if not clause and child is not None:
                        place = f" at {child.stack[0]}" if child.stack else ""
                        clause = f"{_program(child.argv)} was given it{place}"
                    return said_of(name, clause) or (
                        "the container has it" if of_container else "code set it"
                    )

                found += self._findings.violate(
                    f"variable {pattern}",
                    f"{name} is set" if pattern != name else "set",
                    f"{name} is forbidden here",
                    origin=origin,
                    at=at,
                    task_id=task_id,
                )
        return found

    def _required(self, present: set[str], task_id: str, at: float) -> Iterator[Violation]:
        for pattern in self._terms.require_env:
            rule = f"variable {pattern}"
            if not any(fnmatchcase(name, pattern) for name in present):
                yield from self._findings.violate(
                    rule,
                    "not set",
                    f"{pattern} is required here, and nothing sets it",
                    at=at,
                    task_id=task_id,
                )
            elif rule not in self._findings.violations:
                self._findings.see(rule, "set")

    def _expected(
        self, name: str, wanted: str, digest: str, task_id: str, at: float, *, shown: str = "", pid: int = 0
    ) -> list[Violation]:
        rule = f"variable {name}"
        if digest == self._digest(wanted):
            if rule not in self._findings.violations:
                self._findings.see(rule, wanted)
            return []
        seen = f"{name}={shown}" if shown else "another value" if digest else "that it is not set"
        return self._findings.violate(
            rule,
            shown or ("another value" if digest else "not set"),
            f"expected {name}={wanted}, saw {seen}",
            origin=lambda road: said_of(name, road(name, task_id, pid, at)),
            at=at,
            task_id=task_id,
        )

    def kept(self) -> None:
        """At the end: a forbidden variable that nobody set."""
        if not self._given:
            return
        for pattern in self._terms.forbid_env:
            self._findings.seen.setdefault(f"variable {pattern}", "not set")


def _left_by(notes: Sequence[Note]) -> dict[str, Note]:
    """The last change of each variable that a container's own process made."""
    own = next((note.pid for note in notes), 0)
    return {note.name: note for note in notes if note.kind in ("set", "unset") and note.pid == own}


def _program(argv: Sequence[str]) -> str:
    """`train.py` of `python -u train.py --config x`."""
    script = next((word for word in argv[1:] if word.endswith(".py")), argv[0] if argv else "a child")
    return script.rpartition("/")[2]
