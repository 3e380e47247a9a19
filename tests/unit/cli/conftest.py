"""A stand-in for the engine: holds the lock and answers as main.py does, without anything behind it."""

import os
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homeport.cli import service
from homeport.model.home import Home

ENGINE = textwrap.dedent(
    """
    import fcntl, json, os, signal, socket, sys, time
    home, mode = sys.argv[1:]
    lock = os.open(f"{home}/engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if mode == "refuse":
        print(json.dumps({"error": "The moon is in the wrong phase."}), flush=True)
        sys.exit(1)
    if mode == "crash":
        raise RuntimeError("a mistake of ours")
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(f"{home}/token.json", "w") as file:
        json.dump({"token_id": "ak-1", "token_secret": "as-1"}, file)
    with socket.socket() as probe:  # a port that is free, and stays so as far as anybody can tell
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint = {"pid": os.getpid(), "server_url": f"http://127.0.0.1:{port}", "blob_url": "http://127.0.0.1:1",
                "version": "0", "started_at": time.time()}
    with open(f"{home}/engine.json", "w") as file:
        json.dump(endpoint, file)
    print(json.dumps(endpoint), flush=True)
    signal.pause()
    """
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    root = tmp_path / "home"
    monkeypatch.setenv("HOMEPORT_HOME", str(root))
    monkeypatch.setenv("MODAL_CONFIG_PATH", str(tmp_path / "modal.toml"))
    return Home(root)


@pytest.fixture
def engine(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Chooses how the engine behaves that commands start: well, refuse, crash or deaf."""

    def choose(mode: str) -> None:
        line = [sys.executable, "-c", ENGINE, str(home.root), mode]
        monkeypatch.setattr(service, "command_line", lambda home, **given: line)

    choose("well")
    yield choose
    for pid in service.lock_holders(home.lock_file):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
