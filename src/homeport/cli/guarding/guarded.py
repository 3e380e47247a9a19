"""One command under guard: its output is passed on as it is, read line by line, and judged."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

import click

from homeport.cli.guarding.choose import Chosen, shell_has
from homeport.cli.guarding.followed import Followed, follow
from homeport.cli.modal import modal_command
from homeport.cli.verdict import BROKEN
from homeport.record.contracts.judge import Judge
from homeport.record.contracts.observing import plain
from homeport.record.launch import is_detached
from homeport.record.run import State, Violation

_APP_ID: Final = re.compile(r"\bap-[A-Za-z0-9]{22}\b")
_STOP_S: Final = 60.0
_END_S: Final = 15.0  # for the command to end by itself once its app was stopped
_UNSEEN_HERE: Final = {
    "forbid_env": "variables",
    "require_env": "variables",
    "env": "variables",
    "reads": "files",
    "writes": "files",
    "not_reads": "files",
    "not_writes": "files",
    "max_memory_gib": "memory",
    "apart_from": "other runs",
}


def _of_shell(name: str, task_id: str = "", pid: int = 0, at: float = 0.0) -> str:
    return f"{name} is set in the shell that launched it"


class Guarded:
    def __init__(self, chosen: Chosen, args: Sequence[str]) -> None:
        self._terms = chosen.terms
        self._args = args
        self._forbidden_here = shell_has(chosen.terms.forbid_env)
        self._judge = Judge(
            chosen.terms,
            file=chosen.file.path,
            started_at=time.time(),
        )
        self._judge.suspect(self._forbidden_here)
        self._app_id = ""
        self._rest = ""
        self._shown: Counter[str] = Counter()
        self._was_broken = False

    def run(self) -> int:
        self._say_limits()
        code = follow(list(self._args), self._heard, self._passed)
        may_go_on = code == 0 and self._app_id and is_detached(self._args)
        if may_go_on and not self._was_broken and self._goes_on():
            self._say(f"The command has ended; following app {self._app_id}, which goes on.")
            self._rest = ""
            follow(
                [*self._modal(), "app", "logs", self._app_id, "-f"], self._heard, self._passed, self._is_new
            )
        return self._end(code)

    # ---- what is heard

    def _heard(self, text: str, followed: Followed) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(plain(line), followed)

    def _line(self, line: str, followed: Followed) -> None:
        if not self._app_id and (found := _APP_ID.search(line)):
            self._app_id = found.group()
        self._shown[line] += 1
        self._act(self._judge.printed("", [(time.time(), line)]), followed)

    def _passed(self, followed: Followed) -> None:
        if self._judge.deadline is not None:
            self._act(self._judge.passed(time.time()), followed)

    def _is_new(self, line: str) -> bool:
        """Whether a line of the app's log was not shown before, while the command followed it."""
        line = plain(line)
        if self._shown[line] > 0:
            self._shown[line] -= 1
            return False
        return True

    # ---- what a violation does

    def _act(self, found: Sequence[Violation], followed: Followed) -> None:
        for violation in self._judge.explained(found, _of_shell):
            if self._was_broken:
                return
            self._say(f"Contract {self._terms.name} is broken: {violation.sentence}", followed)
            if self._terms.on_violation == "warn":
                continue
            self._was_broken = True
            self._stop_app(followed)
            followed.end(_END_S)

    def _stop_app(self, followed: Followed) -> None:
        if not self._app_id:
            self._say("It has named no app yet, so only the command is ended.", followed)
            return
        line = [*self._modal(), "app", "stop", self._app_id, "--yes"]
        try:
            done = subprocess.run(
                line, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_STOP_S
            )
            why = "" if done.returncode == 0 else (done.stderr or done.stdout).strip()
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        if why and "already stopped" not in why:
            self._say(
                f"App {self._app_id} could not be stopped ({why}). Stop it by hand: {' '.join(line)}",
                followed,
            )
        else:
            self._say(f"App {self._app_id} was stopped.", followed)

    def _end(self, code: int) -> int:
        if self._was_broken:
            return BROKEN
        state: State = "succeeded" if code == 0 else "failed"
        found = self._judge.ended(state, time.time())
        unseen = [each for each in found if each.rule.partition(" ")[0] not in ("reads", "writes")]
        unseen = [each for each in unseen if " apart from " not in each.rule]
        for violation in unseen:
            self._say(f"Contract {self._terms.name} is not kept: {violation.sentence}")
        if unseen and code == 0 and self._terms.on_violation != "warn":
            return BROKEN
        return code

    # ---- the modal command

    def _goes_on(self) -> bool:
        """Whether the app still runs; it may have ended with the command."""
        line = [*self._modal(), "app", "list", "--json"]
        try:
            done = subprocess.run(
                line, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_STOP_S
            )
            rows = json.loads(done.stdout) if done.returncode == 0 else []
        except (OSError, subprocess.TimeoutExpired, ValueError):
            return False
        states = [
            str(row.get("state", row.get("State", "")))
            for row in rows
            if self._app_id in map(str, row.values())
        ]
        return any("stop" not in state.lower() for state in states)

    def _modal(self) -> list[str]:
        """The modal command that the guarded one used, as far as that can be seen."""
        for place, word in enumerate(self._args):
            if PurePosixPath(word).name == "modal":
                return list(self._args[: place + 1])
            if PurePosixPath(word).name == "homeport" and self._args[place + 1 : place + 2]:
                return [*self._args[: place + 1], "modal"]
        found = shutil.which("modal")
        return [found] if found else modal_command()

    # ---- what is said

    def _say_limits(self) -> None:
        skipped = [what for key, what in _UNSEEN_HERE.items() if getattr(self._terms, key)]
        looks = f"Holding this run to contract {self._terms.name}"
        if skipped:
            kinds = list(dict.fromkeys(skipped))
            looks += f"; its rules on {' and '.join(kinds)} are not looked at, since its logs do not tell"
        self._say(f"{looks}.")
        if self._forbidden_here:
            names = ", ".join(self._forbidden_here)
            self._say(
                f"{names}, which it forbids, is set in this shell; whether the app takes it is not seen here."
            )

    def _say(self, sentence: str, followed: Followed | None = None) -> None:
        text = f"homeport guard: {sentence}"
        if followed is not None and followed.is_raw:
            text = f"\r{text}\r"
        is_plain = "NO_COLOR" in os.environ or not sys.stderr.isatty()
        click.secho(text, err=True, fg=None if is_plain else "yellow")
        sys.stderr.flush()
