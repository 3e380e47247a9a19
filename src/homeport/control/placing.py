"""When to look whether containers have to start, and what is known of the machine then.

The decision itself is plan/placement.py's. A look is taken when inputs come or a container changes, never at
intervals. How a container starts and ends is left to containers.py.
"""

import asyncio
import time

from homeport.control.backlog import Backlog
from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.lives import Lives
from homeport.control.tasks import Task
from homeport.model.errors import ResourceExhaustedError
from homeport.plan import placement
from homeport.plan.resources import Machine


class Placing:
    """Starts and drains containers of `lives` as the decision says."""

    def __init__(self, machine: Machine, functions: Functions, backlog: Backlog, lives: Lives) -> None:
        self._machine = machine
        self._functions = functions
        self._backlog = backlog
        self._lives = lives
        self._tasks = lives.tasks
        self._always_on: dict[str, Definition] = {}  # functions that keep containers
        self._not_before: dict[str, float] = {}  # by function: the pause after failed starts
        self._given_up: set[str] = set()  # functions that get containers again when inputs come
        self._is_short = False  # whether somebody waits for what the machine has no more of
        self._next: asyncio.Handle | None = None
        self._is_closed = False
        backlog.on_demand.append(self._demanded)

    def open(self) -> None:
        """Takes up the functions that keep containers though nothing waits."""
        for definition in self._functions.published(""):
            self.note(definition)
        self.soon()

    def close(self) -> None:
        self._is_closed = True
        if self._next is not None:
            self._next.cancel()

    def soon(self) -> None:
        """Looks once what happens now has happened."""
        if self._next is None and not self._is_closed:
            self._next = asyncio.get_running_loop().call_soon(self._look)

    def publish(self, app_id: str, definitions: list[Definition]) -> None:
        """The app has these functions now, and no others."""
        for kept in [d for d in self._always_on.values() if d.app_id == app_id]:
            del self._always_on[kept.function_id]
        for definition in definitions:
            self.note(definition)
        self.soon()

    def note(self, definition: Definition) -> None:
        """A function was defined, or its settings changed: what failed before may work now."""
        function_id = definition.function_id
        self._not_before.pop(function_id, None)
        self._given_up.discard(function_id)
        self._always_on.pop(function_id, None)
        if definition.min_containers:
            self._always_on[function_id] = definition

    def became_idle(self, task: Task) -> None:
        """A container waits for inputs: what it holds may be what others wait for."""
        if self._is_short and not self._backlog.waiting(task.function_id):
            self.soon()

    def pause(self, function_id: str, pause_s: float) -> None:
        """No container of the function starts for so long."""
        self._not_before[function_id] = time.monotonic() + pause_s
        if not self._is_closed:
            asyncio.get_running_loop().call_later(pause_s + 0.01, self.soon)

    def give_up(self, function_id: str) -> None:
        """No container of the function starts until inputs come or it is defined anew."""
        self._given_up.add(function_id)

    def demand_of(self, definition: Definition) -> placement.Demand:
        """What the function needs, and has."""
        tasks = self._live(definition.function_id)
        return placement.Demand(
            function_id=definition.function_id,
            waiting=self._backlog.waiting(definition.function_id),
            running=sum(len(task.inputs) for task in tasks),
            live=len(tasks),
            starting=sum(not task.is_ready for task in tasks),
            blocked=sum(task.is_blocked for task in tasks),
            concurrency=definition.target_inputs,
            min_containers=definition.min_containers if definition.function_id in self._always_on else 0,
            max_containers=definition.max_containers,
            buffer_containers=definition.buffer_containers,
            cores=definition.grant.cores,
            memory_mib=definition.grant.memory_mib,
            gpu_count=definition.grant.gpu_count,
        )

    def _demanded(self, function_id: str) -> None:
        self._given_up.discard(function_id)
        idle = sum(task.is_idle and task.function_id == function_id for task in self._tasks.values())
        if self._backlog.waiting(function_id) > idle:  # else those that are idle take them
            self.soon()

    def _look(self) -> None:
        self._next = None
        definitions = self._candidates()
        demands = [self.demand_of(definition) for definition in definitions.values()]
        missing = sum(max(0, placement.wanted(demand) - demand.live) for demand in demands)
        chosen = placement.starts(demands, self._capacity()) if missing else []
        for function_id in chosen:
            definition = definitions[function_id]
            self._lives.start(definition, self._free_gpus()[: definition.grant.gpu_count])
        self._is_short = missing > len(chosen)
        if self._is_short:
            self._make_room(demands)

    def _candidates(self) -> dict[str, Definition]:
        """Functions that may need containers, without those that pause."""
        found = {function_id: self._functions.get(function_id) for function_id in self._backlog.demanded()}
        for function_id, definition in list(self._always_on.items()):
            if self._functions.app(definition.app_id).stopped:
                del self._always_on[function_id]
            elif function_id not in self._given_up:
                found.setdefault(function_id, definition)
        now = time.monotonic()
        return {name: found[name] for name in found if self._not_before.get(name, 0.0) <= now}

    def _capacity(self) -> placement.Capacity:
        busy = [task for task in self._tasks.values() if task.is_at_work]
        return placement.Capacity(
            cores=self._machine.cpus - sum(task.definition.grant.cores for task in busy),
            memory_mib=self._free_memory_mib(),
            free_gpus=len(self._free_gpus()),
        )

    def _free_memory_mib(self) -> int:
        held = sum(task.definition.grant.memory_mib for task in self._tasks.values())
        return self._machine.memory_mib - held

    def _free_gpus(self) -> tuple[int, ...]:
        held = {device for task in self._tasks.values() for device in task.gpu_devices}
        return tuple(device for device in self._machine.gpu_numbers if device not in held)

    def take_gpus(self, count: int) -> tuple[int, ...]:
        """Raises ResourceExhaustedError where fewer are free."""
        free = self._free_gpus()
        if count > len(free):
            raise ResourceExhaustedError(
                f"{count} GPUs are asked for and {len(free)} are free; `modal container list` shows who runs."
            )
        return free[:count]

    def _live(self, function_id: str) -> list[Task]:
        return [t for t in self._tasks.values() if t.function_id == function_id and t.takes_inputs()]

    def _make_room(self, demands: list[placement.Demand]) -> None:
        """Ends idle containers of other functions that hold memory or GPUs which one that waits needs."""
        for demand in demands:
            if not demand.waiting or len(self._live(demand.function_id)) >= placement.wanted(demand):
                continue
            idle = [
                task
                for task in self._tasks.values()
                if task.is_unused and task.takes_inputs() and task.function_id != demand.function_id
            ]
            needed = [task for task in idle if task.gpu_devices] if demand.gpu_count else idle
            if needed and (demand.gpu_count or self._free_memory_mib() < demand.memory_mib):
                self._lives.drain(min(needed, key=lambda task: task.idle_since))
