"""What a function's code does in its container, in order: imports, search path, certainty."""

import ast
from pathlib import Path

import pytest

from homeport.check.execution.core import MAX_EVENTS
from homeport.check.facts import (
    App,
    Call,
    Condition,
    EnvironmentRead,
    EnvironmentWrite,
    Event,
    FoundModule,
    Function,
    Import,
    MissingModule,
    PathEdit,
    Raise,
    UnprovenModule,
)
from homeport.check.source import Sources
from homeport.check.values import Site, Unknown
from homeport.check.walk import walk
from tests.support.walked import ByHand, walked

F = "@app.function()\ndef f():\n"


def imports(events: tuple[Event, ...]) -> list[Import]:
    return [event for event in events if isinstance(event, Import) and event.name != "modal"]


def states(events: tuple[Event, ...]) -> dict[str, str]:
    """What each import found: "ok", "missing", "unproven"; with ? where it is not certain, and its guards."""
    found = {}
    for event in imports(events):
        kind = {FoundModule: "ok", MissingModule: "missing", UnprovenModule: "unproven"}[
            type(event.resolution)
        ]
        guards = ",".join(sorted(event.guards))
        found[str(event.name)] = kind + ("" if event.is_certain else "?") + (f" {guards}" if guards else "")
    return found


def names(events: tuple[Event, ...]) -> list[str]:
    return [event.name for event in events if isinstance(event, Call)]


def test_the_path_is_what_it_is_at_that_moment(tmp_path: Path) -> None:
    events = walked(
        tmp_path,
        """
        import sys

        @app.function()
        def f():
            import dataset
            sys.path.insert(0, "/app")
            import model
            import nowhere
        """,
        {"/app/dataset.py": "", "/app/model.py": "import dataset"},
    )
    assert states(events) == {"sys": "ok", "dataset": "ok", "model": "ok", "nowhere": "missing"}
    first, *_ = [event for event in imports(events) if event.name == "dataset"]
    assert isinstance(first.resolution, MissingModule)
    (edit,) = [event for event in events if isinstance(event, PathEdit)]
    assert (edit.folder, edit.path) == ("/app", "/app")
    assert edit.folder_site and edit.folder_site.line == edit.site.line


@pytest.mark.parametrize(
    "put",
    [
        'sys.path.append("/app")',
        'sys.path += ["/app"]',
        'sys.path.extend(["/app"])',
        'sys.path = ["/app"] + sys.path',
        'sys.path[:0] = ["/app"]',
        'sys.path[0:0] = ["/app"]',
        'sys.path = ["/app", *sys.path]',
        'import site; site.addsitedir("/app")',
        'import os; os.chdir("/app"); sys.path.insert(0, "")',
        'import os; os.chdir("/"); sys.path.insert(0, "app")',
        'from sys import path; path.insert(0, "/app")',
        'import sys as system; system.path.insert(1, "/" + "app")',
        'import os.path as p; sys.path.insert(0, p.join(p.dirname(p.abspath(__file__)), "..", "app"))',
        'from pathlib import Path; sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))',
        'p = "/app"\n    if p not in sys.path:\n        sys.path.insert(0, p)',
        'for name in ["a", "pp"]:\n        sys.path.append(f"/{name}")\n    sys.path.append("/app")',
        '[sys.path.insert(0, p) for p in ("/x", "/app")]',
        'setup("/app")',
        "setup(where='/app')",
        "setup()",
    ],
)
def test_every_way_to_edit_the_path(tmp_path: Path, put: str) -> None:
    text = f"""
import sys

def setup(where="/app"):
    sys.path.insert(0, where)

@app.function()
def f():
    {put}
    import dataset
"""
    assert states(walked(tmp_path, text, {"/app/dataset.py": ""}))["dataset"] == "ok"


def test_a_path_object_on_the_path_is_not_heeded(tmp_path: Path) -> None:
    text = (
        F
        + "    import sys; from pathlib import Path\n    sys.path.insert(0, Path('/app'))\n    import dataset"
    )
    assert states(walked(tmp_path, text, {"/app/dataset.py": ""}))["dataset"] == "missing"


def test_a_folder_of_a_branch_proves_nothing(tmp_path: Path) -> None:
    text = """
    import sys, os

    @app.function()
    def f(where: str):
        if os.environ.get("X") == where:
            sys.path.insert(0, "/app")
        import dataset
        import nowhere
        sys.path.insert(0, where)
        import anything
    """
    assert states(walked(tmp_path, text, {"/app/dataset.py": ""})) == {
        "sys": "ok",
        "os": "ok",
        "dataset": "unproven",
        "nowhere": "missing",
        "anything": "unproven",
    }


def test_guards_are_told_apart(tmp_path: Path) -> None:
    text = """
    import typing
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        import never
    if typing.TYPE_CHECKING:
        import never2
    if modal.is_local():
        import laptop
    if __name__ == "__main__":
        import main_only
    try:
        import soft
    except ImportError:
        soft = None
    try:
        import hard
    except ImportError as error:
        raise RuntimeError("install it") from error

    @app.function()
    def f(x):
        try:
            import other
        except ValueError:
            pass
        if x:
            import branch
        for _ in x:
            import loop
        while True:
            import forever
            break
        with open("/tmp/x"):
            import inside
        if x:
            return
        import late

    @app.local_entrypoint()
    def main():
        import launcher_only
    """
    assert states(walked(tmp_path, text)) == {
        "typing": "ok",
        "soft": "missing try,try_import",
        "hard": "missing try",
        "other": "missing try",
        "branch": "missing? if",
        "loop": "missing? loop",
        "forever": "missing loop",
        "inside": "missing with",
        "late": "missing?",
    }


def test_the_fallback_of_a_missing_import_is_certain_and_of_one_that_is_there_is_not_followed(
    tmp_path: Path,
) -> None:
    text = """
    try:
        import tomllib
    except ImportError:
        import tomli as tomllib
    try:
        from pkg.dataset import x
        import after
    except ImportError:
        import dataset as x

    @app.function()
    def f():
        pass
    """
    assert states(walked(tmp_path, text)) == {
        "tomllib": "ok try,try_import",
        "pkg.dataset": "missing try,try_import",
        "dataset": "missing except",
    }


def test_modules_run_once_each_in_order_and_their_imports_lead_back(tmp_path: Path) -> None:
    events = walked(
        tmp_path,
        "from pkg import a\nimport pkg.b\n" + F + "    from pkg.b import value, gone",
        {
            "/root/pkg/__init__.py": "from . import b",
            "/root/pkg/a.py": "from .b import value\nfrom .. import above",
            "/root/pkg/b.py": "import missing\nvalue = 1",
        },
    )
    assert [event.name for event in imports(events)] == [
        "pkg", "pkg", "missing", "pkg.b", "..", "pkg.b", "pkg.b", "pkg.b"
    ]  # fmt: skip
    (missing,) = [event for event in imports(events) if event.name == "missing"]
    assert [site.path.name for site in missing.via] == ["app.py", "__init__.py"]
    assert missing.is_certain
    members = {event.member: event.has_member for event in imports(events) if event.name == "pkg.b"}
    assert members == {"value": True, "": None, "gone": False}


def test_image_imports_of_the_own_image_are_real_and_of_another_are_not(tmp_path: Path) -> None:
    text = """
    image = modal.Image.debian_slim().pip_install("x")
    other = modal.Image.debian_slim()
    with image.imports():
        import torch
    with other.imports():
        import jax
        import unreached

    @app.function(image=image)
    def f(): ...
    """
    assert states(walked(tmp_path, text)) == {
        "torch": "missing image_imports,with",
        "jax": "missing image_imports,try_import,with",
    }


def test_functions_and_classes_are_followed_with_their_arguments(tmp_path: Path) -> None:
    text = """
    from helpers import Trainer, load
    import helpers

    @app.function()
    def f():
        helpers.load(path="/data/a")
        trainer = Trainer("/data/b")
        trainer.fit()
        Trainer.build()

    def unused():
        import never
    """
    helpers = """
    import importlib

    def load(path, mode="r"):
        return open(path, mode)

    class Base:
        folder = "/data"

        def fit(self):
            open(self.path)
            self.step(name="json")

    class Trainer(Base):
        def __init__(self, path):
            self.path = path

        def step(self, name):
            importlib.import_module(name)
            open(f"{self.folder}/c")

        @classmethod
        def build(cls):
            return cls("/data/d").fit()
    """
    events = walked(tmp_path, text, {"/root/helpers.py": helpers})
    opened = [event.args[0] for event in events if isinstance(event, Call) and event.name == "open"]
    assert opened == ["/data/a", "/data/b", "/data/c", "/data/d", "/data/c"]
    assert "json" in states(events) and "never" not in states(events)
    (last,) = [event for event in events if isinstance(event, Call) and event.args == ("/data/d",)][-1:]
    assert last.is_certain and len(last.via) == 2


def test_recursion_ends(tmp_path: Path) -> None:
    text = "def a(n):\n    return b(n) + a(n)\ndef b(n):\n    return a(n)\n" + F + "    a(1)\n    import end"
    assert states(walked(tmp_path, text)) == {"end": "missing"}


@pytest.mark.parametrize(
    "command",
    [
        'subprocess.run(["python", "train.py", "--x"], cwd="/app", check=True)',
        'subprocess.run([sys.executable, "-u", "/app/train.py"])',
        'subprocess.check_call("cd /app && python3 train.py", shell=True)',
        'os.system("python /app/train.py")',
        'subprocess.Popen(["torchrun", "--nproc_per_node", "2", "/app/train.py"])',
        'subprocess.run(["python", "-m", "torch.distributed.run", "/app/train.py"])',
        'subprocess.run(["bash", "-c", "X=1 exec python /app/train.py"])',
        'subprocess.run(["accelerate", "launch", "/app/train.py"])',
        'cmd = ["python"]; cmd.append("/app/train.py"); cmd += ["--a", str(x)]; subprocess.run(cmd)',
        'os.chdir("/app"); subprocess.run(["python", "-m", "train"])',
        'import runpy; sys.path.insert(0, "/app"); runpy.run_path("/app/train.py", run_name="__main__")',
    ],
)
def test_a_script_that_a_child_process_runs_belongs_to_the_run(tmp_path: Path, command: str) -> None:
    text = f"import os, subprocess, sys\n@app.function()\ndef f(x):\n    {command}\n"
    script = "import model\nif __name__ == '__main__':\n    import argparse\n    import nothing\n"
    events = walked(tmp_path, text, {"/app/train.py": script, "/app/model.py": "import sys"})
    found = states(events)
    assert found["model"] == "ok" and found["nothing"] == "missing"
    (nothing,) = [event for event in imports(events) if event.name == "nothing"]
    assert nothing.via[0].line == 6 and nothing.is_certain


def test_the_environment_is_read_and_written(tmp_path: Path) -> None:
    text = """
    import os
    from os import environ, getenv

    @app.function()
    def f():
        os.environ["A"]
        environ.get("B", "x")
        getenv("C")
        "D" in os.environ
        env = os.environ.copy()
        env = {**os.environ, "X": "1"}
        dict(os.environ)
        os.environ["E"] = "e"
        open(os.environ["E"])
        os.environ.setdefault("F", "f")
        os.environ.update({"G": "g"}, H="h")
        del os.environ["E"]
        os.environ.pop("G", None)
        if getenv("B") == "1":
            pass
    """
    events = walked(tmp_path, text)
    reads = [(event.name, event.is_required) for event in events if isinstance(event, EnvironmentRead)]
    assert reads == [
        ("A", True), ("B", False), ("C", False), ("D", False), (None, False), (None, False), (None, False),
        ("E", True), ("F", False), ("G", False), ("B", False),
    ]  # fmt: skip
    writes = [(event.name, event.value) for event in events if isinstance(event, EnvironmentWrite)]
    assert writes == [("E", "e"), ("F", "f"), ("G", "g"), ("H", "h"), ("E", None), ("G", None)]
    assert [event.args for event in events if isinstance(event, Call) and event.name == "open"] == [("e",)]
    assert len([event for event in events if isinstance(event, Condition)]) == 1


def test_what_comes_after_a_certain_end_is_not_followed(tmp_path: Path) -> None:
    text = """
    import sys

    def stop():
        sys.exit(1)

    @app.function()
    def f(x):
        if x:
            raise ValueError("no")
        import one
        stop()
        import two
    """
    events = walked(tmp_path, text)
    assert states(events) == {"sys": "ok", "one": "missing"}
    assert [event.name for event in events if isinstance(event, Raise)] == ["ValueError", "SystemExit"]


def test_a_class_runs_its_enter_methods_first(tmp_path: Path) -> None:
    text = """
    @app.cls()
    class Model:
        name: str = modal.parameter(default="x")

        @modal.exit()
        def close(self):
            import last

        @modal.method()
        def predict(self, x):
            open(self.where)
            import second

        @modal.enter()
        def load(self):
            self.where = "/data/x"
            import first

        def helper(self):
            import never
    """
    events = walked(tmp_path, text, function="Model")
    assert list(states(events)) == ["first", "second", "last"]
    assert [event.args for event in events if isinstance(event, Call) and event.name == "open"] == [
        ("/data/x",)
    ]


def test_objects_of_the_app_are_receivers(tmp_path: Path) -> None:
    text = """
    volume = modal.Volume.from_name("results")

    @app.function(volumes={"/results": volume})
    def f():
        volume.commit()
        g.remote(1)
        g.local(2)

    @app.function()
    def g(x):
        open(f"/tmp/{x}")
    """
    events = walked(tmp_path, text)
    calls = {event.name: event for event in events if isinstance(event, Call)}
    assert calls["Volume.commit"].receiver.name == "results"
    assert calls["Function.remote"].receiver.name == "g"
    assert calls["open"].args == ("/tmp/2",)


def test_calls_say_their_folder_and_their_name(tmp_path: Path) -> None:
    text = """
    import os
    import torch as t
    from pathlib import Path
    from torch import nn

    @app.function()
    def f(model):
        os.chdir("/app")
        t.save(model.state_dict(), "x.pt")
        nn.Linear(2)
        model.eval()
        Path("conf").joinpath("a.yaml").read_text()
    """
    events = walked(tmp_path, text, installed=["torch"])
    calls = {event.name: event for event in events if isinstance(event, Call)}
    assert {"os.chdir", "torch.save", "torch.nn.Linear", "model.eval", "model.state_dict"} <= set(calls)
    assert calls["torch.save"].folder == "/app"
    assert isinstance(calls["torch.save"].args[0], Unknown)
    assert calls["pathlib.Path.read_text"].receiver == Path("conf/a.yaml")


def test_an_entry_file_that_is_not_shipped_is_the_first_thing_that_fails(tmp_path: Path) -> None:
    events = walked(tmp_path, F + "    pass", entry="/elsewhere/app.py")
    assert states(events) == {"app": "missing"}


def test_a_generator_of_the_app_is_certain_and_one_that_nobody_takes_from_is_not(tmp_path: Path) -> None:
    text = """
    def numbers():
        import one
        yield 1

    @app.function()
    def f():
        numbers()
        import two
        yield 2
    """
    assert states(walked(tmp_path, text)) == {"one": "missing?", "two": "missing"}


def test_properties_handlers_and_functions_of_the_build_are_followed(tmp_path: Path) -> None:
    text = """
    import fastapi

    def download():
        import builder

    image = modal.Image.debian_slim().run_function(download)
    web = fastapi.FastAPI()

    @web.get("/")
    def root():
        import handler

    class Base:
        @property
        def model(self):
            import lazy
            return "/x"

    @app.function(image=image)
    def f():
        open(Base().model)
    """
    events = walked(tmp_path, text, installed=["fastapi"])
    assert states(events) == {
        "fastapi": "ok",
        "builder": "missing?",
        "handler": "missing?",
        "lazy": "missing",
    }
    assert [event.args for event in events if isinstance(event, Call) and event.name == "open"] == [("/x",)]


def test_a_class_has_the_methods_of_its_bases(tmp_path: Path) -> None:
    text = """
    class Base:
        @modal.enter()
        def load(self):
            import base

    @app.cls()
    class Model(Base):
        @modal.method()
        def predict(self, x=1):
            import method
            if x:
                import branch
    """
    assert states(walked(tmp_path, text, function="Model")) == {
        "base": "missing",
        "method": "missing",
        "branch": "missing? if",
    }


def test_a_module_that_ends_early_hides_no_names_wrongly(tmp_path: Path) -> None:
    text = "from m import late" + "\n" + F + "    pass"
    events = walked(tmp_path, text, {"/root/m.py": "raise SystemExit\nlate = 1"})
    (late,) = [event for event in imports(events) if event.member == "late"]
    assert late.has_member is None


@pytest.mark.parametrize(
    "name", ['f"tasks.{task}"', '"tasks." + task', '{"a": "tasks.ranking", "b": "tasks.regression"}[task]']
)
def test_a_module_chosen_at_run_time_is_one_of_its_package(tmp_path: Path, name: str) -> None:
    events = walked(
        tmp_path,
        f"""
        import importlib

        @app.function()
        def f(task):
            importlib.import_module({name})
        """,
        {
            "/root/tasks/__init__.py": "",
            "/root/tasks/ranking.py": "import nowhere",
            "/root/tasks/regression.py": "",
        },
    )
    found = states(events)
    assert found["tasks"] == "ok"
    assert found["nowhere"] == "missing?"


def test_the_package_of_a_module_chosen_at_run_time_is_missing_for_certain(tmp_path: Path) -> None:
    text = 'import importlib\n@app.function()\ndef f(task):\n    importlib.import_module(f"tasks.{task}")\n'
    assert states(walked(tmp_path, text, {}))["tasks"] == "missing"


def test_a_command_that_is_made_longer_in_some_runs_begins_the_same(tmp_path: Path) -> None:
    events = walked(
        tmp_path,
        """
        import subprocess, sys

        @app.function()
        def f(resume):
            command = [sys.executable, "-m", "trainer.main"]
            if resume:
                command.append("--resume")
            else:
                command += ["--fresh", "--seed", "1"]
            subprocess.run(command)
        """,
        {"/root/trainer/__init__.py": "", "/root/trainer/main.py": "import nowhere"},
    )
    found = states(events)
    assert found["trainer.main"] == "ok"
    assert found["nowhere"] == "missing"


def test_the_walk_ends_on_any_file_whose_definitions_are_taken_for_functions(tmp_path: Path) -> None:
    folder = Path(ast.__file__).parent
    files = sorted([*folder.glob("*.py"), *folder.glob("asyncio/*.py"), *folder.glob("email/*.py")])
    assert len(files) > 150
    for path in files[::12]:
        sources = Sources()
        module = sources.read(path)
        functions = tuple(
            Function(
                node.name,
                "class" if isinstance(node, ast.ClassDef) else "function",
                module,
                node,
                Site(path, node.lineno),
                (),
                {},
                {},
                None,
                {},
                (),
            )
            for node in module.tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        )
        app = App("x", Site(path, 1), {}, functions, "static")
        container = ByHand({f"/root/{each.name}": each for each in files if each.parent == folder})
        for function in functions[:3]:
            events = walk(function, container, sources, app)  # type: ignore[arg-type]
            assert len(events) <= MAX_EVENTS
