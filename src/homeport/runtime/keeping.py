"""The engine's side of the keeper (keeper.py): taking over from an earlier engine's, having its own."""

import asyncio
import contextlib
import fcntl
import os
import socket
import sys
from pathlib import Path

from homeport.model.home import Home
from homeport.runtime import keeper


class Keeper:
    """The keeper of this engine. The working folder must be the engine's home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._process: asyncio.subprocess.Process | None = None
        self._lock = -1

    async def take_sockets(self) -> None:
        """Call it before the sockets of containers are bound: from then on no keeper binds them."""
        self._lock = os.open(self._home.root / keeper.LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        await asyncio.to_thread(fcntl.flock, self._lock, fcntl.LOCK_EX)

    async def open(self) -> None:
        """Call it once the sockets of all containers are bound: sends an earlier engine's keeper away, which
        lets go of the clients that it held, and starts one."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.setblocking(False)
            door.connect(keeper.DOOR)
        script = Path(keeper.__file__)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(script)),
            cwd=self._home.root,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # the terminal's Ctrl-C is the engine's, not its
        )

    async def close(self) -> None:
        """Ends it: the engine is stopped, not killed."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(b"q")
                self._process.stdin.close()
            await self._process.wait()
        os.close(self._lock)
