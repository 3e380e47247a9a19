"""Datagrams from supervisors: a task's log grew. Lost ones lose nothing; see docs/architecture.md."""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_MOST_AT_ONCE: Final = 256  # then the event loop gets its turn
_NOTICE_BYTES: Final = 256


class Notices:
    """Listens at `address`, replacing the socket that an earlier engine left."""

    def __init__(self, address: str, on_log: Callable[[str], None]) -> None:
        self._address = address
        self._on_log = on_log
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
        grown: dict[str, None] = {}
        for _ in range(_MOST_AT_ONCE):
            try:
                words = self._socket.recv(_NOTICE_BYTES).decode(errors="replace").split()
            except BlockingIOError:
                break
            if len(words) == 2 and words[0] == "log":
                grown[words[1]] = None
        for task_id in grown:
            self._on_log(task_id)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        with suppress(FileNotFoundError):
            os.unlink(self._address)  # noqa: PTH108
