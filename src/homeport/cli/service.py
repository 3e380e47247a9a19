"""The engine's process as commands see it: is one up, start one, stop it.

The lock decides, not engine.json, which a killed engine leaves behind. Who holds the lock is read from
/proc/locks: taking it even for a moment would make an engine that starts just then believe in a second one.
Leaves to main.py what an engine does, and to `home.py` of model where things lie.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeport.model.errors import EngineUnavailableError, FailedPreconditionError
from homeport.model.home import Home

DEFAULT_PORT = 7437
_NO_SPACE_BYTES = 1024 * 1024
_START_LIMIT_S = 60.0  # a cold disk on a busy machine; a ready engine takes a fraction of a second


@dataclass(frozen=True)
class Endpoint:
    """An engine that is up, as engine.json tells it. `started_at` is in seconds since the epoch."""

    pid: int
    server_url: str
    blob_url: str
    version: str
    started_at: float
    engine: str = "namespaces"  # how its containers are kept apart
    note: str = ""  # what whoever starts it should know

    @property
    def port(self) -> int:
        return int(self.server_url.rsplit(":", 1)[1])


@dataclass(frozen=True)
class Token:
    token_id: str
    token_secret: str


def find(home: Home) -> Endpoint | None:
    """The engine of this home, or None. A stale engine.json counts as none."""
    endpoint = _read_endpoint(home)
    if endpoint is None:
        return None
    return endpoint if endpoint.pid in lock_holders(home.lock_file) else None


def require(home: Home) -> Endpoint:
    """The engine of this home. Raises EngineUnavailableError, naming the command that starts one."""
    endpoint = find(home)
    if endpoint is None:
        raise EngineUnavailableError("No engine is up. To start it: homeport up")
    return endpoint


def read_token(home: Home) -> Token:
    """The token that the engine made at its first start. Raises FailedPreconditionError without one."""
    try:
        values = json.loads(home.token_file.read_text())
        return Token(str(values["token_id"]), str(values["token_secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise FailedPreconditionError(
            f"The engine's token cannot be read from {home.token_file}. Restart the engine: "
            "homeport down, then homeport up."
        ) from None


def lock_holders(path: Path) -> set[int]:
    """Process ids that hold a flock on this file, by the kernel's own table."""
    try:
        status = path.stat()
        table = Path("/proc/locks").read_text()
    except OSError:
        return set()
    holders = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 6 or fields[1] != "FLOCK":  # lines of waiters have "->" there
            continue
        # The device is left out: btrfs and overlayfs show another one in /proc/locks than stat does.
        pid = int(fields[4])
        # A lock can outlive its taker, in a child that inherited the file.
        if fields[5].rsplit(":", 1)[1] == str(status.st_ino) and Path(f"/proc/{pid}").exists():
            holders.add(pid)
    return holders


def prepare(home: Home) -> None:
    """Makes the home's folder. Raises FailedPreconditionError where this user cannot use it."""
    try:
        home.create()
        owner = home.root.stat().st_uid
        if owner != os.geteuid():
            raise FailedPreconditionError(
                f"The home {home.root} belongs to another user (uid {owner}). Set HOMEPORT_HOME to a folder "
                "of your own."
            )
        with (home.root / "start.lock").open("a"):
            pass
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise FailedPreconditionError(
            f"The home {home.root} cannot be written ({error.strerror}). Set HOMEPORT_HOME to a folder of "
            "your own."
        ) from None


def start(
    home: Home,
    *,
    port: int | None = None,
    gpu: str = "auto",
    engine: str | None = None,
    options: Sequence[str] = (),
) -> tuple[Endpoint, bool]:
    """Starts the engine, or finds the one that is up; returns once it answers, and whether it was started.

    Without `port` the port of the last start is used again, so that shells and profiles stay right.
    Raises EngineUnavailableError with the engine's own sentence.
    """
    prepare(home)
    with _start_turn(home):  # of two commands that start at once, the second finds the first one's engine
        running = settled(home)
        if running is not None:
            return running, False
        line = command_line(home, port=port, gpu=gpu, engine=engine, options=options)
        return _spawn(home, line), True


def settled(home: Home, timeout_s: float = 15.0) -> Endpoint | None:
    """The engine of this home, or None, once one that is just starting or stopping has done so.

    An engine in between holds the lock and has no engine.json. Raises EngineUnavailableError if it stays so.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        endpoint = find(home)
        holder = next(iter(lock_holders(home.lock_file)), None)
        if endpoint is not None or holder is None:
            return endpoint
        if time.monotonic() > deadline:
            raise EngineUnavailableError(
                f"An engine (pid {holder}) holds the home {home.root} and does not answer; {home.engine_log} "
                f"says what it does. To end it: kill {holder}"
            )
        _wait_for_end(holder, 0.05)  # its end is noticed at once, its being ready within this time


def command_line(
    home: Home, *, port: int | None, gpu: str, engine: str | None = None, options: Sequence[str] = ()
) -> list[str]:
    """What starts the engine; `options` are more of its own. Isolated (-I): the shell's PYTHON* variables are
    not the engine's."""
    chosen = choose_port(home, port)
    return [
        *(sys.executable, "-I", "-m", "homeport.main"),
        *("--home", str(home.root), "--port", str(chosen), "--gpu", gpu),
        *(("--engine", engine) if engine else ()),
        *options,
    ]


def choose_port(home: Home, asked: int | None) -> int:
    """The port to listen at: the one asked for, that of the last start, the default, or 0 for any free one.

    Raises EngineUnavailableError when a port that somebody counts on is taken.
    """
    last = _last_port(home)
    if asked is None and last is None:
        return DEFAULT_PORT if obstacle(DEFAULT_PORT) is None else 0
    port = last if asked is None else asked
    assert port is not None
    why = obstacle(port)
    if why is not None:
        named = "Port {}, which this engine used before," if asked is None else "Port {}"
        raise EngineUnavailableError(
            f"{named.format(port)} {why}. Choose another one: homeport up --port PORT"
        )
    return port


def obstacle(port: int) -> str | None:
    """Why the engine could not listen at this port, or None. Connections in TIME_WAIT are none."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "may be used by root only"
        except OSError:
            return "is taken by another program"
        return None


def stop(home: Home, endpoint: Endpoint, *, timeout_s: float) -> None:
    """SIGTERM, then waits for the engine's end. Raises EngineUnavailableError if it goes on.

    The process is held by a pidfd before its identity is checked, so a reused pid is never signalled.
    """
    try:
        handle = os.pidfd_open(endpoint.pid)
    except ProcessLookupError:
        return
    try:
        if endpoint.pid not in lock_holders(home.lock_file):
            return
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if not _has_ended(handle, timeout_s):
            raise EngineUnavailableError(
                f"The engine (pid {endpoint.pid}) was asked to stop and still runs after {timeout_s:g} s; "
                f"{home.engine_log} says what it does. To end it at once: kill -9 {endpoint.pid}"
            )
    except PermissionError:
        raise EngineUnavailableError(
            f"The engine (pid {endpoint.pid}) belongs to another user, who can stop it."
        ) from None
    finally:
        os.close(handle)


def _wait_for_end(pid: int, timeout_s: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            _has_ended(handle, timeout_s)
        finally:
            os.close(handle)


def _has_ended(handle: int, timeout_s: float) -> bool:
    """Waits for the process behind a pidfd, asleep in the kernel."""
    waiter = select.poll()
    waiter.register(handle, select.POLLIN)
    return bool(waiter.poll(timeout_s * 1000))


@contextlib.contextmanager
def _start_turn(home: Home) -> Iterator[None]:
    with (home.root / "start.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _spawn(home: Home, command: list[str]) -> Endpoint:
    with home.engine_log.open("ab") as log:
        log_start = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # the shell's end and its Ctrl-C are not the engine's
        )
    assert process.stdout is not None
    with process.stdout as ready:
        line = _first_line(ready.fileno(), time.monotonic() + _START_LIMIT_S)
    endpoint = _parse_endpoint(line)
    if endpoint is None:
        process.terminate()
        process.wait()
        raise EngineUnavailableError(_failure(line, home, log_start, process.returncode))
    _remember_port(home, endpoint.port)
    # The engine goes on without this process; Popen would warn of a child that nobody waited for.
    process.returncode = 0
    return endpoint


def _first_line(pipe: int, deadline: float) -> bytes:
    """What the engine says first: up to a newline, its end, or the deadline (monotonic seconds)."""
    said = b""
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(pipe, 65536) if readable else b""
        if not chunk:
            break
        said += chunk
    return said


def _failure(line: bytes, home: Home, log_start: int, exit_code: int) -> str:
    """The engine's own sentence where it left one, else its last line and where to read more."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(json.loads(line)["error"])
    if shutil.disk_usage(home.root).free < _NO_SPACE_BYTES:
        return (
            f"The disk of the home {home.root} is full. Free some space, or set HOMEPORT_HOME to a folder on "
            "another disk."
        )
    with home.engine_log.open("rb") as file:
        file.seek(log_start)
        lines = [text.strip() for text in file.read().decode(errors="replace").splitlines() if text.strip()]
    if lines and not any(text.startswith("Traceback") for text in lines):
        return lines[-1].removeprefix("homeport: ")
    last = f" Its last words: {lines[-1]}" if lines else ""
    return (
        f"The engine ended with status {exit_code} before it was ready; {home.engine_log} holds the "
        f"details.{last}"
    )


def _read_endpoint(home: Home) -> Endpoint | None:
    try:
        return _parse_endpoint(home.endpoint_file.read_bytes())
    except OSError:
        return None


def _parse_endpoint(text: bytes) -> Endpoint | None:
    try:
        values: dict[str, Any] = json.loads(text)
        return Endpoint(
            int(values["pid"]),
            str(values["server_url"]),
            str(values["blob_url"]),
            str(values["version"]),
            float(values["started_at"]),
            str(values.get("engine", "namespaces")),
            str(values.get("note", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _port_file(home: Home) -> Path:
    return home.root / "port"


def _last_port(home: Home) -> int | None:
    try:
        return int(_port_file(home).read_text())
    except (OSError, ValueError):
        return None


def _remember_port(home: Home, port: int) -> None:
    if _last_port(home) != port:
        draft = home.root / "port.new"
        draft.write_text(f"{port}\n")
        draft.replace(_port_file(home))
