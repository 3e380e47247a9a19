"""The processes that the engine itself starts: launchers, and the warm parents that they become.

A warm parent has imported the client in the image's view, and forks containers in milliseconds. Kept are few,
the most recently used, and none that was idle for long. What a container consists of is for sandbox.py.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Coroutine, Hashable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")
INSIDE: Final = Path(__file__).parent / "inside" / "__main__.py"
MOST_PARENTS: Final = 4
IDLE_S: Final = 600.0
_END_S: Final = 5.0
_TAIL_BYTES: Final = 4096
MESSAGE_BYTES: Final = 65536

_bytecode = ["-B"]


def keep_bytecode(folder: Path) -> None:
    """Has launchers compile what they import once and not each: that takes three times as long as to start
    one. The package's own folder may be closed to this user, or be somebody's checkout. No container may
    write to `folder`: what lies there runs outside of all."""
    _bytecode[:] = ["-X", f"pycache_prefix={folder}"]


def memory_file(content: dict[str, Any]) -> int:
    """A descriptor of a file in memory: a request may hold secrets, and must not be on disk or in a list of
    arguments."""
    number = os.memfd_create("request", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(number), "wb") as file:
        file.write(json.dumps(content).encode())
    return number


async def spawn_launcher(
    request: dict[str, Any],
    channel: socket.socket,
    *,
    stdout: int = asyncio.subprocess.DEVNULL,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> asyncio.subprocess.Process:
    """Starts inside/launch.py on this Python. It answers on `channel`, whose other end the caller keeps."""
    memory = memory_file({**request, "channel": channel.fileno()})
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", *_bytecode, str(INSIDE), "launch", str(memory)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={"LC_ALL": "C.UTF-8"},
            pass_fds=(memory, channel.fileno(), *pass_fds),
        )
    finally:
        os.close(memory)


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Awaits short work to its end, also when cancelled meanwhile; the cancellation then goes on."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def channel_pair() -> tuple[socket.socket, socket.socket]:
    """The engine's end, which never blocks, and the other's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    return ours, theirs


async def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next message; None at the end of the channel."""
    try:
        data = await asyncio.get_running_loop().sock_recv(channel, MESSAGE_BYTES)
    except ConnectionResetError:
        return None
    return json.loads(data) if data else None


class WarmParent:
    """One warm parent, from its launch on."""

    def __init__(self, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._process = process
        self._channel = channel
        self._tail = b""
        self._reading = asyncio.create_task(self._read())
        self._ready = asyncio.create_task(self._wait_ready())
        self.problem = ""

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self.problem

    async def ready(self) -> bool:
        """Whether it can start containers; otherwise `problem` says why not."""
        return await asyncio.shield(self._ready) and self.is_alive

    async def _wait_ready(self) -> bool:
        message = await receive(self._channel)
        if message and message.get("ready"):
            return True
        if message is None:
            await asyncio.wait_for(self._reading, _END_S)
        self.problem = (message or {}).get("error") or self._tail.decode(errors="replace") or "it ended"
        return False

    async def _read(self) -> None:
        """Keeps the end of what it prints, for the case that it fails."""
        assert self._process.stdout is not None
        while data := await self._process.stdout.read(_TAIL_BYTES):
            self._tail = (self._tail + data)[-_TAIL_BYTES:]
        await self._process.wait()

    def fork(self, request: dict[str, Any], reply: socket.socket, fds: Sequence[int]) -> bool:
        """Asks for a container that answers on `reply`; False if the parent is gone."""
        memory = memory_file(request)
        try:
            socket.send_fds(self._channel, [b"{}"], [memory, reply.fileno(), *fds])
        except OSError:
            return False
        finally:
            os.close(memory)
        return True

    async def close(self) -> None:
        """Its containers go on."""
        self._channel.shutdown(socket.SHUT_RDWR)
        try:
            await asyncio.wait_for(self._process.wait(), _END_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await asyncio.gather(self._reading, self._ready, return_exceptions=True)
        self._channel.close()


class WarmParents:
    """The warm parents of one engine, by what they have in common with their containers."""

    def __init__(self, most: int = MOST_PARENTS, idle_s: float = IDLE_S) -> None:
        self._most = most
        self._idle_s = idle_s
        self._launches: dict[Hashable, asyncio.Task[WarmParent]] = {}  # least recently used first
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}
        self._closings: set[asyncio.Task[None]] = set()

    async def get(self, key: Hashable, request: dict[str, Any]) -> WarmParent:
        """The parent for this key, launched if there is none alive."""
        launch = self._launches.get(key)
        if launch is not None and launch.done() and (launch.exception() or not launch.result().is_alive):
            self._drop(key)
            launch = None
        if launch is None:
            launch = asyncio.create_task(_launch(request))
        self._launches.pop(key, None)
        self._launches[key] = launch
        self._postpone_end(key)
        while len(self._launches) > self._most:
            self._drop(next(iter(self._launches)))
        return await asyncio.shield(launch)

    def _postpone_end(self, key: Hashable) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(self._idle_s, self._drop, key)

    def _drop(self, key: Hashable) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        closing = asyncio.create_task(_close(self._launches.pop(key)))
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)

    async def close(self) -> None:
        for key in list(self._launches):
            self._drop(key)
        await asyncio.gather(*self._closings)


async def _launch(request: dict[str, Any]) -> WarmParent:
    ours, theirs = channel_pair()
    with theirs:
        process = await spawn_launcher(
            request, theirs, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    return WarmParent(process, ours)


async def _close(launch: asyncio.Task[WarmParent]) -> None:
    try:
        parent = await launch
    except OSError:  # it never came to be, and whoever asked was told
        return
    await parent.close()
