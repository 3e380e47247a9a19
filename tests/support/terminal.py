"""A command in a pseudo terminal, as a person at one has it: typed at, watched, resized, closed."""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.account import Account

_SETTLED_S = 0.2


class Terminal:
    """One command and its terminal of `rows` and `columns`. The command's session is that of the terminal."""

    def __init__(
        self,
        account: Account,
        argv: Sequence[object],
        cwd: Path,
        environment: Mapping[str, str],
        *,
        rows: int = 24,
        columns: int = 80,
    ) -> None:
        self.command = " ".join(map(str, argv))
        self.screen = ""  # all that was shown
        self._seen = 0
        self._ours, theirs = os.openpty()
        self.resize(rows, columns)
        self.settings = termios.tcgetattr(self._ours)
        launched: dict[str, Any] = account.launch(argv, cwd)
        os.fchown(theirs, account.uid, -1)
        self.process = subprocess.Popen(
            env={**environment, "TERM": "xterm-256color"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
            **launched,
        )
        os.close(theirs)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Types, as fast as the terminal takes it."""
        os.write(self._ours, text.encode())

    def wait_for(self, pattern: str, timeout_s: float = 30) -> re.Match[str]:
        """The first match of `pattern` in what is shown from now on, or was and no match has had yet."""
        deadline = time.monotonic() + timeout_s
        while (found := re.search(pattern, self.screen[self._seen :])) is None:
            assert self._read(deadline - time.monotonic()), self._story(f"ended without {pattern!r}")
            assert time.monotonic() < deadline, self._story(f"{timeout_s} s without {pattern!r}")
        self._seen += found.end()
        return found

    def wait(self, timeout_s: float = 30) -> int:
        """Its exit status, once all that it wrote was read."""
        deadline = time.monotonic() + timeout_s
        while self._read(min(_SETTLED_S, max(0.0, deadline - time.monotonic()))):
            if self.process.poll() is not None and not self._read(0.0):
                break
            assert time.monotonic() < deadline, self._story(f"still running after {timeout_s} s")
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def is_restored(self) -> bool:
        """Whether the terminal is as it was before the command."""
        return termios.tcgetattr(self._ours) == self.settings

    def close(self) -> None:
        """As when the window is closed."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _read(self, timeout_s: float) -> bool:
        """Whether there may be more to come."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, timeout_s))
        if not ready:
            return self.process.poll() is None or timeout_s > 0
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # nobody has the terminal open any more
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)

    def _story(self, what: str) -> str:
        return f"$ {self.command}\n{self.screen}\n{what}"


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
