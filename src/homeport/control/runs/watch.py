"""Who watches which run, and what they are told: which containers work for it, what these say.

A listener says of each app whether it wants to know; runs that nobody watches cost nothing here. How a
listener fails is its own matter, but for a HomeportError where a step may be refused.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from homeport.control.runs.events import RunListener
from homeport.control.runs.folders import RunFolders
from homeport.control.runs.tails import Tails
from homeport.model.errors import HomeportError
from homeport.model.home import Home
from homeport.plan.environment import Variable
from homeport.record.run import Note, Sample, State

logger = logging.getLogger(__name__)

_REFUSABLE = frozenset({"launched", "called", "container"})


class RunWatch:
    """The runs that go on, and the containers that work for them."""

    def __init__(self, home: Home, folders: RunFolders) -> None:
        self.listeners: list[RunListener] = []
        self._folders = folders
        self._tails = Tails(home, self._printed, self._noted)
        self._watched: set[str] = set()
        self._runs: dict[str, set[str]] = {}  # of each container
        self._leaving: list[asyncio.Future[None]] = []
        self._variables: dict[str, Mapping[str, Variable]] = {}  # of each container, as it began

    def close(self) -> None:
        self._tails.close()

    def look(self, run_id: str, app_id: str) -> bool:
        """Whether somebody watches a run that begins."""
        for listener in self.listeners:
            try:
                if listener.watches(run_id, app_id):
                    self._watched.add(run_id)
                    return True
            except Exception:
                logger.exception("whether %s is watched", run_id)
        return False

    def is_watched(self, run_id: str) -> bool:
        return run_id in self._watched

    def forget(self, run_ids: Iterable[str]) -> None:
        """They have ended, or were refused."""
        self._watched.difference_update(run_ids)
        for runs in self._runs.values():
            runs.difference_update(run_ids)

    # ---- containers

    def compose(self, task_id: str, variables: Mapping[str, Variable]) -> None:
        """The environment that a container will begin with."""
        self._variables[task_id] = variables
        self._runs.setdefault(task_id, set())

    def runs_of(self, task_id: str) -> set[str]:
        """The runs that a container works for. Not to be changed."""
        return self._runs.get(task_id, set())

    def work(self, task_id: str, run_id: str, function: str) -> None:
        """A container works for a run from now on. Raises what a listener refuses it with."""
        self._runs.setdefault(task_id, set()).add(run_id)
        if run_id not in self._watched:
            return
        self._tails.follow(task_id)
        variables = self._variables.get(task_id)
        if variables is not None:
            self.tell("container", run_id, task_id, function, variables)

    def grew(self, task_id: str) -> None:
        """A container printed something."""
        self._tails.grew(task_id)

    async def settle(self, run_id: str) -> None:
        """Returns once all is told that the run's containers said before now, and listeners have acted."""
        await self._tails.settle([task_id for task_id, runs in self._runs.items() if run_id in runs])
        await self.acted(run_id)

    async def acted(self, run_id: str) -> str:
        """Returns once listeners have done what the run asks for; what one stopped it with, if one did."""
        for listener in list(self.listeners) if run_id in self._watched else ():
            try:
                if sentence := await listener.acted(run_id):
                    return sentence
            except Exception as error:
                self._failed("acted", run_id, error)
        return ""

    async def silent(self, task_id: str) -> None:
        """A container has ended: what it said last is told."""
        await self._tails.end(task_id)

    def left(self, task_id: str) -> None:
        """Nothing is left of a container but what is kept of it."""
        self._runs.pop(task_id, None)
        self._variables.pop(task_id, None)
        waiting, self._leaving = self._leaving, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def all_left(self, run_id: str) -> None:
        """Returns once no container works for a run."""
        while any(run_id in runs for runs in self._runs.values()):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._leaving.append(waiter)
            await waiter

    def sampled(self, task_id: str, sample: Sample) -> None:
        for run_id in self._runs.get(task_id, set()) & self._watched:
            self.tell("sampled", run_id, task_id, sample)

    # ---- telling

    def tell_end(self, run_id: str, state: State) -> None:
        if run_id in self._watched:
            self.tell("ended", run_id, state)

    def tell(self, step: str, run_id: str, *facts: Any) -> None:
        for listener in list(self.listeners):
            try:
                getattr(listener, step)(run_id, *facts)
            except HomeportError as error:
                if step in _REFUSABLE:
                    raise
                self._failed(step, run_id, error)
            except Exception as error:
                self._failed(step, run_id, error)

    def _failed(self, step: str, run_id: str, error: Exception) -> None:
        logger.error("a listener failed at %s of %s", step, run_id, exc_info=error)
        self._folders.miss(run_id, f"What watches this run failed when it was told of its step {step!r}.")

    def _printed(self, task_id: str, lines: Sequence[tuple[float, str]]) -> None:
        for run_id in self._runs.get(task_id, set()) & self._watched:
            self.tell("printed", run_id, task_id, lines)

    def _noted(self, task_id: str, notes: Sequence[Note]) -> None:
        for run_id in self._runs.get(task_id, set()) & self._watched:
            self.tell("noted", run_id, notes)
