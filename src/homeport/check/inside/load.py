"""Imports an app as `modal run` does, and writes what it asked of the client as JSON to a pipe.

    python -B load.py '{"entry": ..., "module": ..., "folder": ..., "modal": ..., "pipe": 3, "timeout_s": 10}'

`module` is empty for a file, else the dotted name after -m. The parent's side is loading.py.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import threading
from typing import Any, Dict, List, NoReturn, Optional

sys.path.insert(
    0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
)

from homeport.check.inside import guard
from homeport.check.inside.encoding import Encoder, Objects
from homeport.check.inside.frames import Note, Origins, Place
from homeport.check.inside.importing import imported
from homeport.check.inside.reads import FileReads
from homeport.check.inside.recording import Recording
from homeport.check.inside.shell import ShellReads


class Load:
    """One import of one app, and what there is to say of it."""

    def __init__(self, asked: Dict[str, Any]) -> None:
        self.asked = asked
        self.origins = Origins(os.path.abspath(asked["entry"]))
        self.objects = Objects()
        self.shell = ShellReads(self.origins)
        self.files = FileReads(self.origins)
        self.recording = Recording(self.origins, self.objects, Encoder(self.objects, self.shell.origin))
        self.attempts: List[Note] = []
        self.module: Any = None
        self.modal: Any = None
        self._asked_at: Optional[Place] = None
        self._main_thread = threading.get_ident()
        self._process = os.getpid()
        self._leave = os._exit

    def run(self) -> NoReturn:
        try:
            self.modal = importlib.import_module("modal")
            synchronicity = sys.modules.get("synchronicity")
            self.origins.set_client(self.modal.__file__, getattr(synchronicity, "__file__", None))
        except BaseException as error:
            self.finish(self._failure("client", error))
        guard.Watch(self._on_attempt, self._on_server, self._on_input).begin()
        self.recording.wrap(self.modal)
        os._exit = self._on_exit  # type: ignore[assignment]
        _limit_time(self.asked)  # what the client's own import took does not count
        self.shell.watch()
        self.files.watch()
        try:
            self.module = imported(self.asked["entry"], self.asked["module"])
        except SystemExit as error:
            self.finish(self._failure("exit", error))
        except BaseException as error:
            self.finish(self._failure("exception", error))
        self.finish(None)

    def finish(self, failure: Optional[Note]) -> NoReturn:
        if os.getpid() != self._process:  # a process that the app forked
            self._leave(0)
        faulthandler.cancel_dump_traceback_later()
        text = json.dumps(self._report(failure)) + "\n"
        data = text.encode("ascii")
        while data:
            data = data[os.write(self.asked["pipe"], data) :]
        self._leave(0)
        raise AssertionError("the process has ended")

    # ---- what happens meanwhile

    def _on_attempt(self, what: str) -> None:
        if len(self.attempts) < 100:
            self.attempts.append({"what": what, "site": self._place_now()})

    def _on_server(self) -> None:
        self.finish({"kind": "server", "site": self._place_now()})

    def _on_input(self) -> None:
        self._asked_at = self._place_now()

    def _on_exit(self, status: int) -> None:
        if os.getpid() != self._process:
            self._leave(status)
        self.finish({"kind": "exit", "message": str(status), "site": self._place_now()})

    def _place_now(self) -> Optional[Place]:
        """Where the user's code is, also while another thread works for it."""
        return self.origins.user_place(sys._getframe()) or self.origins.main_thread_place(self._main_thread)

    def _failure(self, kind: str, error: BaseException) -> Note:
        place = self.origins.place_in_traceback(error.__traceback__)
        if isinstance(error, SyntaxError) and error.filename and self.origins.of(error.filename) == "user":
            place = [
                os.path.abspath(error.filename),
                error.lineno or 1,
                max((error.offset or 1) - 1, 0),
                0,
                0,
            ]
        if isinstance(error, EOFError) and self._asked_at:
            kind, place = "input", self._asked_at
        elif self.attempts:  # with what they asked for, it might go on otherwise
            kind = "network"
        owner = type(error).__module__
        return {
            "kind": kind,
            "error": type(error).__qualname__
            if owner == "builtins"
            else owner + "." + type(error).__qualname__,
            "message": self._without_secrets(_said(error)),
            "missing": (error.name or "") if isinstance(error, ImportError) else "",
            "site": place,
        }

    def _without_secrets(self, text: str) -> str:
        for secret in sorted({*self.recording.secrets, *self.shell.texts()}, key=len, reverse=True):
            if len(secret) > 3:
                text = text.replace(secret, "...")
        return text

    def _report(self, failure: Optional[Note]) -> Note:
        members: Dict[int, str] = {}
        for name, value in list(vars(self.module).items()) if self.module is not None else []:
            number = self.objects.known(value)
            if number is not None:
                members.setdefault(number, name)
        return {
            "client": getattr(self.modal, "__version__", ""),
            "calls": self.recording.calls,
            "registered": self.recording.registered,
            "members": members,
            "reads": self.shell.reads,
            "attempts": self.attempts,
            "failure": failure,
            "files": self.files.paths(),
            "why_not_kept": self.files.why_not,
        }


def _limit_time(asked: Dict[str, Any]) -> None:
    """Ends the process when its time is over, after writing where it is then."""
    faulthandler.dump_traceback_later(asked["timeout_s"], exit=True, file=asked["pipe"])


def _set_search_path(scripts: str) -> None:
    """sys.path as the modal command's own process has it: its folder in the place of ours."""
    sys.path.pop(0)  # where homeport is
    if os.path.realpath(sys.path[0]) == os.path.dirname(os.path.realpath(__file__)):
        sys.path[0] = scripts  # with PYTHONSAFEPATH, no script's folder is there


def _said(error: BaseException) -> str:
    try:
        return str(error)[:2000]
    except Exception:
        return ""


def main() -> None:
    asked = json.loads(sys.argv[1])
    _set_search_path(os.path.dirname(asked["modal"]))
    sys.argv = [asked["modal"], "run", *(["-m", asked["module"]] if asked["module"] else [asked["entry"]])]
    os.set_inheritable(asked["pipe"], False)
    guard.enclose()
    guard.limit_resources()
    faulthandler.enable(file=asked["pipe"], all_threads=False)
    _limit_time(asked)
    load = Load(asked)
    for name in [name for name in sys.modules if name == "homeport" or name.startswith("homeport.")]:
        del sys.modules[name]  # an app may have a module of that name
    load.run()


if __name__ == "__main__":
    main()
