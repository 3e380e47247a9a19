"""A container as the engine keeps it in memory, beside its row in `tasks`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from modal_proto import api_pb2

from homeport.control.definitions import Definition
from homeport.control.queues import Input
from homeport.plan.resources import DEFAULT_CPU
from homeport.runtime.engine import ContainerExit


@dataclass(eq=False)
class Task:
    """One container of a function, from its row until it has ended.

    `is_draining`: it gets no more inputs and ends by itself. `kill_reason`: the engine ends it, so its end is
    no crash. `blocked`: how many of its requests wait for results of nested calls.
    """

    task_id: str
    definition: Definition
    gpu_devices: tuple[int, ...] = ()
    is_started: bool = False
    is_ready: bool = False
    is_draining: bool = False
    is_idle: bool = False
    was_told: bool = False  # that its code needs a GPU
    idle_since: float = 0.0
    kill_reason: str = ""
    blocked: int = 0
    inputs: dict[str, Input] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    wake_heartbeat: asyncio.Event = field(default_factory=asyncio.Event)
    wake_idle: asyncio.Event = field(default_factory=asyncio.Event)
    startup_timer: asyncio.TimerHandle | None = None
    kill_timer: asyncio.TimerHandle | None = None
    failure: api_pb2.GenericResult | None = None  # what the container itself said of its failure to start
    close_socket: Callable[[], Awaitable[None]] | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)  # or ended without a start
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    committed: asyncio.Event = field(default_factory=asyncio.Event)  # after its end: what it wrote to volumes
    end: ContainerExit | None = None
    delivered: tuple[str, list[Input]] | None = None  # by the request's idempotency key

    @property
    def app_id(self) -> str:
        return self.definition.app_id

    @property
    def function_id(self) -> str:
        return self.definition.function_id

    @property
    def has_lifecycle(self) -> bool:
        """Whether exit handlers may have to run at its end: those of a class, once it has entered."""
        return self.definition.function.is_class and self.is_ready

    def has_no_inputs(self) -> None:
        """It is a sandbox's: nobody calls it. One that asked for no cores takes none from functions."""
        self.is_ready = self.is_draining = True
        self.is_idle = self.definition.grant.cpu <= DEFAULT_CPU

    def takes_inputs(self) -> bool:
        """Whether it takes inputs, or will once it is ready."""
        return not self.is_draining and not self.kill_reason

    def is_killed(self) -> bool:
        """Whether the engine ends it or has ended it."""
        return bool(self.kill_reason)

    @property
    def is_unused(self) -> bool:
        """Whether it waits for inputs and works on none: with concurrent inputs it may do both."""
        return self.is_idle and not self.inputs

    @property
    def is_at_work(self) -> bool:
        """Whether it takes cores: not where it waits for inputs or nested calls, or only has to end."""
        is_leaving = not self.takes_inputs() and not self.inputs and self.definition.sandbox is None
        return not (self.is_unused or self.is_blocked or is_leaving)

    @property
    def is_blocked(self) -> bool:
        """Whether all that it works on waits for nested calls."""
        return bool(self.inputs) and self.blocked >= len(self.inputs)
