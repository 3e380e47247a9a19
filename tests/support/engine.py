"""An engine for tests: started as a user's service would, killed as the worst day would."""

import json
import os
import select
import signal
import subprocess
from pathlib import Path

from tests.support.account import BIN, Account

START_LIMIT_S = 20


class Engine:
    """The engine of one home. `start` and `kill` may alternate; it keeps its port, as `homeport up` does."""

    def __init__(
        self, account: Account, home: Path, *options: str, env: dict[str, str] | None = None
    ) -> None:
        self.account = account
        self.home = home
        self.options = options
        self.env = env or {}
        self.server_url = ""
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None, "the engine was not started"
        return self.process.pid

    def start(self) -> None:
        """Returns when the engine is ready. Raises AssertionError with what it said, if it is not."""
        said = self.account.base / "engine.err"
        program = [BIN / "python", "-I", "-m", "homeport.main", "--home", self.home, "--port", self.port]
        with said.open("a") as stderr:
            self.process = subprocess.Popen(
                env={**self.account.environment(), **self.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
                **self.account.launch([*program, *self.options], self.account.base),
            )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], START_LIMIT_S)
        line = self.process.stdout.readline() if ready else ""
        endpoint = json.loads(line or "{}")
        if "server_url" not in endpoint:
            self.kill()
            raise AssertionError(f"the engine did not start: {endpoint}\n{said.read_text()[-4000:]}")
        self.server_url = endpoint["server_url"]
        self.port = int(self.server_url.rsplit(":", 1)[1])

    def restart(self, *options: str) -> None:
        """Kills and starts it with these options instead of its own, until the next start."""
        own, self.options = self.options, options
        self.kill()
        self.start()
        self.options = own

    def client_environment(self) -> dict[str, str]:
        """What `homeport env` would export."""
        token = json.loads((self.home / "token.json").read_text())
        return {
            **self.account.environment(),
            "MODAL_SERVER_URL": self.server_url,
            "MODAL_TOKEN_ID": token["token_id"],
            "MODAL_TOKEN_SECRET": token["token_secret"],
        }

    def kill(self) -> None:
        """kill -9, the engine's process alone."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGKILL)
        self._forget()

    def stop(self) -> None:
        """Asks it to end, as `homeport down` does. Raises AssertionError if it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self._forget()
            raise AssertionError("the engine did not end within 15 s of SIGTERM") from None
        self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def layers(self) -> list[Path]:
        """Folders and notes of layers, without the copies of them that proot needs."""
        folder = self.home / "l"
        notes = {file.stem: file.read_text() for file in folder.glob("*.json")}
        return [
            path
            for path in folder.iterdir()
            if '"merged"' not in notes.get(path.stem, "") and not path.name.startswith("tmp-work-")
        ]

    def log_tail(self, lines: int = 40) -> str:
        texts = []
        for file in (self.home / "engine.log", self.account.base / "engine.err"):
            if file.exists():
                tail = file.read_text(errors="replace").splitlines()[-lines:]
                texts.append(f"--- {file.name}\n" + "\n".join(tail))
        return "\n".join(texts)
