"""Runs a command as the shell would, and hears all that it prints.

At a terminal the command gets a terminal of its own, which shows and takes what the person's does; else
pipes, one for each stream. Signals that end this process reach the command first, once.
"""

import codecs
import contextlib
import fcntl
import os
import selectors
import signal
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from homeport.model.errors import NotFoundError

_LOOK_EVERY_S: Final = 0.2
_BLOCK: Final = 65536
_PASSED_ON: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

Heard = Callable[[str, "Followed"], None]
Passed = Callable[["Followed"], None]


class Followed:
    """A command that runs. `is_raw`: the person's terminal takes every byte as it is."""

    def __init__(self, process: "subprocess.Popen[bytes]", *, is_raw: bool) -> None:
        self.process = process
        self.is_raw = is_raw
        self._end_at: list[tuple[float, signal.Signals]] = []

    def end(self, grace_s: float) -> None:
        """Has it end: by itself, else by Ctrl-C, else by force."""
        now = time.monotonic()
        self._end_at = [
            (now + grace_s, signal.SIGINT),
            (now + grace_s + 10, signal.SIGTERM),
            (now + grace_s + 15, signal.SIGKILL),
        ]

    def look(self) -> None:
        while self._end_at and time.monotonic() >= self._end_at[0][0]:
            self.signal(self._end_at.pop(0)[1])

    def signal(self, number: int) -> None:
        """To all of its processes, as a terminal sends it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def follow(
    argv: Sequence[str], heard: Heard, passed: Passed, is_shown: Callable[[str], bool] | None = None
) -> int:
    """Runs a command to its end; its exit status as a shell has it. `heard` gets its text, `passed` is called
    again and again meanwhile, `is_shown` says of each whole line whether to pass it on.

    Raises NotFoundError where there is no such command.
    """
    at_terminal = os.isatty(1)
    with contextlib.ExitStack() as stack:
        if at_terminal:
            process, ours = _in_terminal(argv)
            stack.callback(os.close, ours)
            is_raw = stack.enter_context(_raw()) if os.isatty(0) else False
            outputs = {ours: 1}
        else:
            process = _with_pipes(argv)
            assert process.stdout is not None and process.stderr is not None
            stack.callback(process.stdout.close)
            stack.callback(process.stderr.close)
            ours, is_raw = -1, False
            outputs = {process.stdout.fileno(): 1, process.stderr.fileno(): 2}
        followed = Followed(process, is_raw=is_raw)
        stack.enter_context(_signals(followed, ours))
        _loop(followed, outputs, ours if is_raw else -1, heard, passed, is_shown)
        code = process.wait()
    return code if code >= 0 else 128 - code


def _loop(
    followed: Followed,
    outputs: dict[int, int],
    typed_to: int,
    heard: Heard,
    passed: Passed,
    is_shown: Callable[[str], bool] | None,
) -> None:
    readers = {fd: _Reader(to, is_shown) for fd, to in outputs.items()}
    with selectors.DefaultSelector() as selector:
        for fd in readers:
            selector.register(fd, selectors.EVENT_READ)
        if typed_to >= 0:
            selector.register(0, selectors.EVENT_READ)
        while readers:
            for key, _ in selector.select(_LOOK_EVERY_S):
                if key.fd == 0 and typed_to >= 0:
                    data = _read(0)
                    if data:
                        os.write(typed_to, data)
                    else:
                        selector.unregister(0)
                    continue
                data = _read(key.fd)
                text = readers[key.fd].take(data)
                if text:
                    heard(text, followed)
                if not data:
                    selector.unregister(key.fd)
                    del readers[key.fd]
            passed(followed)
            followed.look()
            if followed.process.poll() is not None and not selector.select(_LOOK_EVERY_S):
                break  # a process that it left behind may hold the pipe open


class _Reader:
    """Passes a stream on, and gives it as text."""

    def __init__(self, to: int, is_shown: Callable[[str], bool] | None) -> None:
        self._to = to
        self._is_shown = is_shown
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = b""

    def take(self, data: bytes) -> str:
        self._pass_on(data)
        return self._decode.decode(data, final=not data)

    def _pass_on(self, data: bytes) -> None:
        if self._is_shown is not None:
            *lines, self._rest = (self._rest + data).split(b"\n")
            shown = [line + b"\n" for line in lines if self._is_shown(line.decode("utf-8", "replace"))]
            data = b"".join(shown) or b""
        while data:
            data = data[os.write(self._to, data) :]


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _BLOCK)
    except OSError:  # a terminal whose last process has ended
        return b""


def _with_pipes(argv: Sequence[str]) -> "subprocess.Popen[bytes]":
    return _popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _in_terminal(argv: Sequence[str]) -> tuple["subprocess.Popen[bytes]", int]:
    """Streams of ours that are no terminal stay what they are."""
    ours, theirs = os.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))
        streams = {
            name: theirs if os.isatty(fd) else None
            for name, fd in (("stdin", 0), ("stdout", 1), ("stderr", 2))
        }
        process = _popen(argv, **streams, preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0))
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return process, ours


def _popen(argv: Sequence[str], **streams: Any) -> "subprocess.Popen[bytes]":
    """In a session of its own, so that Ctrl-C reaches it once."""
    try:
        return subprocess.Popen(list(argv), start_new_session=True, **streams)
    except (FileNotFoundError, PermissionError) as error:
        raise NotFoundError(f"{argv[0]} cannot be run: {error.strerror}.") from None


@contextlib.contextmanager
def _raw() -> Iterator[bool]:
    """Every key goes to the command's terminal, which makes of Ctrl-C what it should."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        yield True
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _signals(followed: Followed, terminal: int) -> Iterator[None]:
    def pass_on(number: int, frame: object) -> None:
        followed.signal(number)

    def resized(number: int, frame: object) -> None:
        with contextlib.suppress(OSError):
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, b"\0" * 8))
            followed.signal(signal.SIGWINCH)

    before: dict[int, Any] = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    if terminal >= 0:
        before[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, resized)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.stdout.flush()
