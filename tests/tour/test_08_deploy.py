"""Apps that stay: deployed, detached, listed, stopped; their logs afterwards."""

import re
import signal

import pytest

from tests.support.waiting import wait_until


@pytest.mark.once_as("user")
def test_a_deployed_app_is_called_by_name_and_has_a_history_until_it_is_stopped(modal, python, write):
    app = """
        import modal

        app = modal.App("tour-deployed")


        @app.function()
        def answer():
            print("asked version {n}")
            return {n}
        """
    write("app.py", app.format(n=1))
    write(
        "ask.py",
        """
        import modal

        print("answer", modal.Function.from_name("tour-deployed", "answer").remote())
        """,
    )
    said = modal("deploy", "app.py", "--tag", "first")
    assert "App deployed" in said.text
    assert "answer 1" in python("ask.py").lines
    write("app.py", app.format(n=2))
    modal("deploy", "app.py", "--name", "tour-deployed")
    assert "answer 2" in python("ask.py").lines

    history = modal("app", "history", "tour-deployed", "--json").out
    assert [entry.lower() for entry in re.findall(r'"(v\d+)"', history)] == ["v2", "v1"]
    assert "first" in history
    listed = apps(modal)["tour-deployed"]
    assert listed["state"] == "deployed"
    logs = modal("app", "logs", "tour-deployed").out
    assert "asked version 1" in logs
    assert "asked version 2" in logs

    modal("app", "stop", "tour-deployed", "--yes")
    assert "tour-deployed" in python("ask.py", fails=True).text
    assert apps(modal).get("tour-deployed", {}).get("state", "stopped") == "stopped"


def apps(modal):
    """Rows of `modal app list` by description."""
    rows = modal("app", "list", "--json").rows
    return {row["description"]: row for row in reversed(rows)}


TRAINING = """
    import time

    import modal

    app = modal.App("{name}")


    @app.function(timeout=120)
    def train(steps: int = 60):
        for step in range(1, steps + 1):
            print(f"step {{step}}/{{steps}}", flush=True)
            time.sleep(0.1)
        print("trained", flush=True)
    """


@pytest.mark.once_as("root")
def test_a_detached_training_outlives_its_client_and_is_read_and_stopped_later(modal, write):
    write("app.py", TRAINING.format(name="tour-detached"))
    running = modal.start("run", "--detach", "app.py::train", "--steps", "600")
    running.wait_for("step 3/600")
    running.signal(signal.SIGINT)
    running.wait(20)
    app_id = wait_until(lambda: apps(modal)["tour-detached"])["app_id"]
    assert "detached" in apps(modal)["tour-detached"]["state"]

    def steps():
        return re.findall(r"step (\d+)/600", modal("app", "logs", app_id, "--tail", "1000").out)

    seen = len(steps())
    wait_until(lambda: len(steps()) > seen + 3, 20)
    found = [int(step) for step in steps()]
    assert found == list(range(1, len(found) + 1)), "the log has no gap"

    containers = modal("container", "list", "--json").rows
    (container_id,) = [row["container_id"] for row in containers if row["app_id"] == app_id]
    assert "step 1/600" in modal("container", "logs", container_id, "--tail", "1000").out

    modal("app", "stop", app_id, "--yes")
    wait_until(lambda: apps(modal)["tour-detached"]["state"] == "stopped")
    assert "step 1/600" in modal("app", "logs", app_id, "--tail", "1000").out, "the log stays"


@pytest.mark.once_as("user")
def test_logs_are_followed_filtered_and_stamped(modal, write):
    write("app.py", TRAINING.format(name="tour-logs"))
    running = modal.start("run", "--detach", "app.py::train", "--steps", "20")
    running.wait_for("step 1/20")
    app_id = apps(modal)["tour-logs"]["app_id"]
    followed = modal("app", "logs", app_id, "--follow", timeout_s=60)
    assert "trained" in followed.out
    assert running.wait(30) == 0
    assert "step 7/20" in modal("app", "logs", app_id, "--search", "step 7").out
    assert "step 8/20" not in modal("app", "logs", app_id, "--search", "step 7").out
    last = modal("app", "logs", app_id, "--source", "stdout", "--tail", "1", "--timestamps").lines
    assert re.match(r"\d{4}-\d\d-\d\d.*trained", last[-1]), last


@pytest.mark.once_as("root")
def test_a_function_with_a_schedule_is_called_at_its_times_until_its_app_stops(engine, modal, write):
    app = """
        import modal

        app = modal.App("tour-schedule")


        @app.function(schedule={schedule})
        def tick(say: str = "tick"):
            print(say, "of the schedule", flush=True)
        """
    write("app.py", app.format(schedule="modal.Cron('every day')"))
    refused = modal("deploy", "app.py", fails=True)
    assert "'every day' is no crontab expression" in refused.text
    write("app.py", app.format(schedule="modal.Period(seconds=1)"))
    modal("deploy", "app.py")

    def ticks():
        return modal("app", "logs", "tour-schedule", "--tail", "1000").out.count("tick of the schedule")

    wait_until(lambda: ticks() >= 2, 30)
    engine.kill()
    engine.start()
    seen = ticks()
    wait_until(lambda: ticks() > seen + 1, 30, "the next engine goes on")
    modal("app", "stop", "tour-schedule", "--yes")
    tried = (engine.home / "engine.log").read_text().count("schedule")
    modal("app", "list")  # more than a second
    modal("app", "list")
    assert (engine.home / "engine.log").read_text().count("schedule") == tried
