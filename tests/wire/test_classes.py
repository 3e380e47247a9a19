"""Classes when things go wrong: containers that are killed, enter hooks that fail, apps that are stopped."""

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.once_as("root")


def test_a_container_killed_in_a_method_is_replaced_and_the_next_one_enters_anew(modal, write):
    write(
        "app.py",
        """
        import os
        import signal
        import time

        import modal

        app = modal.App("wire-class-killed")
        notes = modal.Volume.from_name("wire-class-killed", create_if_missing=True)


        @app.cls(
            retries=modal.Retries(max_retries=3, initial_delay=0.0), volumes={"/notes": notes}
        )
        class Worker:
            name: str = modal.parameter()

            @modal.enter()
            def prepare(self):
                self.before = len(os.listdir("/notes"))
                with open(f"/notes/{os.environ['MODAL_TASK_ID']}", "w") as file:
                    file.write(self.name)
                notes.commit()

            @modal.method()
            def work(self):
                if self.before == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return self.name, self.before


        @app.local_entrypoint()
        def main():
            print("answer", *Worker(name="Tom").work.remote())
        """,
    )
    said = modal("run", "app.py")
    assert "answer Tom 1" in said.lines
    modal("volume", "delete", "--yes", "wire-class-killed")


def test_a_method_over_its_timeout_is_repeated_in_a_new_container(modal, write):
    write(
        "app.py",
        """
        import os
        import time

        import modal

        app = modal.App("wire-class-timeout")
        notes = modal.Volume.from_name("wire-class-timeout", create_if_missing=True)


        @app.cls(retries=modal.Retries(max_retries=1, initial_delay=0.0), timeout=1, volumes={"/n": notes})
        class Worker:
            @modal.enter()
            def prepare(self):
                self.before = len(os.listdir("/n"))
                open(f"/n/{self.before}", "w").close()
                notes.commit()

            @modal.method()
            def sleep(self):
                time.sleep(0 if self.before else 60)
                return self.before

            @modal.exit()
            def leave(self):
                print("left", self.before)


        @app.local_entrypoint()
        def main():
            print("before", Worker().sleep.remote())
        """,
    )
    said = modal("run", "app.py")
    assert "before 1" in said.lines
    assert "left 0" in said.lines
    modal("volume", "delete", "--yes", "wire-class-timeout")


def test_a_deployed_class_that_fails_to_enter_tells_each_caller_and_is_not_restarted(modal, python, write):
    text = """
        import modal

        app = modal.App("wire-class-enter")


        @app.cls(min_containers=1)
        class Model:
            @modal.enter()
            def load(self):
                print("loading")
                {step}

            @modal.method()
            def predict(self):
                return "predicted"
        """
    write("app.py", text.format(step="raise FileNotFoundError('no weights')"))
    write(
        "call.py",
        """
        import modal

        try:
            print(modal.Cls.from_name("wire-class-enter", "Model")().predict.remote())
        except FileNotFoundError as error:
            print("caught", error)
        """,
    )

    def starts():
        return modal("app", "logs", "wire-class-enter", "--tail", "1000").out.count("loading")

    modal("deploy", "app.py")
    try:
        wait_until(lambda: starts() == 1, 20)
        for _ in range(2):
            assert "caught no weights" in python("call.py").lines
        wait_until(lambda: "ta-" not in modal("container", "list").out, 20)
        assert starts() == 3  # the one that was kept, and one for each call
        write("app.py", text.format(step="pass"))
        modal("deploy", "app.py")
        assert "predicted" in python("call.py").lines
    finally:
        modal("app", "stop", "--yes", "wire-class-enter")


def test_exit_handlers_run_when_a_deployed_app_is_stopped_and_when_the_engine_is(
    engine, modal, python, write
):
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("wire-class-exit")


        @app.cls()
        class Worker:
            name: str = modal.parameter()

            @modal.method()
            async def work(self):
                return self.name

            @modal.method()
            def sleep(self):
                print("asleep", flush=True)
                time.sleep(300)

            @modal.exit()
            def leave(self):
                time.sleep(1.5)
                print("left", self.name)
        """,
    )
    write(
        "call.py",
        """
        import sys

        import modal

        Worker = modal.Cls.from_name("wire-class-exit", "Worker")
        print(Worker(name=sys.argv[1]).work.remote())
        Worker(name=sys.argv[2]).sleep.spawn()
        """,
    )

    def log():
        return modal("app", "logs", "wire-class-exit", "--tail", "1000").out

    for stop in ("app", "engine"):
        modal("deploy", "app.py")
        assert "idle" in python("call.py", "idle", "busy").lines
        wait_until(lambda: log().count("asleep") == 1, 20)
        if stop == "app":
            modal("app", "stop", "--yes", "wire-class-exit")
        else:
            engine.stop()
            engine.start()
        wait_until(lambda: log().count("left") == 2, 20)
        assert "left idle" in log()
        assert "left busy" in log()
    modal("app", "stop", "--yes", "wire-class-exit")
