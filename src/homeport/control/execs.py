"""Commands that clients run in containers beside their own process: `modal shell`, `Sandbox.exec`.

The runtime keeps their output in files, and a process that is far ahead of its readers waits; so nothing of a
command is in this engine's memory, and the next engine goes on with it. Streams are read by the offsets that
clients name.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

from homeport.model.errors import FailedPreconditionError, NotFoundError
from homeport.runtime.engine import ContainerRuntime, ExecEnd, ExecSpec, Written
from homeport.runtime.exec_files import STDERR, STDOUT, ExecOutput, ends_with_client, read_end

_READ_BYTES = 128 * 1024
_TAKEN_EVERY_BYTES = 1024 * 1024
_LOOK_AGAIN_S = 1.0  # a word of the supervisor's may be lost
_EXPECTED_S = 0.3  # for a reader's request that comes right behind that for the end
_CLOSING_S = 2.0  # for a command that has closed its input, to end
_STALLED_S = 1.0  # a reader that takes nothing for so long keeps nobody waiting for the command's end
_ABANDONED_S = 20.0  # the client comes back within 10 s where its connection broke
_REMEMBERED_S = 60.0  # how a container's commands ended, after its own end


@dataclass(eq=False)
class _Command:
    """One command, as long as somebody may ask about it."""

    task_id: str
    exec_id: str
    folder: Path
    ends_with_client: bool
    end: ExecEnd | None = None
    readers: int = 0
    read: set[int] = field(default_factory=set)  # streams that somebody asked for
    sent_bytes: int = 0
    no_readers: asyncio.Event = field(default_factory=asyncio.Event)
    new_reader: asyncio.Event = field(default_factory=asyncio.Event)
    hang_up_timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        if self.end is None:
            self.end = read_end(self.folder)
            if self.end is not None and self.hang_up_timer is not None:
                self.hang_up_timer.cancel()


class Execs:
    """All commands of one engine. `changed` is to be called as the runtime's `on_exec`."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime
        self._known: dict[str, dict[str, _Command]] = {}  # by task and id
        self._waiting: dict[str, asyncio.Event] = {}
        self.on_started: Callable[[str, ExecSpec], None] = lambda task_id, spec: None
        self.on_activity: list[Callable[[str], None]] = []  # a client did something in the task

    def open(self) -> None:
        """Takes up the commands that an engine which was killed left running."""
        for task_id in self._runtime.running():
            for folder in self._runtime.exec_folder(task_id, "").glob("*/exec.json"):
                command = self._get(task_id, folder.parent.name)
                if command.end is None:
                    self._watch_client(command)

    def close(self) -> None:
        for commands in self._known.values():
            for command in commands.values():
                if command.hang_up_timer is not None:
                    command.hang_up_timer.cancel()

    def changed(self, task_id: str) -> None:
        """A command of the task printed or ended, or the container did."""
        for command in self._known.get(task_id, {}).values():
            command.look()
        if task_id in self._known and task_id not in self._runtime.running():
            asyncio.get_running_loop().call_later(_REMEMBERED_S, self._known.pop, task_id, None)
        if event := self._waiting.pop(task_id, None):
            event.set()

    async def start(self, task_id: str, spec: ExecSpec) -> None:
        """Raises NotFoundError, InvalidError, ResourceExhaustedError."""
        self._note_activity(task_id)
        await self._runtime.exec(task_id, spec)
        self.on_started(task_id, spec)
        command = self._get(task_id, spec.exec_id)
        if not command.readers:
            self._watch_client(command)

    async def output(self, task_id: str, exec_id: str, stream: int, offset: int) -> AsyncIterator[bytes]:
        """What the command prints from an offset on, to its end."""
        command = self._get(task_id, exec_id)
        output = ExecOutput(command.folder, stream)
        command.readers += 1
        command.read.add(stream)
        command.new_reader.set()
        command.no_readers.clear()
        if command.hang_up_timer is not None:
            command.hang_up_timer.cancel()
            command.hang_up_timer = None
        told = offset
        try:
            while True:
                command.look()
                end = command.end
                data = output.read(offset, _READ_BYTES)
                if data and end is not None:
                    data = data[: max(0, end.lengths[stream] - offset)]
                if not data:
                    if end is not None or not self._is_live(command):
                        return
                    await self.change(task_id)
                    continue
                offset += len(data)
                yield data
                command.sent_bytes += len(data)
                self._note_activity(task_id)
                if offset - told >= _TAKEN_EVERY_BYTES:
                    told = offset
                    self._runtime.exec_taken(task_id, exec_id, stream, offset)
        finally:
            output.close()
            self._runtime.exec_taken(task_id, exec_id, stream, offset)
            command.readers -= 1
            if not command.readers:
                command.no_readers.set()
                self._watch_client(command)

    async def wait(self, task_id: str, exec_id: str) -> ExecEnd:
        """How the command ended, once those who read its output have it: a client that is told of the end
        may leave at once. Raises NotFoundError."""
        command = self._get(task_id, exec_id)
        while True:
            end = self.poll(task_id, exec_id)
            if end is not None:
                break
            await self.change(task_id)
        await self._settle_readers(command, end)
        return end

    async def _settle_readers(self, command: _Command, end: ExecEnd) -> None:
        unread = {stream for stream, length in end.lengths.items() if length}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXPECTED_S):
                while not unread <= command.read:
                    command.new_reader.clear()
                    await command.new_reader.wait()
        while command.readers:
            before = command.sent_bytes
            try:
                await asyncio.wait_for(command.no_readers.wait(), _STALLED_S)
            except TimeoutError:
                if command.sent_bytes == before:
                    return

    def is_busy(self, task_id: str) -> bool:
        """Whether a command runs in the task."""
        return any(command.end is None for command in self._known.get(task_id, {}).values())

    def poll(self, task_id: str, exec_id: str) -> ExecEnd | None:
        """None while it runs. Raises NotFoundError."""
        command = self._get(task_id, exec_id)
        command.look()
        if command.end is None and not self._is_live(command):
            raise NotFoundError(f"Container {task_id} has ended, and command {exec_id} with it.")
        return command.end

    async def write(self, task_id: str, exec_id: str, offset: int, data: bytes, *, is_last: bool) -> None:
        """Returns when the command, or what is kept for it, has all of the data. Raises NotFoundError,
        FailedPreconditionError."""
        command = self._get(task_id, exec_id) if exec_id else None
        while True:
            self._note_activity(task_id)
            try:
                written = await self._runtime.write_input(task_id, exec_id, offset, data, is_last=is_last)
            except (FailedPreconditionError, NotFoundError):
                if command is not None and command.ends_with_client:
                    return  # typed while the shell ended
                if command is not None:
                    await self._settle_end(command)
                raise
            data = data[max(0, written.offset - offset) :]
            offset = max(offset, written.offset)
            if not data or written.is_closed:
                return
            if written.is_full:
                await self.change(task_id)

    async def _settle_end(self, command: _Command) -> None:
        """Waits a moment for the end of a command that takes no input: a client that is told so asks for the
        end next, and takes a command that runs on for a failure of ours."""
        deadline = time.monotonic() + _CLOSING_S
        while command.end is None and self._is_live(command) and time.monotonic() < deadline:
            await self.change(command.task_id)
            command.look()

    async def input_status(self, task_id: str, exec_id: str) -> Written:
        """How much input the command was given."""
        return await self._runtime.write_input(task_id, exec_id, 0, b"", is_last=False)

    # ---- inside

    def _get(self, task_id: str, exec_id: str) -> _Command:
        commands = self._known.get(task_id, {})
        if exec_id in commands:
            return commands[exec_id]
        folder = self._runtime.exec_folder(task_id, exec_id)
        if not exec_id.replace("-", "").isalnum() or not (folder / "exec.json").exists():
            raise NotFoundError(
                f"Container {task_id} has no command {exec_id}: it has ended, or its container has."
            )
        command = _Command(task_id, exec_id, folder, ends_with_client(folder))
        command.look()
        self._known.setdefault(task_id, {})[exec_id] = command
        return command

    def _is_live(self, command: _Command) -> bool:
        return command.task_id in self._runtime.running()

    def _watch_client(self, command: _Command) -> None:
        """Nobody reads a command that belongs to its client: unless somebody does soon, it is ended."""
        if command.end is None and command.ends_with_client and self._is_live(command):
            command.hang_up_timer = asyncio.get_running_loop().call_later(
                _ABANDONED_S, self._runtime.exec_hang_up, command.task_id, command.exec_id
            )

    async def change(self, task_id: str) -> None:
        """Until something of the task changes."""
        event = self._waiting.setdefault(task_id, asyncio.Event())
        try:
            await asyncio.wait_for(event.wait(), _LOOK_AGAIN_S)
        except TimeoutError:
            pass

    def _note_activity(self, task_id: str) -> None:
        for hook in self.on_activity:
            hook(task_id)


__all__ = ["STDERR", "STDOUT", "Execs"]
