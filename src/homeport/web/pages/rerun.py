"""Running a run again: its command line, in its folder, as a process of the engine's own user.

The environment of the shell that started it first is not recorded but for digests, so it is not given again:
the process gets what a fresh login has, and what points the client at this engine. What it prints goes to a
file, since a run that fails before it has an app has no log.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from homeport.model.errors import FailedPreconditionError, NotFoundError
from homeport.model.home import Home
from homeport.model.ids import new_id
from homeport.record.launch import command_of
from homeport.record.masking import MASK
from homeport.record.run import Run
from homeport.web.pages.door import Door
from homeport.web.pages.forms import read_form
from homeport.web.pages.render import answer, plain
from homeport.web.pages.run_view import command_line
from homeport.web.pages.sources import Sources

_KEPT: Final = ("HOME", "USER", "LOGNAME", "PATH", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_ID: Final = re.compile(r"re-[A-Za-z0-9]{22}")
_APP: Final = re.compile(r"/runs/(ap-[A-Za-z0-9]{22})")
_SHOWN_BYTES: Final = 32 << 10
_MOST_KEPT: Final = 50
_PASSED_OVER: Final = ("MODAL_", "HOMEPORT_", "PYTHON")  # variables that say nothing of the app


@dataclass
class Started:
    """A process that runs something again."""

    run_id: str
    process: "subprocess.Popen[bytes]"


def rerun_routes(sources: Sources, door: Door) -> list[Route]:
    started: dict[str, Started] = {}

    async def ask(request: Request) -> Response:
        run = await asyncio.to_thread(sources.records.record, request.path_params["run"])
        problem = obstacle(run)
        if request.method == "GET":
            return answer(
                request,
                "rerun.html",
                run=run,
                problem=problem,
                command=command_line(run.launcher.argv) if run.launcher else "",
                variables=_variables(run),
                form_token=door.form_token(request.state.session),
            )
        await read_form(request, door)
        if problem:
            raise FailedPreconditionError(problem)
        for old in [key for key, each in started.items() if each.process.poll() is not None][:-_MOST_KEPT]:
            del started[old]
        rerun_id = new_id("re")
        environment = _environment(sources)
        started[rerun_id] = await asyncio.to_thread(_start, sources.home, rerun_id, run, environment)
        return RedirectResponse(f"/reruns/{rerun_id}", 303)

    async def show(request: Request) -> Response:
        rerun_id = request.path_params["rerun"]
        path = _file(sources.home, rerun_id)
        if not _ID.fullmatch(rerun_id) or not path.exists():
            raise NotFoundError(f"Nothing was run again as {rerun_id}.")
        known = started.get(rerun_id)
        status = known.process.poll() if known else None
        text = await asyncio.to_thread(_tail, path)
        app = _APP.search(text)
        return answer(
            request,
            "rerunning.html",
            is_running=known is not None and status is None,
            status=status,
            text="\n".join(plain(line) for line in text.split("\n")),
            new_run=app[1] if app else "",
            old_run=known.run_id if known else "",
        )

    return [
        Route("/runs/{run}/rerun", ask, methods=["GET", "POST"]),
        Route("/reruns/{rerun}", show),
    ]


def obstacle(run: Run) -> str:
    """Why a run cannot be run again from here, as a sentence; empty where it can."""
    launcher = run.launcher
    if run.kind in ("call", "schedule"):
        return f"{run.run_id} was a call of a deployed app: call it again from where it was called."
    if launcher is None or not launcher.argv or not launcher.cwd:
        return f"The record of {run.run_id} does not hold the command line and the folder that started it."
    if command_of(launcher.argv) == "shell":
        return f"{run.run_id} was a shell, which needs a terminal: type it there."
    if any(MASK in word for word in launcher.argv):
        return f"The command line of {run.run_id} held a secret, which is not kept: start it by hand."
    if not Path(launcher.cwd).is_dir():
        return f"The folder {launcher.cwd} is not there any more."
    if _program(launcher.argv[0], launcher.cwd) is None:
        return f"The program {launcher.argv[0]} is not there any more."
    return ""


def _program(name: str, folder: str) -> str | None:
    return shutil.which(str(Path(folder, name)) if "/" in name else name, path=_path())


def _path() -> str:
    """Where programs are looked for: as the engine does, and at last beside its own Python, where modal and
    homeport are."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])


def _variables(run: Run) -> list[str]:
    """Names of the first shell's variables that the app's launching code read: they are not given again."""
    if run.launcher is None:
        return []
    had = {variable.name for variable in run.launcher.shell}
    read = {note.name for note in run.launcher.notes if note.kind == "read"}
    named = sorted(name for name in had & read if name not in _KEPT and not name.startswith(_PASSED_OVER))
    return named[:40]


def _environment(sources: Sources) -> dict[str, str]:
    own = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **own,
        "PATH": _path(),
        "HOMEPORT_HOME": str(sources.home.root.absolute()),
        "MODAL_SERVER_URL": sources.server_url(),
        "MODAL_TOKEN_ID": sources.token.token_id,
        "MODAL_TOKEN_SECRET": sources.token.token_secret,
        "MODAL_DISABLE_API_PROXY": "1",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "160",
    }


def _start(home: Home, rerun_id: str, run: Run, environment: Mapping[str, str]) -> Started:
    assert run.launcher is not None
    path = _file(home, rerun_id)
    path.parent.mkdir(exist_ok=True)
    _forget_old(path.parent)
    with path.open("xb") as output:
        try:
            process = subprocess.Popen(
                run.launcher.argv,
                cwd=run.launcher.cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it ends by itself, or with its app
            )
        except OSError as error:
            raise FailedPreconditionError(
                f"{command_line(run.launcher.argv)} could not be started in {run.launcher.cwd}: "
                f"{error.strerror}."
            ) from None
    threading.Thread(target=process.wait, name=rerun_id, daemon=True).start()  # or it stays as a zombie
    return Started(run.run_id, process)


def _file(home: Home, rerun_id: str) -> Path:
    return home.runs / "reruns" / f"{rerun_id}.log"


def _forget_old(folder: Path) -> None:
    """Files of those that were started long ago; the newest stay."""
    a_week_ago = time.time() - 7 * 24 * 3600
    files = sorted(folder.glob("re-*.log"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_MOST_KEPT]:
        if file.stat().st_mtime < a_week_ago:
            file.unlink(missing_ok=True)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SHOWN_BYTES))
        return file.read().decode("utf-8", "replace")
