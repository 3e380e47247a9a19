"""The engine's connection to one container's supervisor.

It lasts as long as the supervisor: its end is how the engine learns of the container's, and after an engine
was killed the next one opens another, by `ctl.sock` in the task's folder.
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from homeport.runtime.launcher import MESSAGE_BYTES, receive, uninterrupted

_END_S: Final = 10.0
_LONGEST_ADDRESS: Final = 107  # bytes of a unix socket's path


class Supervised:
    """A connection; `on_end` is called once, in the event loop, when the supervisor is gone."""

    def __init__(self, task_id: str, channel: socket.socket, on_end: Callable[[str], None]) -> None:
        self.task_id = task_id
        self.has_ended = asyncio.Event()
        self._channel = channel
        self._on_end = on_end
        self._asking = asyncio.Lock()
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        asyncio.get_running_loop().add_reader(channel.fileno(), self._hear)

    def kill(self, grace_s: float, reason: str, *, interrupt: bool = False) -> None:
        self._send({"op": "kill", "grace_s": grace_s, "reason": reason, "interrupt": interrupt})

    async def ask(self, request: dict[str, Any], fds: Sequence[int] = ()) -> dict[str, Any]:
        """The supervisor's answer: it holds `error` where it failed. Waited for also when cancelled, or who
        asks next would get it."""
        return await uninterrupted(self._ask(request, fds))

    async def _ask(self, request: dict[str, Any], fds: Sequence[int]) -> dict[str, Any]:
        async with self._asking:
            self._answer = asyncio.get_running_loop().create_future()
            if not self._send(request, fds):
                return {"error": "the container has ended"}
            return await self._answer

    def tell(self, request: dict[str, Any]) -> None:
        """What needs no answer."""
        self._send(request)

    def _send(self, message: dict[str, Any], fds: Sequence[int] = ()) -> bool:
        try:
            socket.send_fds(self._channel, [json.dumps(message).encode()], fds)
        except OSError:
            return False
        return True

    def _hear(self) -> None:
        try:
            data = self._channel.recv(MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        answer = json.loads(data) if data else {"error": "the container has ended"}
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
        if not data:
            self.close()
            self.has_ended.set()
            self._on_end(self.task_id)

    def close(self) -> None:
        """Stops listening; the container goes on."""
        if self._channel.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()


def connect(path: Path) -> socket.socket:
    """A non-blocking connection to a supervisor's socket. Raises OSError."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        channel.connect(short_address(path, folder))
    except BaseException:
        channel.close()
        raise
    finally:
        os.close(folder)
    channel.setblocking(False)
    return channel


def short_address(path: Path, folder_fd: int) -> str:
    """The socket's path, or where that is too long for an address one through the folder's descriptor."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        return str(path)
    return f"/proc/self/fd/{folder_fd}/{path.name}"


async def give_up(channel: socket.socket) -> None:
    """Ends a container whose start nobody waits for any more, sees it gone, and closes the connection."""
    with channel, suppress(OSError, TimeoutError):
        channel.send(json.dumps({"op": "kill", "grace_s": 0, "reason": "its start was given up"}).encode())
        async with asyncio.timeout(_END_S):
            while await receive(channel) is not None:
                pass
