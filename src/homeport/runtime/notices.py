"""Datagrams from supervisors: a task's log or a command's output grew. Lost ones lose nothing; see
docs/architecture.md."""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST_AT_ONCE: Final = 256  # then the event loop gets its turn
_NOTICE_BYTES: Final = 256


class Notices:
    """Listens at `address`, replacing the socket that an earlier engine left. `hooks` are called with the ids
    of the tasks that something is said of, by what it is: `log`, `exec`."""

    def __init__(self, address: str, hooks: Mapping[str, Callable[[str], None]]) -> None:
        self._address = address
        self._hooks = hooks
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        with suppress(FileNotFoundError):
            Path(address).unlink()
        self._socket.bind(address)
        Path(address).chmod(
            0o666
        )  # supervisors have the containers' uid; nobody else gets past the home's 0700
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._hear)

    def _hear(self) -> None:
        said: dict[tuple[str, str], None] = {}
        for _ in range(_MOST_AT_ONCE):
            try:
                words = self._socket.recv(_NOTICE_BYTES).decode(errors="replace").split()
            except BlockingIOError:
                break
            if len(words) == 2 and words[0] in self._hooks:
                said[words[0], words[1]] = None
        for what, task_id in said:
            self._hooks[what](task_id)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        with suppress(FileNotFoundError):
            os.unlink(self._address)  # noqa: PTH108
