"""Loads an app in a throw-away process, as `modal run` would, without a network or a server: its values are
exact then.

The process runs inside/load.py on the Python of the user's own client; loaded.py makes facts of what it
reports. What is captured of its output is dropped: an app may print secrets.
"""

import json
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeport.check.facts import App, LoadFailure, Module
from homeport.check.kept import Kept, key_of
from homeport.check.loaded import app_of
from homeport.check.loaded_nodes import site_of
from homeport.check.source import Sources
from homeport.check.values import Site

INSIDE = Path(__file__).with_name("inside") / "load.py"
MAX_REPORT_BYTES = 64 << 20
GRACE_S = 5.0  # for the process to say itself that its time is over, and where

# The client is given an address where nobody listens (inside/guard.py knows it), and no real credentials.
CLIENT_VARIABLES = {
    "MODAL_SERVER_URL": "http://127.0.0.1:1",
    "MODAL_TOKEN_ID": "ak-none",
    "MODAL_TOKEN_SECRET": "as-none",
    "MODAL_CONFIG_PATH": os.devnull,
    "MODAL_DISABLE_API_PROXY": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
CREDENTIALS = re.compile(r"MODAL_(OAUTH_\w+|TOKEN_\w+|PROFILE)$")


def load_app(
    entry: Path,
    entry_module: Module,
    *,
    as_module: bool,
    python: Path,
    folder: Path,
    timeout_s: float,
    sources: Sources,
    source_app: App,
    environment: Mapping[str, str] | None = None,
    kept: Kept | None = None,
) -> App | LoadFailure:
    """The app as the client has it once its file is imported from `folder`, or why it cannot be imported.

    `source_app`, the same app as its source has it, gives the nodes and sites of what is in both.
    `environment` is the launcher's, by default this process's. With `kept`, an app is loaded again only where
    it may be another one.
    """
    asked = {
        "entry": os.path.abspath(folder / entry),  # noqa: PTH100 (links stay, as in `modal run`)
        "module": entry_module.name if as_module else "",
        "modal": str(python.with_name("modal")),
        "timeout_s": timeout_s,
    }
    variables = os.environ if environment is None else environment
    key = key_of(asked, python, folder, variables) if kept else ""
    if kept and (report := kept.find(key)):
        return app_of(report, entry_module, sources, source_app)
    started_ns = time.time_ns()
    try:
        process = _Process(python, asked, folder, variables)
    except OSError as error:
        return LoadFailure("client", f"cannot be begun: {python}: {error.strerror}")
    with process:
        text = process.report(2 * timeout_s + GRACE_S)  # one for the client's own import
    report = _last_report(text)
    if report is None:
        return _ended(text, process, timeout_s)
    if report["failure"] is not None:
        return _failure(report["failure"])
    if kept:
        kept.keep(key, report, entry, started_ns)
    return app_of(report, entry_module, sources, source_app)


class _Process:
    """The throw-away process, and the pipe that it reports on. Leaving the context ends it with all its
    children.
    """

    def __init__(
        self, python: Path, asked: dict[str, Any], folder: Path, environment: Mapping[str, str]
    ) -> None:
        kept = {name: value for name, value in environment.items() if not CREDENTIALS.match(name)}
        self._pipe, write = os.pipe()
        self._is_over = False
        self.is_late = False
        try:
            self._process = subprocess.Popen(
                [python, "-B", INSIDE, json.dumps(asked | {"pipe": write})],
                cwd=folder,
                env=kept | CLIENT_VARIABLES,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(write,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(write)
        self._end = os.pidfd_open(self._process.pid)
        self.status = 0

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        """The first process waits for all of its namespace, so there is nothing left when it ends."""
        if not self._has_ended(GRACE_S if self._is_over else 0):
            self._process.terminate()
            self._has_ended(GRACE_S)
        try:
            os.killpg(self._process.pid, signal.SIGKILL)  # where namespaces are closed
        except ProcessLookupError:
            pass
        self.status = self._process.wait()
        os.close(self._end)
        os.close(self._pipe)

    def report(self, timeout_s: float) -> str:
        """All that came on the pipe until the report is complete, the process ends or the time is over."""
        deadline = time.monotonic() + timeout_s
        data = bytearray()
        while (left := deadline - time.monotonic()) > 0 and len(data) < MAX_REPORT_BYTES:
            ready, _, _ = select.select([self._pipe, self._end], [], [], left)
            if not ready:
                break
            piece = os.read(self._pipe, 1 << 20) if self._pipe in ready else b""
            data += piece
            self._is_over = not piece or (data.startswith(b"{") and data.endswith(b"}\n"))
            if self._is_over:
                break
        self.is_late = not self._is_over
        return data.decode("utf-8", errors="replace")

    def _has_ended(self, timeout_s: float) -> bool:
        return bool(select.select([self._end], [], [], timeout_s)[0])


def _last_report(text: str) -> dict[str, Any] | None:
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                report = json.loads(line)
            except ValueError:
                continue
            assert isinstance(report, dict)
            return report
    return None


# ---- failures


def _failure(told: dict[str, Any]) -> LoadFailure:
    error, message = told.get("error", ""), told.get("message", "")
    first = (message.strip().splitlines() or [""])[0]
    raised = f"{error.rpartition('.')[2]}: {first}" if first else error
    why = {
        "exception": f"raises {raised}",
        "exit": "ends the process while it is imported",
        "input": "asks for input while it is imported",
        "network": f"needs the network while it is imported ({raised})",
        "server": "asks Modal's server while it is imported",
        "client": f"needs the modal client, which cannot be imported ({raised})",
    }[told["kind"]]
    site = site_of(told.get("site"))
    return LoadFailure(told["kind"], why, site, error, message, told.get("missing", ""))


def _ended(text: str, process: _Process, timeout_s: float) -> LoadFailure:
    """Of a process that ended without a report: what faulthandler wrote says where it was."""
    site = _place_in_dump(text)
    if "Timeout (" in text or process.is_late:
        return LoadFailure("timeout", f"takes longer than {timeout_s:g} s to be imported", site)
    status = process.status
    number = -status if status < 0 else status - 128
    name = signal.Signals(number).name if number in set(signal.Signals) else f"status {status}"
    because = " (it may need more memory than a check gives it)" if number == signal.SIGKILL else ""
    return LoadFailure("crash", f"ends its process by {name} while it is imported{because}", site)


def _place_in_dump(text: str) -> Site | None:
    ours = f"{INSIDE.parent}{os.sep}"
    for path, line in re.findall(r'File "(.+?)", line (\d+) in ', text):
        if "site-packages" not in path and not path.startswith(("<", ours)) and "/lib/python" not in path:
            return Site(Path(path), int(line))
    return None
