"""Holds containers' requests while no engine is there. Run as a process of its own; standard library only.

The client in a container gives up after four attempts within a second, so a `volume.commit()` or a nested
call would fail in the moment between an engine that was killed and the next one. This process is started
beside each engine and sleeps until its stdin ends. Told "q" before that, it goes. Else the engine was killed:
it listens at the sockets of the containers that live, accepts connections and keeps them without an answer,
until the next engine has bound the sockets and says so at `k.sock`. Then it ends, the connections break, and
the clients repeat their requests to the new engine.

Run it in the engine's home: paths of sockets are short from there.
"""

import contextlib
import fcntl
import os
import selectors
import socket
import struct
from pathlib import Path

DOOR = "k.sock"
LOCK = "sockets.lock"  # held by an engine for life, by this process while it binds
_LOOK_EVERY_S = 2.0  # whether containers still live; only while an engine is missing
_PREFACE_BYTES = 24
_SETTINGS, _PING, _ACK = 4, 6, 1


def main() -> None:
    """Waits for the engine's end, and stands in for it if it was killed."""
    if os.read(0, 1):
        return
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        tasks = {folder.name for folder in Path("t").iterdir() if is_supervised(folder)}
        if tasks and _bind(selector, stack, tasks):
            _hold(selector, tasks)


def _bind(selector: selectors.BaseSelector, stack: contextlib.ExitStack, tasks: set[str]) -> bool:
    """Listens in the engine's place; False where the next engine was quicker and has the sockets already."""
    with Path(LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        selector.register(stack.enter_context(_listen(DOOR, 0o600)), selectors.EVENT_READ, "door")
        stack.callback(Path(DOOR).unlink, missing_ok=True)
        for name in sorted(tasks):
            with contextlib.suppress(OSError):
                listener = stack.enter_context(_listen(f"t/{name}/run/api.sock", 0o666))
                selector.register(listener, selectors.EVENT_READ, "task")
        return True


def _hold(selector: selectors.BaseSelector, tasks: set[str]) -> None:
    """Returns when the next engine is there, or no container is left."""
    while any(is_supervised(Path("t", name)) for name in tasks):
        for key, _ in selector.select(_LOOK_EVERY_S):
            if key.data == "door":
                return
            if key.data == "task":
                with contextlib.suppress(OSError):
                    connection, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    connection.setblocking(False)
                    connection.sendall(_frame(_SETTINGS, 0))
                    selector.register(connection, selectors.EVENT_READ, Client(connection))
            elif not key.data.hear():
                selector.unregister(key.fileobj)
                key.data.connection.close()


class Client:
    """A connection that is kept alive: pings are answered, everything else waits for ever."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""
        self._skip = _PREFACE_BYTES  # bytes that are of no interest

    def hear(self) -> bool:
        """Whether the connection goes on."""
        try:
            data = self.connection.recv(65536)
            if data:
                self._take(data)
            return bool(data)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _take(self, data: bytes) -> None:
        self._buffer += data
        while True:
            skipped = min(self._skip, len(self._buffer))
            self._buffer = self._buffer[skipped:]
            self._skip -= skipped
            if self._skip or len(self._buffer) < 9:
                return
            length = int.from_bytes(self._buffer[:3], "big")
            kind, flags = self._buffer[3], self._buffer[4]
            if kind == _PING and not flags & _ACK:
                if len(self._buffer) < 17:
                    return
                self.connection.sendall(_frame(_PING, _ACK, self._buffer[9:17]))
            elif kind == _SETTINGS and not flags & _ACK:
                self.connection.sendall(_frame(_SETTINGS, _ACK))
            self._skip = 9 + length


def _frame(kind: int, flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BHBBI", 0, len(payload), kind, flags, 0) + payload


def is_supervised(task: Path) -> bool:
    """Whether the supervisor of a task, given its folder, lives: it holds the lock as long as it does."""
    try:
        descriptor = os.open(task / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _listen(path: str, mode: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        Path(path).unlink(missing_ok=True)
        listener.bind(path)
        Path(path).chmod(mode)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener


if __name__ == "__main__":
    main()
