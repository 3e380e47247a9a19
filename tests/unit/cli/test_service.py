"""Starting, finding and stopping the engine's process."""

import os
import signal
import socket
import threading
from collections.abc import Callable

import pytest

from homeport.cli import service
from homeport.model.errors import EngineUnavailableError, FailedPreconditionError
from homeport.model.home import Home

Choose = Callable[[str], None]


def test_start_returns_once_the_engine_answers(home: Home, engine: Choose) -> None:
    endpoint, started = service.start(home)
    assert started
    assert service.find(home) == endpoint
    assert service.read_token(home) == service.Token("ak-1", "as-1")


def test_a_second_start_finds_the_first(home: Home, engine: Choose) -> None:
    first, _ = service.start(home)
    second, started = service.start(home)
    assert second == first
    assert not started


def test_two_starts_at_once_make_one_engine(home: Home, engine: Choose) -> None:
    results: list[tuple[service.Endpoint, bool]] = []
    threads = [threading.Thread(target=lambda: results.append(service.start(home))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started for _, started in results) == [False, False, True]
    assert len({endpoint.pid for endpoint, _ in results}) == 1


def test_a_refusal_is_told_in_the_engine_s_own_words(home: Home, engine: Choose) -> None:
    engine("refuse")
    with pytest.raises(EngineUnavailableError, match=r"^The moon is in the wrong phase\.$"):
        service.start(home)


def test_a_crash_names_the_log_and_the_last_line(home: Home, engine: Choose) -> None:
    engine("crash")
    with pytest.raises(EngineUnavailableError, match=r"status 1 .*engine\.log.*RuntimeError: a mistake"):
        service.start(home)


def test_stop_waits_for_the_end(home: Home, engine: Choose) -> None:
    endpoint, _ = service.start(home)
    service.stop(home, endpoint, timeout_s=10)
    assert service.find(home) is None
    os.waitpid(endpoint.pid, 0)


def test_an_engine_that_does_not_stop_is_named(home: Home, engine: Choose) -> None:
    engine("deaf")
    endpoint, _ = service.start(home)
    with pytest.raises(EngineUnavailableError, match=rf"pid {endpoint.pid}.*still runs.*kill -9"):
        service.stop(home, endpoint, timeout_s=0.05)


def test_what_a_killed_engine_leaves_behind_is_no_engine(home: Home, engine: Choose) -> None:
    endpoint, _ = service.start(home)
    os.kill(endpoint.pid, signal.SIGKILL)
    os.waitpid(endpoint.pid, 0)
    assert home.endpoint_file.exists()
    assert service.find(home) is None
    again, started = service.start(home)
    assert started
    assert again.pid != endpoint.pid


def test_a_pid_that_somebody_else_has_now_is_no_engine_and_not_signalled(home: Home, engine: Choose) -> None:
    service.prepare(home)
    home.lock_file.touch()
    mine = f'{{"pid": {os.getpid()}, "server_url": "http://127.0.0.1:1", "blob_url": "", "version": "", '
    home.endpoint_file.write_text(mine + '"started_at": 0}')
    assert service.find(home) is None
    service.stop(home, service.Endpoint(os.getpid(), "", "", "", 0.0), timeout_s=1)  # or this test dies


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_a_damaged_engine_json_is_no_engine(home: Home, text: str) -> None:
    service.prepare(home)
    home.endpoint_file.write_text(text)
    assert service.find(home) is None


def test_the_port_of_the_last_start_is_used_again(home: Home, engine: Choose) -> None:
    endpoint, _ = service.start(home)
    assert service.choose_port(home, None) == endpoint.port
    assert service.choose_port(home, 0) == 0


def test_a_taken_port_is_named(home: Home) -> None:
    service.prepare(home)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EngineUnavailableError, match=f"Port {port} is taken"):
            service.choose_port(home, port)
        (home.root / "port").write_text(str(port))
        with pytest.raises(EngineUnavailableError, match=f"Port {port}, which this engine used before, is"):
            service.choose_port(home, None)


def test_a_home_inside_a_file_is_refused(home: Home) -> None:
    home.root.write_text("not a folder")
    with pytest.raises(FailedPreconditionError, match="cannot be written"):
        service.prepare(home)


def test_a_missing_token_says_what_to_do(home: Home) -> None:
    with pytest.raises(FailedPreconditionError, match="homeport down, then homeport up"):
        service.read_token(home)
