"""The surroundings that a benchmark gets: a scratch folder, the engine, null servers, the real client.

One engine serves all benchmarks of a run, so that the image is built once; a benchmark that needs an engine
in another state starts its own home.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.support.processes import User, end

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = REPOSITORY / "benchmarks" / "apps"
_PASSED_ON = ("PIP_", "UV_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "LANG", "TZ")


@dataclass
class Server:
    """Where a client finds a server, and the server's process."""

    process: subprocess.Popen[str]
    server_url: str
    token_id: str = "ak-null"
    token_secret: str = "as-null"
    home: Path | None = None
    container_url: str = ""

    @property
    def client_env(self) -> dict[str, str]:
        return {
            "MODAL_SERVER_URL": self.server_url,
            "MODAL_TOKEN_ID": self.token_id,
            "MODAL_TOKEN_SECRET": self.token_secret,
        }


@dataclass
class Bench:
    """What a benchmark's `run` gets. `runs` is how often a figure is measured where that takes 10 s."""

    scratch: Path
    user: User
    runs: int
    keep: ExitStack = field(default_factory=ExitStack)
    _engine: Server | None = None
    _homes: int = 0

    def runs_of(self, seconds: float) -> int:
        """How many runs to do where one takes this long: fewer only above ten seconds."""
        return self.runs if seconds <= 10 else max(3, self.runs // 6)

    def engine(self) -> Server:
        """The engine that the benchmarks share."""
        if self._engine is None:
            self._engine = self.keep.enter_context(self.own_engine())
        return self._engine

    def new_home(self) -> Path:
        self._homes += 1
        home = self.scratch / f"h{self._homes}"
        home.mkdir(mode=0o700)
        self.user.own(home)
        return home

    @contextmanager
    def own_engine(
        self, *, home: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        """An engine on a home of its own, ended afterwards."""
        home = home or self.new_home()
        command = [sys.executable, "-m", "homeport.main", "--home", str(home), "--port", "0", "--gpu", "auto"]
        with (self.scratch / f"{home.name}.stderr").open("a") as stderr:
            process = self.start(
                command, env=env, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
            )
        try:
            ready = _json_line(process, stderr.name)
            token = json.loads((home / "token.json").read_text())
            yield Server(process, ready["server_url"], token["token_id"], token["token_secret"], home)
        finally:
            end(process)

    @contextmanager
    def null(self, *options: str) -> Iterator[Server]:
        """A null server with the options of benchmarks.support.null_server."""
        command = [sys.executable, "-m", "benchmarks.support.null_server", *options]
        # in a session of its own as the engine is: the scheduler shares cores among sessions first
        process = self.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        try:
            said = _json_line(process, "the terminal")
            yield Server(process, said["server_url"], container_url=said.get("container_url", ""))
        finally:
            end(process)

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Starts a process as the benchmarks' user, with an environment made from nothing."""
        return self.user.popen(command, self.env(env), cwd=cwd or REPOSITORY, **options)

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        home = self.scratch / "user"
        if not home.exists():
            home.mkdir()
            self.user.own(home)
        passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        return {**passed, "PATH": path, "HOME": str(home), **(more or {})}

    def app(self, name: str) -> Path:
        """A copy of an app where the benchmarks' user may read it."""
        target = self.scratch / name
        if not target.exists():
            shutil.copy(APPS / name, target)
            self.user.own(target)
        return target

    def modal(self, server: Server, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Starts the real `modal` command against a server."""
        command = [str(Path(sys.executable).parent / "modal"), *arguments]
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.STDOUT)
        return self.start(command, env=server.client_env, cwd=self.scratch, **options)

    def modal_s(self, server: Server, *arguments: str) -> float:
        """Wall seconds of one `modal` command. Raises if it fails."""
        started = time.perf_counter()
        process = self.modal(server, *arguments)
        output = process.communicate()[0]
        took = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(f"modal {' '.join(arguments)} failed with {process.returncode}:\n{output}")
        return took


@dataclass
class Caller:
    """A process of the real client in which an app runs; it calls functions as told and measures them."""

    process: subprocess.Popen[str]

    def ask(self, **command: Any) -> Any:
        """Sends one command to benchmarks/apps/caller.py and returns its answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return _json_line(self.process, "the caller's output above")


@contextmanager
def caller(bench: Bench, server: Server, app: str = "caller.py", *arguments: object) -> Iterator[Caller]:
    """Runs an app of benchmarks/apps that is told what to do against a server, until the block ends."""
    command = [sys.executable, str(bench.app(app)), *map(str, arguments)]
    process = bench.start(
        command, env=server.client_env, cwd=bench.scratch, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        _json_line(process, "the caller's output above")
        yield Caller(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    finally:
        end(process)


def _json_line(process: subprocess.Popen[str], where: str) -> Any:
    """The next line of a process's output that is a JSON object."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError(f"{process.args} ended with {process.wait()}; see {where}")
