"""Engines that cannot start say why; engines that are killed lose nothing."""

import json
import re
import shutil
import signal
import socket
import subprocess

import pytest

from tests.support.account import BIN
from tests.support.commands import Command
from tests.support.waiting import wait_until

TRAINING = """
    import time

    import modal

    app = modal.App("{name}")


    @app.function(timeout=120)
    def train(steps: int):
        for step in range(1, steps + 1):
            print(f"step {{step}}/{{steps}}", flush=True)
            time.sleep(0.05)
        return f"trained {{steps}}"
    """


@pytest.fixture
def main(account, folder):
    """The engine's own program, in the foreground."""
    command = Command(
        account, folder, [str(BIN / "python"), "-I", "-m", "homeport.main"], account.environment
    )
    yield command
    command.end_all()


@pytest.fixture
def impatient_engine(engine):
    """The engine with a limit of 3 s where others have a minute."""
    engine.restart("--heartbeat-limit", "3")
    yield engine
    engine.restart()


@pytest.mark.once_as("user")
def test_a_second_engine_on_one_home_stops_and_says_which_holds_it(engine, main):
    said = main("--home", engine.home, "--port", "0", fails=True, timeout_s=20)
    assert str(engine.pid) in said.text
    assert "Traceback" not in said.text


@pytest.mark.once_as("root")
def test_a_port_that_is_taken_is_named(main, account):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = main("--home", account.base / "other", "--port", port, fails=True, timeout_s=20)
    assert str(port) in said.text
    assert "Traceback" not in said.text


def test_where_namespaces_are_closed_doctor_names_the_setting_and_the_cure(account, folder):
    closed = "echo 0 > /proc/sys/user/max_user_namespaces && exec homeport doctor"
    done = subprocess.run(
        env=account.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        **account.launch(["unshare", "--user", "--map-root-user", "sh", "-c", closed], folder),
    )
    has_proot = shutil.which("proot") is not None
    assert done.returncode == (0 if has_proot else 1), done.stdout
    assert ("run under proot, one was started" if has_proot else "apt-get install proot") in done.stdout
    assert "max_user_namespaces" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_killed_engine_stops_no_detached_training_and_loses_no_line_of_it(engine, modal, python, write):
    write("app.py", TRAINING.format(name="wire-killed-engine"))
    write(
        "spawn.py",
        """
        import modal

        print(modal.Function.from_name("wire-killed-engine", "train").spawn(80).object_id)
        """,
    )
    write(
        "fetch.py",
        """
        import sys

        import modal

        print(modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))
        """,
    )
    modal("deploy", "app.py")
    call_id = python("spawn.py").out.strip()

    def log():
        return modal("app", "logs", "wire-killed-engine", "--tail", "1000").out

    wait_until(lambda: "step 3/80" in log(), 30)
    engine.kill()
    engine.start()
    wait_until(lambda: "step 10/80" in log(), 30)
    engine.kill()
    engine.start()
    assert "trained 80" in python("fetch.py", call_id).out
    steps = [int(step) for step in re.findall(r"step (\d+)/80", log())]
    assert steps == list(range(1, 81))
    modal("app", "stop", "wire-killed-engine", "--yes")


def test_spawned_calls_survive_three_kills_and_run_once_each(engine, modal, python, write):
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("wire-kills")
        volume = modal.Volume.from_name("wire-kills", create_if_missing=True)


        @app.function(volumes={"/data": volume}, max_containers=2, timeout=60)
        def work(n):
            print("work", n, flush=True)
            with open(f"/data/{n}", "w") as file:
                file.write(str(n))
            time.sleep(0.2)
            return n * n
        """,
    )
    write(
        "spawn.py",
        """
        import modal

        work = modal.Function.from_name("wire-kills", "work")
        print(*[work.spawn(n).object_id for n in range(24)])
        """,
    )
    write(
        "fetch.py",
        """
        import sys

        import modal

        print([modal.FunctionCall.from_id(call_id).get(timeout=60) for call_id in sys.argv[1:]])
        """,
    )
    modal("deploy", "app.py")
    call_ids = python("spawn.py").out.split()
    for progress in (1, 4, 8):
        wait_until(lambda seen=progress: outputs(engine).count("work") >= seen, 30)
        engine.kill()
        engine.start()
    assert python("fetch.py", *call_ids).out.strip() == str([n * n for n in range(24)])
    log = modal("app", "logs", "wire-kills", "--tail", "1000").out
    worked = [int(number) for number in re.findall(r"work (\d+)", log)]
    assert sorted(worked) == list(range(24)), "each ran once"
    modal("app", "stop", "wire-kills", "--yes")
    assert len(modal("volume", "ls", "wire-kills").lines) == 24, "committed at the containers' ends"
    modal("volume", "delete", "--yes", "wire-kills")


def outputs(engine):
    """What the containers printed, as the engine keeps it: this needs no engine to be up."""
    return "".join(log.read_text(errors="replace") for log in (engine.home / "logs").glob("ta-*.log"))


@pytest.mark.once_as("user")
def test_a_detached_run_goes_on_to_its_end_though_its_client_gave_up(engine, modal, write):
    write("app.py", TRAINING.format(name="wire-detached"))
    running = modal.start("run", "--detach", "app.py::train", "--steps", "80")
    running.wait_for("step 10/80")
    app_id = re.search(r"ap-\w{22}", running.text).group()
    engine.kill()
    engine.start()
    running.end()

    def steps():
        return re.findall(r"step (\d+)/80", modal("app", "logs", app_id, "--tail", "1000").out)

    wait_until(lambda: len(steps()) >= 80, 30)
    assert [int(step) for step in steps()] == list(range(1, 81))
    modal("app", "stop", app_id, "--yes")


def state_of(modal, name):
    rows = json.loads(modal("app", "list", "--json").out)
    return next((row["state"] for row in rows if row["description"] == name), None)


@pytest.mark.once_as("root")
def test_a_killed_clients_app_ends_after_the_heartbeats_limit_a_detached_one_goes_on(
    impatient_engine, modal, write
):
    for number, name in enumerate(("wire-killed-client", "wire-killed-detached")):
        write(f"app{number}.py", TRAINING.format(name=name))
    beats = {"MODAL_HEARTBEAT_INTERVAL": "1"}
    ephemeral = modal.start("run", "-n", "wire-killed-client", "app0.py::train", "--steps", "2000", env=beats)
    options = ("--detach", "-n", "wire-killed-detached")
    detached = modal.start("run", *options, "app1.py::train", "--steps", "2000", env=beats)
    for running in (ephemeral, detached):
        running.wait_for("step 3/2000")
        running.signal(signal.SIGKILL)
        running.wait()
    wait_until(lambda: state_of(modal, "wire-killed-client") == "stopped", 30)
    app_id = re.search(r"ap-\w{22}", detached.text).group()

    def last_step():
        return modal("app", "logs", app_id, "--tail", "1").out

    seen = last_step()
    wait_until(lambda: last_step() != seen)
    assert state_of(modal, "wire-killed-detached") == "ephemeral (detached)"
    modal("app", "stop", app_id, "--yes")


def test_sigterm_ends_the_engine_quickly_even_with_a_client_connected(engine, modal, write):
    write("app.py", TRAINING.format(name="wire-sigterm"))
    running = modal.start("run", "app.py::train", "--steps", "2000")
    running.wait_for("step 3/2000")
    engine.stop()
    running.end()
    engine.start()
