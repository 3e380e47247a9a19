"""The process that stands in for a killed engine at containers' sockets."""

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.runtime import keeper

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
PING = b"\0\0\x08\x06\0\0\0\0\0" + b"12345678"
PONG = b"\0\0\x08\x06\x01\0\0\0\0" + b"12345678"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with one container that lives: its lock is held here."""
    run = tmp_path / "t" / "ta-1" / "run"
    run.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)  # paths of sockets stay short
    with (tmp_path / "t/ta-1/lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


@contextlib.contextmanager
def started(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-I", "-S", keeper.__file__], cwd=home, stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        yield process
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.kill()
        process.wait()


def connect(path: str) -> socket.socket:
    deadline = time.monotonic() + 10
    while True:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(5)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            assert time.monotonic() < deadline
            time.sleep(0.01)


def received(client: socket.socket, expected: bytes) -> None:
    data = b""
    while expected not in data:
        more = client.recv(1000)
        assert more, data
        data += more


def test_a_stopped_engine_needs_none(home: Path) -> None:
    with started(home) as process:
        assert process.stdin is not None
        process.stdin.write(b"q")
        process.stdin.close()
        assert process.wait(10) == 0
    assert not Path(keeper.DOOR).exists()


def test_it_holds_requests_until_the_next_engine_comes(home: Path) -> None:
    with started(home) as process:
        assert process.stdin is not None
        process.stdin.close()  # as the kernel does when the engine is killed
        with connect("t/ta-1/run/api.sock") as client:
            client.sendall(PREFACE + SETTINGS + PING[:12])
            received(client, SETTINGS)
            client.sendall(PING[12:])
            received(client, PONG)
            with connect(keeper.DOOR):
                assert client.recv(1000) == b""
        assert process.wait(10) == 0
    assert not Path(keeper.DOOR).exists()


def test_without_a_container_that_lives_it_goes(home: Path) -> None:
    (home / "t/ta-1/lock").unlink()
    with started(home) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_an_engine_that_was_quicker_keeps_its_sockets(home: Path) -> None:
    descriptor = os.open(keeper.LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (home / "t/ta-1/run/api.sock").write_text("the new engine's")
        with started(home) as process:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(10) == 0
        assert (home / "t/ta-1/run/api.sock").read_text() == "the new engine's"
    finally:
        os.close(descriptor)
