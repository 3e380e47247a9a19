"""A container's supervisor: holds its output, log, exit status and control socket, and outlives the engine.

Only a process that forked another can wait for it, so this one, in a session of its own, is PID 1's parent.
An engine that was killed and started again finds it by `lock` and `ctl.sock` in the task's folder.
Scheduling, and whether the container should run at all, is the engine's.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import resource
import selectors
import signal
import socket
import time
from typing import Any

from . import container, entry, execs, memory, messages, root, streams
from .host import HostPaths

_READ_BYTES = 65536
_SAMPLE_S = 0.1  # between looks at the memory used, where a limit is set and no control group holds it
_DISK_RETRY_S = 1.0
_TAIL_S = 0.01  # how long the beginning of a line waits for its end: an unbuffered print() writes in pieces
_EXIT_BYTES = 4096


def supervise(spec: dict[str, Any], paths: HostPaths, engine: socket.socket) -> None:
    """Starts the container and sees it to its end. Returns only in the user's process."""
    os.setsid()
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        folder = paths(spec["folder"])
        log = os.open(paths(spec["log"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _hold_lock(folder + "/lock")
        listener = _listen(folder + "/ctl.sock")
        if _is_given_up(engine):  # by an engine that was killed, too: the next one did not find this socket
            os._exit(1)
        _reserve(folder + "/exit.tmp")
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        started = _start(spec, paths, (out_end, err_end))
    except BaseException as error:
        messages.send(engine, {"error": entry.describe(error)})
        os._exit(1)
    if started is None:
        return
    try:
        os.close(out_end)
        os.close(err_end)
        entry.point_output_nowhere()
        Supervisor(spec, paths, started, log, listener, engine, {out: 1, err: 2}).run()
        os._exit(0)
    except BaseException as error:  # our own mistake; the end of this process ends the container
        messages.send(engine, {"error": "its supervisor failed: " + entry.describe(error)})
        os._exit(1)


def _start(spec: dict[str, Any], paths: HostPaths, output: tuple[int, int]) -> container.Started | None:
    if entry.has_namespaces(spec):
        return container.start(spec, paths, output)
    if "plain" in spec:
        from . import plain  # what these need takes longer to load than a container to start

        return plain.start(spec, output)
    from . import prooted

    return prooted.start(spec, paths, output)


def _hold_lock(path: str) -> None:
    """Locks the file until this process ends; nobody else may hold a copy of the descriptor."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.path.lexists(path):
        os.unlink(path)
    listener.bind(path)
    listener.listen(8)
    return listener


def _is_given_up(channel: socket.socket) -> bool:
    """Whether the engine's end is closed, or says something before there is a container: only to end it."""
    try:
        channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _reserve(path: str) -> None:
    """Takes the room for the exit status now: a container may end because the disk is full."""
    with open(path, "wb") as file:
        file.write(b" " * _EXIT_BYTES)


class Supervisor:
    """The loop around one running container."""

    def __init__(
        self,
        spec: dict[str, Any],
        paths: HostPaths,
        started: container.Started,
        log: int,
        listener: socket.socket,
        engine: socket.socket,
        outputs: dict[int, int],
    ) -> None:
        self.spec = spec
        self.paths = paths
        self.started = started
        self.engine = engine
        self.log = log
        self.listener = listener
        self.outputs = outputs  # a pipe's reading end -> 1 or 2
        self.unwritten = b""  # the rest of a record that the disk had no room for
        self.tails: dict[int, tuple[bytes, float]] = {}  # pipe -> begun line, when it is written as it is
        self.is_announced = False
        self.reason = ""
        self.kill_at: float | None = None
        self.watch = memory.Watch(spec, started.pid)
        self.notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifier.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.execs = execs.Execs(paths(spec["folder"]), started, self.selector, lambda: self._notify("exec"))

    def run(self) -> None:
        self.selector.register(self.started.channel, selectors.EVENT_READ, self._hear_pid1)
        if "proot" in self.spec:  # proot itself keeps that channel open
            from . import prooted

            assert isinstance(self.started, prooted.Started)
            self.selector.register(self.started.end, selectors.EVENT_READ, self.started.hear_end)
            if self.started.heaps is not None:
                heaps = self.started.heaps
                self.selector.register(heaps.listener, selectors.EVENT_READ, heaps.answer)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self._serve_connection(self.engine)
        self._read_outputs(True)
        is_running = True
        while is_running:
            for key, _ in self.selector.select(self._wait_s()):
                if key.data(key.fileobj) is False:
                    is_running = False
            self._look_at_clock()
        self._finish()

    def _wait_s(self) -> float | None:
        waits = []
        if self.kill_at is not None:
            waits.append(max(0.0, self.kill_at - time.monotonic()))
        if self.watch.is_sampling:
            waits.append(_SAMPLE_S)
        if self.unwritten:
            waits.append(_DISK_RETRY_S)
        elif self.tails:
            waits.append(max(0.0, min(due for _, due in self.tails.values()) - time.monotonic()))
        due_s = self.execs.wait_s()
        if due_s is not None:
            waits.append(due_s)
        return min(waits) if waits else None

    def _look_at_clock(self) -> None:
        self.execs.look_at_clock()
        if self.kill_at is not None and time.monotonic() >= self.kill_at:
            self.kill_at = None
            self.started.kill()
        if self.watch.is_sampling and self.watch.is_over():
            self.started.kill()
        if self.unwritten:
            self._write(b"")
        elif self.tails:
            now = time.monotonic()
            for pipe in [pipe for pipe, (_, due) in self.tails.items() if due <= now]:
                self._record(self.outputs[pipe], self.tails.pop(pipe)[0])

    # output

    def _read_outputs(self, is_reading: bool) -> None:
        for pipe in self.outputs:
            if is_reading:
                self.selector.register(pipe, selectors.EVENT_READ, self._read_output)
            else:
                self.selector.unregister(pipe)

    def _read_output(self, pipe: int) -> None:
        if self.unwritten:
            return  # the other pipe filled the disk in this round
        try:
            data = _read(pipe)
        except BlockingIOError:
            return
        self._take(pipe, data, is_last=not data)
        if not data and pipe in self.selector.get_map():  # else the disk is full: its end is found again
            self.selector.unregister(pipe)
            del self.outputs[pipe]
            os.close(pipe)

    def _take(self, pipe: int, data: bytes, is_last: bool = False) -> None:
        """Records whole lines; what follows the last one waits a moment for the rest of its line.

        So the lines of containers that print at once stay whole, and a prompt or a progress bar still shows.
        """
        begun, due = self.tails.pop(pipe, (b"", 0.0))
        data = begun + data
        end = len(data) if is_last or len(data) >= _READ_BYTES else data.rfind(b"\n") + 1
        if data[end:]:
            is_same_line = end == 0 and begun
            self.tails[pipe] = (data[end:], due if is_same_line else time.monotonic() + _TAIL_S)
        if data[:end]:
            self._record_bars(pipe)
            self._record(self.outputs[pipe], data[:end])

    def _record_bars(self, pipe: int) -> None:
        """A progress bar that waits on another pipe came before what this one says now, and gets no end."""
        for other in [other for other, (begun, _) in self.tails.items() if other != pipe and b"\r" in begun]:
            self._record(self.outputs[other], self.tails.pop(other)[0])

    def _record(self, number: int, data: bytes) -> None:
        self._write("{:.6f} {} {}\n".format(time.time(), number, len(data)).encode() + data)

    def _write(self, record: bytes) -> None:
        """Appends to the log. While the disk is full the container waits, as it would on a terminal."""
        was_full = bool(self.unwritten)
        rest = self.unwritten + record
        try:
            while rest:
                rest = rest[os.write(self.log, rest) :]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        self.unwritten = rest
        if bool(rest) != was_full:
            self._read_outputs(not rest)
        if not rest:
            self._notify("log")

    def _notify(self, what: str) -> None:
        """Best effort: the engine may be away, and looks at every task when it starts."""
        try:
            self.notifier.sendto(
                "{} {}".format(what, self.spec["task_id"]).encode(), self.paths(self.spec["notify"])
            )
        except OSError:
            pass

    # PID 1 and the engine

    def _hear_pid1(self, _: object) -> bool:
        is_open = self.started.handle_message()
        if self.started.is_ready and not self.is_announced:
            self.is_announced = True
            self._keep_ends(self.started.ends)
            messages.send(self.engine, {"started": True})
        return is_open

    def _keep_ends(self, ends: dict[str, int]) -> None:
        """The input of the user's process; a terminal takes the place of its pipes."""
        terminal = ends.get("terminal")
        if terminal is not None:
            self.outputs[terminal] = 1
            self.selector.register(terminal, selectors.EVENT_READ, self._read_output)
            ends = {"stdin": os.dup(terminal)}
        if "stdin" in ends:
            stdin = streams.Input(ends["stdin"], self.selector, is_terminal=terminal is not None)
            stdin.on_change = lambda: self._notify("exec")
            self.execs.main_input = stdin

    def _accept(self, _: object) -> None:
        connection, _address = self.listener.accept()
        self._serve_connection(connection)

    def _serve_connection(self, connection: socket.socket) -> None:
        self.selector.register(connection, selectors.EVENT_READ, self._hear_engine)

    def _hear_engine(self, connection: socket.socket) -> None:
        request, fds = messages.receive(connection)
        if request is None:  # an engine that ends, or is killed, ends nothing
            self.selector.unregister(connection)
            connection.close()
            return
        if request["op"] == "kill":
            self._kill(request)
        elif request["op"] == "remount":
            messages.send(connection, self._remount(request["volume"], fds))
        elif request["op"] == "exec":
            messages.send(connection, self.execs.start(request, fds[0]))
        elif request["op"] == "write":
            messages.send(connection, self.execs.write(request, fds[0]))
        elif request["op"] == "take":
            self.execs.take(request)
        elif request["op"] == "hang up":
            self.execs.hang_up(request)

    def _kill(self, request: dict[str, Any]) -> None:
        self.reason = self.reason or request["reason"]
        if request["grace_s"] > 0:
            if request.get("interrupt"):  # each time: Python code may be where the first one is lost
                os.kill(self.started.pid, signal.SIGINT)
            elif self.kill_at is None:
                os.kill(self.started.pid, signal.SIGTERM)
            deadline = time.monotonic() + request["grace_s"]
            self.kill_at = deadline if self.kill_at is None else min(self.kill_at, deadline)
        else:
            self.started.kill()

    def _remount(self, volume: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Unmounts, then mounts anew: two overlays must not have one upper folder at a time."""
        if not entry.has_namespaces(self.spec):
            from . import copies

            return copies.reload(volume, self.started.pid)
        if fds:
            volume = dict(volume, fd=fds[0])
        answer = self.started.ask({"op": "unmount", "path": volume["path"]})
        if "error" in answer:
            return answer
        before = next(v for v in self.spec["volumes"] if v["path"] == volume["path"])
        try:
            self._mount(volume)
        except OSError as error:
            self._mount(before)
            return {"error": entry.describe(error)}
        self.spec["volumes"] = [v if v is not before else volume for v in self.spec["volumes"]]
        return {"done": True}

    def _mount(self, volume: dict[str, Any]) -> None:
        mount_fd = root.volume_mount(volume, self.paths)
        try:
            answer = self.started.ask({"op": "mount", "path": volume["path"]}, [mount_fd])
        finally:
            os.close(mount_fd)
        if "error" in answer:
            raise OSError(0, answer["error"])

    # the end

    def _finish(self) -> None:
        status = self.started.reap()
        self._drain()
        self.execs.finish()
        if self.started.error:
            messages.send(self.engine, {"error": self.started.error})
        signal_number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        is_out_of_memory, sentence = self.watch.verdict(status != 0)
        outcome = {
            "task_id": self.spec["task_id"],
            "exit_code": os.WEXITSTATUS(status) if signal_number is None else 128 + signal_number,
            "signal": signal_number,
            "out_of_memory": is_out_of_memory,
            "reason": sentence or self.reason or self.started.error,
            "cpu_time_s": round(usage.ru_utime + usage.ru_stime, 3),
            "memory_peak_bytes": max(self.watch.peak_bytes(), usage.ru_maxrss * 1024),
            "ended_at": time.time(),
        }
        folder = self.paths(self.spec["folder"])
        with open(folder + "/exit.tmp", "r+b") as file:
            file.write(json.dumps(outcome).encode())  # the blanks that follow are JSON's, too
        os.rename(folder + "/exit.tmp", folder + "/exit.json")
        self._notify("exit")

    def _drain(self) -> None:
        """Writes what is left in the pipes; nobody can write to them any more."""
        for pipe in list(self.outputs):
            os.set_blocking(pipe, False)
            try:
                while not self.unwritten:
                    data = _read(pipe)
                    if not data:
                        break
                    self._take(pipe, data)
            except BlockingIOError:
                pass
            if not self.unwritten:
                self._take(pipe, b"", is_last=True)


def _read(number: int) -> bytes:
    """What there is; nothing at the end, which a terminal that nobody has open says as an error."""
    try:
        return os.read(number, _READ_BYTES)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
