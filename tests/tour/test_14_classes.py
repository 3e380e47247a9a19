"""Classes: containers that prepare once, keep what they prepared, and tidy up when they end."""

import pytest

from tests.support import client


@pytest.mark.once_as("root")
def test_a_container_enters_once_and_serves_all_methods(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-class")


        @app.cls(max_containers=1)
        class Model:
            @modal.enter()
            def load(self):
                self.times = getattr(self, "times", 0) + 1

            @modal.method()
            def double(self, x: int):
                return x * 2

            @modal.method()
            async def triple(self, x: int):
                return x * 3

            @modal.method()
            def count(self, n: int):
                yield from range(n)

            @modal.method()
            def entered(self):
                return self.times


        @app.local_entrypoint()
        def main():
            model = Model()
            print("remote", model.double.remote(3))
            print("async", model.triple.remote(3))
            print("generator", list(model.count.remote_gen(3)))
            print("spawn", model.double.spawn(4).get())
            print("map", list(model.double.map([1, 2, 3])))
            print("local", model.double.local(5))
            print("entered", model.entered.remote())
        """,
    )
    said = modal("run", "app.py")
    for line in (
        "remote 6",
        "async 9",
        "generator [0, 1, 2]",
        "spawn 8",
        "map [2, 4, 6]",
        "local 10",
        "entered 1",
    ):
        assert line in said.lines


@pytest.mark.once_as("root")
def test_each_set_of_parameters_has_containers_of_its_own(modal, write):
    write(
        "app.py",
        """
        import os

        import modal

        app = modal.App("tour-class-parameters")


        @app.cls()
        class Bowl:
            cat: str = modal.parameter()
            size: int = modal.parameter(default=3)
            full: bool = modal.parameter(default=True)
            label: bytes = modal.parameter(default=b"fish")

            @modal.method()
            def look(self):
                return self.cat, self.size, self.full, self.label

            @modal.method()
            def container(self):
                return os.environ["MODAL_TASK_ID"]

            @modal.method()
            def neighbour(self):
                return Bowl(cat="Mia").look.remote(), self.look.local()[0]


        @app.local_entrypoint()
        def main():
            print(Bowl(cat="Tom").look.remote())
            print(Bowl(cat="Ida", size=5, full=False, label=b"").look.remote())
            print("nested", *Bowl(cat="Tom").neighbour.remote())
            toms = {Bowl(cat="Tom", size=3).container.remote() for _ in range(3)}
            print("containers", len(toms), len(toms | {Bowl(cat="Ida").container.remote()}))
        """,
    )
    said = modal("run", "app.py")
    assert "('Tom', 3, True, b'fish')" in said.lines
    assert "('Ida', 5, False, b'')" in said.lines
    assert "nested ('Mia', 3, True, b'fish') Tom" in said.lines
    assert "containers 1 2" in said.lines


@pytest.mark.once_as("user")
def test_options_can_be_given_at_the_call(modal, write):
    write(
        "app.py",
        """
        import os
        import time

        import modal

        app = modal.App("tour-class-options")


        @app.cls(timeout=60, secrets=[modal.Secret.from_dict({"FOOD": "fish"})])
        class Cat:
            @modal.method()
            def food(self):
                return os.environ["FOOD"]

            @modal.method()
            def sleep(self):
                time.sleep(30)


        @app.function()
        def colour():
            return os.environ.get("COLOUR")


        @app.local_entrypoint()
        def main():
            print("plain", Cat().food.remote())
            print("options", Cat.with_options(env={"FOOD": "milk"})().food.remote())
            print("function", colour.with_options(env={"COLOUR": "grey"}).remote(), colour.remote())
            try:
                Cat.with_options(timeout=1)().sleep.remote()
            except modal.exception.FunctionTimeoutError as error:
                print("timeout", error)
            try:
                Cat.with_options(volumes={"/b": modal.CloudBucketMount("bucket")})().food.remote()
            except Exception as error:
                print("refused", error)
        """,
    )
    said = modal("run", "app.py")
    assert "plain fish" in said.lines
    assert "options milk" in said.lines
    assert "function grey None" in said.lines
    assert "timeout of 1" in said.text
    assert "refused Cat.* asks for CloudBucketMount" in said.text


@pytest.mark.once_as("root")
def test_modal_run_takes_a_method(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-class-run")


        @app.cls()
        class Greeter:
            word: str = modal.parameter(default="hello")

            @modal.method()
            def greet(self, name: str = "you"):
                print(self.word, name)
        """,
    )
    assert "hello you" in modal("run", "app.py::Greeter.greet").lines
    assert "moin Tom" in modal("run", "app.py::Greeter.greet", "--word", "moin", "--name", "Tom").lines


@pytest.mark.once_as("user")
def test_a_deployed_class_is_looked_up_by_name(modal, python, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-class-deployed")


        @app.cls()
        class Greeter:
            word: str = modal.parameter(default="hello")

            @modal.method()
            def greet(self, name: str):
                return f"{self.word} {name}"
        """,
    )
    write(
        "caller.py",
        """
        import modal

        Greeter = modal.Cls.from_name("tour-class-deployed", "Greeter")
        print(Greeter(word="moin").greet.remote("Tom"))
        print(Greeter().greet.remote("Ida"))
        for look in (
            lambda: modal.Cls.from_name("tour-class-deployed", "Gretter")().greet.remote("x"),
            lambda: Greeter().bark.remote(),
            lambda: modal.Function.from_name("tour-class-deployed", "Greeter").hydrate(),
            lambda: modal.Cls.from_name("tour-class-deployed", "Greeter", version=7)().greet.remote("x"),
        ):
            try:
                look()
            except Exception as error:
                print(type(error).__name__, error)
        """,
    )
    modal("deploy", "app.py")
    try:
        said = python("caller.py")
        assert said.lines[:2] == ["moin Tom", "hello Ida"]
        assert (
            "Class 'Gretter' is not in the deployed app 'tour-class-deployed' (it has Greeter)" in said.text
        )
        assert "no method `bark`" in said.text
        assert "is a class; look it up with modal.Cls.from_name(" in said.text
        if client.can("Cls.from_name(version=)"):
            assert "which is 1, not 7" in said.text
        if client.can("modal function variants"):
            assert "word='moin'" in modal("function", "variants", "tour-class-deployed/Greeter.*").out
    finally:
        modal("app", "stop", "--yes", "tour-class-deployed")


@pytest.mark.once_as("user")
def test_exit_handlers_run_at_scale_down_and_when_the_app_stops(modal, write, account):
    write(
        "app.py",
        """
        import time

        import modal

        app = modal.App("tour-class-exit")
        notes = modal.Volume.from_name("tour-class-exit", create_if_missing=True)


        @app.cls(scaledown_window=2, volumes={"/notes": notes})
        class Worker:
            name: str = modal.parameter()

            @modal.enter()
            def prepare(self):
                self.prepared = f"prepared {self.name}"

            @modal.method()
            def work(self, seconds: int = 0):
                print("working", self.name, flush=True)
                time.sleep(seconds)
                return self.name

            @modal.exit()
            def tidy(self):
                time.sleep(0.5)
                with open(f"/notes/{self.name}", "w") as file:
                    file.write(self.prepared)
                print("tidied", self.name)


        @app.local_entrypoint()
        def main():
            Worker(name="idle").work.remote()
            time.sleep(4)
            print("notes", [entry.path for entry in notes.listdir("/")])
            Worker(name="waiting").work.remote()
            Worker(name="busy").work.spawn(60)
            time.sleep(2)
        """.replace("time.sleep(2)", f"time.sleep({12 if account.is_closed else 2})"),
    )
    said = modal("run", "app.py")
    assert "notes ['idle']" in said.lines
    for name in ("idle", "waiting", "busy"):
        assert f"tidied {name}" in said.lines
        assert modal("volume", "get", "tour-class-exit", name, "-").content == f"prepared {name}"
    modal("volume", "delete", "--yes", "tour-class-exit")


@pytest.mark.once_as("root")
def test_an_exception_in_enter_reaches_the_caller(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-class-enter")


        @app.cls()
        class Model:
            @modal.enter()
            def load(self):
                raise FileNotFoundError("no weights")

            @modal.method()
            def predict(self):
                return 1


        @app.local_entrypoint()
        def main():
            try:
                Model().predict.remote()
            except FileNotFoundError as error:
                print("caught", error)
        """,
    )
    said = modal("run", "app.py")
    assert "caught no weights" in said.lines
    assert said.text.count("FileNotFoundError: no weights") == 1
