"""Holds runs to the contracts of homeport.toml while they go: hears what happens, judges, stops or warns.

What a contract asks and how it is judged is record/contracts/'s. Nothing here costs a run without contracts.
"""

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from modal_proto import api_pb2

from homeport.control.backlog import Backlog
from homeport.control.contracts.files import ContractFiles, Held
from homeport.control.contracts.records import ContractRecords, Kept
from homeport.control.contracts.sources import ContractSources
from homeport.control.runs.stops import RunStops
from homeport.model.errors import FailedPreconditionError
from homeport.plan.environment import Variable
from homeport.record import run as records
from homeport.record.contracts import overlap
from homeport.record.contracts.configuration import argument_text, values_of
from homeport.record.contracts.held import Origin
from homeport.record.contracts.judge import Judge
from homeport.record.contracts.terms import Terms
from homeport.record.explain.known import Known
from homeport.record.explain.road import road
from homeport.record.masking import NO_VALUES, ExactValues, is_secret_name
from homeport.record.run import Call, Launcher, Note, Sample, State, Violation

logger = logging.getLogger(__name__)

_WRITE_EVERY_S: Final = 0.5
_MOST_NOTES: Final = 20_000
_MOST_CALLS: Final = 1000  # of a run, to say where a value came from
_MOST_EARLIER: Final = 50
_EXPLAIN_S: Final = 0.6  # that a run which is to be stopped goes on until it is known why
_UNARY = api_pb2.FUNCTION_CALL_TYPE_UNARY


@dataclass(eq=False)
class Judged:
    """A contract that a run is held to. Until its configuration was opened it only gathers."""

    judge: Judge
    is_active: bool
    told: set[str] = field(default_factory=set)  # rules whose violations were acted on


@dataclass(eq=False)
class Watched:
    """A run as far as it is known here."""

    run_id: str
    app_id: str
    app_name: str
    held: Held
    judged: dict[str, Judged] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    tasks: dict[str, tuple[str, Mapping[str, Variable]]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=dict)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    writing: asyncio.TimerHandle | None = None
    found: deque[tuple[Judged, Violation]] = field(default_factory=deque)  # to be acted on, in this order
    acting: asyncio.Task[None] | None = None
    stopped_by: str = ""  # the sentence
    is_over: bool = False
    matched: set[str] = field(default_factory=set)  # calls that a contract is for

    @property
    def started_at(self) -> float:
        return min((call.started_at for call in self.calls), default=0.0)


class ContractWatch:
    """A control.run_events.RunListener. `salt`: of the digests that notes have in place of values;
    `notes_of`: what a container's processes noted so far; `values_of`: what an app's records may not hold."""

    def __init__(
        self,
        files: ContractFiles,
        sources: ContractSources,
        stops: RunStops,
        kept: ContractRecords,
        *,
        salt: bytes,
        notes_of: Callable[[str, str], Sequence[Note]],
        values_of: Callable[[str], ExactValues] = lambda app_id: NO_VALUES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.files = files
        self._sources = sources
        self._stops = stops
        self._kept = kept
        self._salt = salt
        self._notes_of = notes_of
        self._values_of = values_of
        self._now = now
        self._runs: dict[str, Watched] = {}
        self._earlier: dict[str, deque[Call]] = {}  # calls of deployed apps, whose containers are kept warm

    # ---- what runs.py tells

    def watches(self, run_id: str, app_id: str) -> bool:
        held = self.files.of(app_id)
        if held is None or not held.file.contracts:
            return False
        if run_id in self._runs:
            return run_id == app_id or bool(self._runs[run_id].judged)
        kept = self._kept.read(run_id)
        if kept is not None:
            self._take_up(run_id, app_id, held, kept)
        elif run_id == app_id and not held.is_deployed:
            self._runs[run_id] = Watched(run_id, app_id, "", held)
        return True

    def launched(self, run_id: str, launcher: Launcher | None) -> None:
        self.files.launched(run_id, launcher)

    def called(self, run_id: str, app_id: str, app_name: str, call: Call) -> None:
        held = self.files.of(app_id)
        if held is None:
            return
        watched = self._runs.get(run_id) or Watched(run_id, app_id, app_name, held)
        if watched.stopped_by:
            raise FailedPreconditionError(watched.stopped_by)
        found = held.file.of_call(app_name, call.function, self._arguments(watched, call))
        self._check_one(watched, [terms for terms in found if not terms.when.config], call)
        watched.app_name = app_name
        if len(watched.calls) < _MOST_CALLS:
            watched.calls.append(call)
        if run_id != app_id:
            self._earlier.setdefault(app_id, deque(maxlen=_MOST_EARLIER)).append(call)
        if found:
            watched.matched.add(call.call_id)
        for terms in found:
            if terms.name not in watched.judged:
                self._hold(watched, terms, call.started_at)
        if watched.judged:
            self._runs[run_id] = watched
        self._look_at_config(watched)

    def container(self, run_id: str, task_id: str, function: str, variables: Mapping[str, Variable]) -> None:
        watched = self._runs.get(run_id)
        if watched is None:
            return
        watched.tasks[task_id] = (function, variables)
        before = [] if run_id == watched.app_id else list(self._notes_of(watched.app_id, task_id))
        watched.notes += before
        for judged in list(watched.judged.values()):
            self._act(
                watched, judged, judged.judge.container(task_id, function, variables, self._now(), before)
            )

    def noted(self, run_id: str, notes: Sequence[Note]) -> None:
        watched = self._runs.get(run_id)
        if watched is None:
            return
        fresh = [note for note in notes if note.at >= watched.started_at or run_id == watched.app_id]
        watched.notes += fresh[: max(0, _MOST_NOTES - len(watched.notes))]
        self._read_config(watched, fresh)
        for judged in list(watched.judged.values()):
            self._act(watched, judged, judged.judge.noted(fresh))

    def printed(self, run_id: str, task_id: str, lines: Sequence[tuple[float, str]]) -> None:
        watched = self._runs.get(run_id)
        if watched is None:
            return
        fresh = [line for line in lines if line[0] >= watched.started_at or run_id == watched.app_id]
        for judged in list(watched.judged.values()):
            before = len(judged.judge.counts)
            self._act(watched, judged, judged.judge.printed(task_id, fresh))
            if len(judged.judge.counts) > before:
                self._write_soon(watched)

    def sampled(self, run_id: str, task_id: str, sample: Sample) -> None:
        watched = self._runs.get(run_id)
        for judged in list(watched.judged.values()) if watched is not None else ():
            assert watched is not None
            self._act(watched, judged, judged.judge.sampled(task_id, sample))

    def ended(self, run_id: str, state: State) -> None:
        self.last_word(run_id, state)
        self._runs.pop(run_id, None)
        self._kept.forget(run_id)

    def last_word(self, run_id: str, state: State) -> None:
        """What never showed, and which contracts were for nothing; said once, before the app's log ends."""
        watched = self._runs.get(run_id)
        if watched is None or watched.is_over:
            return
        if watched.acting is not None:  # no time is left to find out more
            watched.acting.cancel()
            while watched.found:
                self._act_on(watched, *watched.found.popleft())
        watched.is_over = True
        for timer in watched.timers:
            timer.cancel()
        active = [judged for judged in watched.judged.values() if judged.is_active]
        for judged in active:
            found = judged.judge.ended(state, self._now())
            for violation in found:
                self._say(watched, judged, violation, "")
        if run_id == watched.app_id:
            self._say_unmatched(watched, {judged.judge.terms.name for judged in active})
        self._write(watched)

    async def acted(self, run_id: str) -> str:
        watched = self._runs.get(run_id)
        if watched is None:
            return ""
        if watched.acting is not None:
            await asyncio.wait({watched.acting})
        return watched.stopped_by

    async def close(self) -> None:
        await self._stops.close()
        acting = [watched.acting for watched in self._runs.values() if watched.acting is not None]
        for job in acting:
            job.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
        for watched in self._runs.values():
            for timer in (*watched.timers, watched.writing):
                if timer is not None:
                    timer.cancel()

    def waiting(self, input_ids: Sequence[str], backlog: Backlog) -> set[str]:
        """The runs whose contracts have to be judged before these inputs' results count: of matched calls."""
        if not self._runs:
            return set()
        calls = [entry.call for each in input_ids if (entry := backlog.input(each)) is not None]
        return {
            call.run_id
            for call in calls
            if call.kind == _UNARY
            and (watched := self._runs.get(call.run_id)) is not None
            and call.call_id in watched.matched
        }

    # ---- which contract

    def _arguments(self, watched: Watched, call: Call) -> dict[str, str]:
        found = {a.name: argument_text(a.value) for a in call.arguments if a.value or a.came != "default"}
        left = [a.name for a in call.arguments if a.name not in found]
        if left:
            written = self._sources.defaults(watched.app_id, call.function, watched.held.entry)
            found.update((name, written[name]) for name in left if name in written)
        return found

    def _check_one(self, watched: Watched, found: list[Terms], call: Call) -> None:
        """A run is held to one contract."""
        names = [name for name, judged in watched.judged.items() if judged.is_active]
        names += [terms.name for terms in found if terms.name not in names]
        if len(names) > 1:
            raise FailedPreconditionError(
                f"This run matches the contracts {' and '.join(names)} of {watched.held.file.path}, the last "
                f"by its call of {call.function}; one run is held to one contract, so start them as two runs."
            )

    def _hold(self, watched: Watched, terms: Terms, started_at: float) -> None:
        judge = Judge(
            terms,
            file=watched.held.file.path,
            started_at=started_at,
            digest=self._digest,
            earlier=lambda contract, name: self._kept.values(watched.app_name, contract, name),
        )
        judged = Judged(judge, not terms.when.config)
        watched.judged[terms.name] = judged
        for task_id, (function, variables) in watched.tasks.items():
            self._act(watched, judged, judge.container(task_id, function, variables, self._now()))
        if judge.deadline is not None:
            loop = asyncio.get_running_loop()
            delay = max(0.0, judge.deadline - self._now())
            watched.timers.append(loop.call_later(delay, self._deadline, watched, judged))
        self._write_soon(watched)

    def _read_config(self, watched: Watched, notes: Iterable[Note]) -> None:
        if all(judged.is_active for judged in watched.judged.values()):
            return
        for note in notes:
            if note.kind == "open" and note.how == "r":
                watched.config.update(values_of(self._sources.config(note), note.path))
        self._look_at_config(watched)

    def _look_at_config(self, watched: Watched) -> None:
        for judged in watched.judged.values():
            if not judged.is_active and judged.judge.terms.when.of_config(watched.config):
                judged.is_active = True
                self._act(watched, judged, judged.judge.violations)

    # ---- what a violation does

    def _deadline(self, watched: Watched, judged: Judged) -> None:
        self._act(watched, judged, judged.judge.passed(self._now() + 0.01))

    def _act(self, watched: Watched, judged: Judged, found: Iterable[Violation]) -> None:
        """At once, or soon where it has to be found out first by which road a variable came."""
        if not judged.is_active or watched.is_over:
            return
        waiting = {violation.rule for each, violation in watched.found if each is judged}
        for violation in found:
            if violation.rule in judged.told | waiting:
                continue
            if watched.acting is None and judged.judge.origin(violation) is None:
                self._act_on(watched, judged, violation)
                continue
            watched.found.append((judged, violation))
            if watched.acting is None:
                watched.acting = asyncio.get_running_loop().create_task(self._explain_and_act(watched))

    async def _explain_and_act(self, watched: Watched) -> None:
        while watched.found:
            judged, violation = watched.found[0]
            clause = self._begin_clause(watched, judged, violation)
            await asyncio.wait({clause}, timeout=_EXPLAIN_S)
            is_late = not clause.done()
            if not is_late:
                violation = judged.judge.put_origin(violation, clause.result())
            watched.found.popleft()
            self._act_on(watched, judged, violation)
            if is_late and (origin := await clause):
                judged.judge.put_origin(violation, origin)
                what = f"Contract {judged.judge.terms.name}, {violation.rule}"
                self._stops.say(watched.app_id, violation.task_id, f"{what}: {origin}.")
                self._write(watched)
        watched.acting = None

    def _begin_clause(self, watched: Watched, judged: Judged, violation: Violation) -> asyncio.Future[str]:
        """Where a violation came from; many sources may have to be read for it, in a thread."""
        origin = judged.judge.origin(violation)
        try:
            known = self._known(watched) if origin is not None else None
        except Exception:
            logger.exception("what is known of %s", watched.run_id)
            known = None
        if origin is None or known is None:
            nothing: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            nothing.set_result("")
            return nothing
        return asyncio.ensure_future(asyncio.to_thread(_clause, origin, known))

    def _act_on(self, watched: Watched, judged: Judged, violation: Violation) -> None:
        if watched.stopped_by or violation.rule in judged.told:
            return
        judged.told.add(violation.rule)
        if judged.judge.terms.on_violation == "warn":
            self._say(watched, judged, violation, ' (on_violation is "warn", so the run goes on)')
        else:
            if watched.run_id != watched.app_id:  # else the app's own end says it
                self._say(watched, judged, violation, " The call is ended.")
            self._stop(watched, judged, violation)
        self._write(watched)

    def _stop(self, watched: Watched, judged: Judged, violation: Violation) -> None:
        watched.stopped_by = f"Contract {judged.judge.terms.name} is broken: {violation.sentence}"
        alone = {
            task_id
            for task_id in watched.tasks
            if not any(task_id in other.tasks for other in self._runs.values() if other is not watched)
        }
        self._stops.stop(watched.run_id, watched.app_id, watched.stopped_by, alone)

    def _say(self, watched: Watched, judged: Judged, violation: Violation, more: str) -> None:
        what = "broken" if violation.rule in judged.told else "not kept"
        sentence = f"Contract {judged.judge.terms.name} is {what}: {violation.sentence}{more}"
        self._stops.say(watched.app_id, violation.task_id, sentence)

    def _say_unmatched(self, watched: Watched, matched: set[str]) -> None:
        """A function's other contracts are for its other runs: no word of them where one was matched."""
        held = [terms for terms in watched.held.file.contracts if terms.name in matched]
        only = watched.held.file.only
        rest = [
            terms
            for terms in watched.held.file.contracts
            if terms.name not in matched
            and only in ("", terms.name)
            and not any(overlap.is_same_function(terms.when, t.when) for t in held)
        ]
        if rest:
            said = "; ".join(f"{terms.name} ({terms.when})" for terms in rest)
            none = "" if matched else ", so nothing was checked"
            self._stops.say(watched.app_id, "", f"No call of this run matched contract {said}{none}.")

    def _known(self, watched: Watched) -> Callable[[], Known]:
        """What is known now; to be put together in a thread."""
        functions: dict[str, records.Function] = {}
        for function, variables in watched.tasks.values():
            if function not in functions:
                recorded = tuple(map(self._recorded, variables.values()))
                functions[function] = records.Function(function, environment=recorded)
        run = records.Run(
            watched.run_id,
            app_id=watched.app_id,
            launcher=watched.held.launcher,
            functions=tuple(functions.values()),
            calls=tuple(watched.calls),
            notes=tuple(watched.notes),
            attempts=tuple(records.Attempt(task_id, f) for task_id, (f, _) in watched.tasks.items()),
        )
        earlier = tuple(self._earlier.get(watched.app_id, ()))
        trees = self._sources.trees(watched.app_id)

        def known() -> Known:
            source = records.Source(watched.held.entry, self._sources.files(trees))
            return Known(replace(run, source=source), self._sources.read, earlier)

        return known

    def _recorded(self, variable: Variable) -> records.Variable:
        is_secret = variable.secret or is_secret_name(variable.name)
        value, digest = ("", self._digest(variable.value)) if is_secret else (variable.value, "")
        return records.Variable(variable.name, variable.origin, value, digest, variable.shadowed)

    def _digest(self, value: str) -> str:
        return hashlib.blake2b(value.encode(), key=self._salt, digest_size=16).hexdigest()

    # ---- what is kept

    def _take_up(self, run_id: str, app_id: str, held: Held, kept: Kept) -> None:
        """A run that an engine before this one watched. What it said is told again from its beginning."""
        watched = Watched(
            run_id, app_id, kept.app_name, held, calls=list(kept.calls), stopped_by=kept.stopped_by
        )
        self._runs[run_id] = watched
        terms = {each.name: each for each in held.file.contracts}
        for name, rules in kept.told.items():
            if name in terms:
                self._hold(watched, terms[name], watched.started_at)
                watched.judged[name].told |= set(rules)
        if watched.stopped_by:
            self._stops.stop(run_id, app_id, watched.stopped_by, set())

    def _write_soon(self, watched: Watched) -> None:
        if watched.writing is None and not watched.is_over:
            loop = asyncio.get_running_loop()
            watched.writing = loop.call_later(_WRITE_EVERY_S, self._write, watched)

    def _write(self, watched: Watched) -> None:
        if watched.writing is not None:
            watched.writing.cancel()
            watched.writing = None
        best = max(watched.judged.values(), key=lambda judged: judged.is_active, default=None)
        kept = Kept(
            contract=best.judge.record() if best is not None and best.is_active else None,
            counts=best.judge.counts if best is not None else (),
            app_name=watched.app_name,
            calls=tuple(watched.calls[:100]),
            told={name: sorted(judged.told) for name, judged in watched.judged.items()},
            stopped_by=watched.stopped_by,
        )
        self._kept.write(watched.run_id, kept, self._values_of(watched.app_id))
        if best is not None and best.is_active:
            self._kept.put_values(watched.app_name, watched.held.file, best.judge, watched.run_id)


def _clause(origin: Origin, known: Callable[[], Known]) -> str:
    """In a thread. A sentence without its origin is better than none."""
    try:
        facts = known()

        def find(name: str, task_id: str = "", pid: int = 0, at: float = 0.0) -> str:
            return str(road(facts, name, task_id, pid=pid, at=at) or "")

        return origin(find)
    except Exception:
        logger.exception("where a violation came from")
        return ""
