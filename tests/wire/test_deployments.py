"""Versions of deployed apps: when one takes effect, how an older one comes back, what outlives engines."""

import json

import pytest

from tests.support.waiting import wait_until

SHOP = """
    import os
    import threading

    import modal

    app = modal.App("{name}")


    @app.function({options})
    def version():
        return "{version}", os.environ["MODAL_TASK_ID"]


    @app.cls()
    class Model:
        @modal.method()
        def {method}(self):
            return "{method}"
    """

ASK = """
    import sys

    import modal

    print("version", *modal.Function.from_name(sys.argv[1], "version").remote())
    print("method", getattr(modal.Cls.from_name(sys.argv[1], "Model")(), sys.argv[2]).remote())
    """


@pytest.mark.once_as("user")
def test_a_version_is_rolled_back_rolled_over_and_kept_by_a_deployment_that_fails(modal, python, write):
    name = "wire-versions"
    write("ask.py", ASK)

    def deploy(version, method, options="", **how):
        write("app.py", SHOP.format(name=name, version=version, method=method, options=options))
        return modal("deploy", "app.py", **how)

    def answers(method):
        version, model = python("ask.py", name, method).lines
        assert model == f"method {method}"
        return version.split()[1:]

    deploy("one", "draw")
    assert answers("draw")[0] == "one"
    said = deploy("two", "paint", "block_network=True", fails=True)
    assert "block_network" in said.text
    assert answers("draw")[0] == "one", "what a deployment defined before it failed has no effect"
    deploy("two", "paint")
    assert answers("paint")[0] == "two"

    assert "rollback successful" in modal("app", "rollback", name).text
    assert answers("draw")[0] == "one"
    modal("app", "rollback", name, "v2", "--strategy", "recreate")
    version, container = answers("paint")
    assert version == "two"
    modal("app", "rollover", name)
    version, newer = answers("paint")
    assert version == "two"
    assert newer != container, "a rollover gives new containers"

    history = json.loads(modal("app", "history", name, "--json").out)
    assert [entry["version"].lower() for entry in history] == ["v5", "v4", "v3", "v2", "v1"]
    said = modal("app", "rollback", name, "v9", fails=True)
    assert "has no version v9; it has versions v1 to v5" in said.text
    modal("app", "stop", name, "--yes")


@pytest.mark.once_as("user")
def test_containers_that_a_deployed_app_keeps_outlive_its_engine_and_are_started_anew(engine, modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("wire-kept")
        print("imported", flush=True)


        @app.function(min_containers=2, scaledown_window=2)
        def wait():
            return "waited"
        """,
    )
    modal("deploy", "app.py")

    def containers():
        rows = json.loads(modal("container", "list", "--json").out)
        return {row["container_id"] for row in rows if row["start_time"] != "Pending"}

    def two():
        found = containers()
        return found if len(found) == 2 else None

    kept = wait_until(two, 60)
    # an engine that is gone while they still begin is another matter
    wait_until(lambda: modal("app", "logs", "wire-kept").out.count("imported") == 2, 60)
    engine.kill()
    engine.start()
    assert containers() == kept, "they outlive it"
    engine.stop()
    engine.start()
    assert not wait_until(two, 60) & kept, "an engine that is stopped ends them, the next one starts others"
    modal("app", "stop", "wire-kept", "--yes")
    assert not containers()


@pytest.mark.once_as("root")
def test_a_container_is_stopped_at_once_or_when_its_input_is_done(modal, python, write):
    write(
        "app.py",
        """
        import os
        import time

        import modal

        app = modal.App("wire-stopped")
        steps = modal.Dict.from_name("wire-stopped", create_if_missing=True)


        @app.function(timeout=60)
        def work():
            attempt = steps.get("attempt", 0) + 1
            steps.put("attempt", attempt)
            while not steps.get(f"end {attempt}"):
                time.sleep(0.05)
            return attempt, os.environ["MODAL_TASK_ID"]
        """,
    )
    write(
        "spawn.py",
        """
        import modal

        print(modal.Function.from_name("wire-stopped", "work").spawn().object_id)
        """,
    )
    write(
        "fetch.py",
        """
        import sys

        import modal

        modal.Dict.from_name("wire-stopped").put("end 2", True)
        print("done by", *modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))
        """,
    )
    modal("deploy", "app.py")
    call_id = python("spawn.py").out.strip()

    def running(but=""):
        rows = json.loads(modal("container", "list", "--json").out)
        found = [row["container_id"] for row in rows if row["container_id"] != but]
        return found[0] if found else None

    def attempts():
        return modal("dict", "get", "wire-stopped", "attempt").out.strip()

    first = wait_until(running, 30)
    wait_until(lambda: attempts() == "1", 30)
    modal("container", "stop", first, "--yes")
    second = wait_until(lambda: running(but=first), 30)
    assert "already stopped" in modal("container", "stop", first, "--yes", fails=True).text
    wait_until(lambda: attempts() == "2", 30)
    modal("container", "stop", second, "--graceful", "--yes")
    assert f"done by 2 {second}" in python("fetch.py", call_id).lines
    wait_until(lambda: running() is None, 30)
    said = modal("container", "stop", "ta-0123456789012345678901", "--yes", fails=True)
    assert "ta-0123456789012345678901 does not exist" in said.text
    modal("app", "stop", "wire-stopped", "--yes")
    modal("dict", "delete", "wire-stopped", "--yes")
