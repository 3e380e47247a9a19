"""Runs the commands that a user types, each in a process of its own, and keeps what they said."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.account import Account
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    command: str
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def lines(self) -> list[str]:
        """Standard output's lines without white space around them, empty ones left out."""
        return [line.strip() for line in self.out.splitlines() if line.strip()]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What a list with `--json` holds. Clients before 1.5 wrote "App ID" where newer ones say app_id."""
        found = json.loads(self.out)
        return [{name.lower().replace(" ", "_"): value for name, value in row.items()} for row in found]

    @property
    def complaint(self) -> str:
        """Standard error in one line, without the box that clients before 1.6 draw around it."""
        bare = re.sub(r"╭─ Error ─*╮|[│╰─╯]", " ", self.err)
        return " ".join(bare.removeprefix("Error: ").split())

    @property
    def content(self) -> str:
        """What `modal volume get NAME PATH -` fetched: the client adds a line of its own to it."""
        return self.out.removesuffix("✓ Finished downloading files to local!\n")

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.out}{self.err}(exit status {self.code})"


class Running:
    """A command in the background; its output is read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]", command: str) -> None:
        self.process = process
        self.command = command
        self._parts: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._parts.append(line)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def wait_for(self, pattern: str, timeout_s: float = 30) -> re.Match[str]:
        """The first match of `pattern` in the output. Raises AssertionError when the command ends without."""

        def seen() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            if ended:
                self._reader.join(5)
            found = re.search(pattern, self.text)
            assert found or not ended, (
                f"$ {self.command}\n{self.text}\nended ({self.process.returncode}) without {pattern!r}"
            )
            return found

        try:
            return wait_until(seen, timeout_s, what=f"{pattern!r} in the output of {self.command}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 30) -> int:
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"$ {self.command}\n{self.text}\nstill running after {timeout_s} s"
            ) from None
        self._reader.join(5)
        return code

    def end(self) -> None:
        """Kills what is left of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        if self.process.stdout:
            self.process.stdout.close()


class Command:
    """A program as one account types it in one folder: `modal("run", "app.py")`.

    `environment` is asked at each call, since an engine that was started again has a new address.
    """

    def __init__(
        self, account: Account, folder: Path, program: list[str], environment: Callable[[], Mapping[str, str]]
    ) -> None:
        self.account = account
        self.folder = folder
        self.program = program
        self.environment = environment
        self._running: list[Running] = []

    def __call__(
        self,
        *arguments: object,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        timeout_s: float = 120,
        cwd: Path | None = None,
        fails: bool = False,
    ) -> Outcome:
        """Runs to the end. AssertionError with all it said unless it succeeds (with `fails`: fails)."""
        argv = [*self.program, *map(str, arguments)]
        shown = " ".join(argv)
        try:
            done = subprocess.run(
                env={**self.environment(), **(env or {})},
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                **self.account.launch(argv, cwd or self.folder),
            )
        except subprocess.TimeoutExpired as expired:
            said = [part.decode(errors="replace") for part in (expired.stdout, expired.stderr) if part]
            raise AssertionError(f"$ {shown}\n{''.join(said)}\nstill running after {timeout_s} s") from None
        outcome = Outcome(shown, done.returncode, done.stdout, done.stderr)
        assert (outcome.code != 0) == fails, f"{outcome}\n{'should have failed' if fails else 'failed'}"
        return outcome

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Running:
        """Starts it in the background, in a session of its own; ended with the test at the latest."""
        argv = [*self.program, *map(str, arguments)]
        process = subprocess.Popen(
            env={**self.environment(), "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **self.account.launch(argv, cwd or self.folder),
        )
        running = Running(process, " ".join(argv))
        self._running.append(running)
        return running

    def end_all(self) -> None:
        for running in self._running:
            running.end()
        self._running.clear()


def interrupt(running: Running) -> None:
    """Ctrl-C, as a terminal sends it: to the whole foreground group."""
    os.killpg(running.process.pid, signal.SIGINT)


def stop_app(command: Command, *words: str, run: Running) -> None:
    """`app stop` of a detached run's app, which may have ended by itself: nothing else that fails passes."""
    app_id = re.search(r"ap-\w+", run.text)
    assert app_id, run.text
    try:
        command(*words, "app", "stop", "--yes", app_id[0])
    except AssertionError as error:
        if "already stopped" not in str(error):
            raise
