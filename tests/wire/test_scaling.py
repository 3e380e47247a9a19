"""How many containers there are: the autoscaler's settings, overrides of them, a container for each input."""

import re

import pytest

from tests.support.waiting import wait_until


@pytest.mark.once_as("root")
def test_settings_of_the_autoscaler_are_shown_overridden_and_put_back_by_a_deployment(modal, python, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("wire-autoscaler")


        @app.function(max_containers=3, scaledown_window=2)
        def work():
            return 1


        @app.cls(max_containers=2)
        class Model:
            name: str = modal.parameter()

            @modal.method()
            def look(self):
                return self.name
        """,
    )
    write(
        "tune.py",
        """
        import time
        import warnings

        import modal

        warnings.simplefilter("ignore", DeprecationWarning)
        work = modal.Function.from_name("wire-autoscaler", "work")
        print("first", work.autoscaler.settings())
        print("after", work.autoscaler.update(min_containers=2, buffer_containers=1))
        while work.get_current_stats().num_total_runners < 2:
            time.sleep(0.05)
        print("two")
        try:
            work.autoscaler.update(max_containers=1)
        except modal.exception.InvalidError as error:
            print("refused", error)
        print("back", work.autoscaler.update(min_containers=0, max_containers=None))
        while work.get_current_stats().num_total_runners:
            time.sleep(0.05)
        print("none")
        tom = modal.Cls.from_name("wire-autoscaler", "Model")(name="Tom")
        print("old", tom.update_autoscaler(min_containers=1))
        print(tom.look.remote())
        """,
    )
    modal("deploy", "app.py")
    said = dict(line.split(" ", 1) if " " in line else (line, "") for line in python("tune.py").lines)
    assert "min_containers=0, max_containers=3" in said["first"].replace("None", "0")
    assert "min_containers=2, max_containers=3, scaledown_window=2, buffer_containers=1" in said["after"]
    assert "min_containers=2 of work is greater than its max_containers=1" in said["refused"]
    assert "max_containers=None" in said["back"]
    assert "min_containers=1, max_containers=2" in said["old"]
    assert {"two", "none", "Tom"} <= said.keys()

    modal("deploy", "app.py")
    shown = modal("function", "autoscaler", "settings", "wire-autoscaler/work", "--json").out
    assert re.search(r'"max_containers": 3\b', shown), shown
    modal("app", "stop", "wire-autoscaler", "--yes")


@pytest.mark.once_as("root")
def test_a_container_for_each_input_and_inputs_that_nobody_waits_for(modal, write):
    write(
        "app.py",
        """
        import asyncio
        import os

        import modal

        app = modal.App("wire-single-use")
        seen = modal.Queue.from_name("wire-single-use", create_if_missing=True)


        @app.function(single_use_containers=True)
        def once(n):
            return os.environ["MODAL_TASK_ID"]


        @app.function(max_containers=1)
        def note(n, factor=1):
            seen.put(n * factor)


        @app.local_entrypoint()
        def main():
            print("different", len(set(once.map(range(3)))))
            note.spawn_map([1, 2, 3])
            asyncio.run(note.spawn_map.aio([4, 5], kwargs={"factor": 10}))
            print("spawned", sorted(seen.get(timeout=20) for _ in range(5)))
            call = note.experimental_spawn_map([6, 7])
            print("results", call.num_inputs(), list(call.iter()), seen.len())
            seen.get_many(2)


        @app.local_entrypoint()
        def leave():
            note.spawn_map(range(8))
        """,
    )
    said = modal("run", "app.py::main")
    assert "different 3" in said.lines
    assert "spawned [1, 2, 3, 40, 50]" in said.lines
    assert "results 2 [None, None] 2" in said.lines

    modal("run", "--detach", "app.py::leave")
    wait_until(lambda: modal("queue", "len", "wire-single-use").out.strip() == "8", 30)
    modal("queue", "delete", "wire-single-use", "--yes")


@pytest.mark.once_as("user")
def test_a_gpu_that_there_is_not_is_named_with_those_that_there_are(modal, write):
    text = """
        import modal

        app = modal.App("wire-gpus")


        @app.function(gpu={gpu!r}, cpu=500, memory=10**8)
        def train():
            print("trained")
        """
    write("app.py", text.format(gpu="H1000:8"))
    said = modal("run", "app.py", fails=True)
    assert 'gpu="H1000:8" of train is no GPU that Modal knows; it knows T4, L4,' in " ".join(
        said.text.split()
    )
    write("app.py", text.format(gpu=["h100:8", "a100-80gb", "B200+", "any"]))
    said = modal("run", "app.py")
    assert "trained" in said.lines
    shown = " ".join(said.text.split())
    for option in ("cpu=500", "memory=100000000", "gpu=H100:8"):
        assert shown.count(f"{option} ") == 1, f"{option} is said once"
