"""An app, read out of its source."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from homeport.check.facts import (
    App,
    Command,
    FoundModule,
    Function,
    Image,
    Launcher,
    MissingModule,
    Step,
    UnprovenModule,
)
from homeport.check.filesystem import lay_out
from homeport.check.reading import module_scope, read_app
from homeport.check.reading.merge import freeze
from homeport.check.reading.scope import Side
from homeport.check.source import Sources
from homeport.check.values import FromShell, OneOf, Unknown, is_known, parts_from_shell


def read(folder: Path, text: str, name: str = "", **files: str) -> App:
    for path, content in {"app": text, **files}.items():
        file = folder / (path.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(content))
    sources = Sources()
    return read_app(sources.read(folder / "app.py", name), sources, folder)


def steps(function: Function) -> list[Any]:
    assert isinstance(function.image, Image)
    return [
        step.why if isinstance(step, Unknown) else (step.method, *step.args) for step in function.image.steps
    ]


def test_usual_app(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        from pathlib import Path
        import modal
        HERE = Path(__file__).parent
        MINUTES = 60
        image = modal.Image.debian_slim(python_version="3.11").pip_install("torch", "numpy")
        for name in ["model", "data"]:
            image = image.add_local_file(HERE / f"{name}.py", f"/app/{name}.py")
        app = modal.App("usual", image=image)
        volume = modal.Volume.from_name("out", create_if_missing=True)

        secrets = [modal.Secret.from_name("w")]

        @app.function(gpu="A100", timeout=10 * MINUTES, volumes={"/out": volume}, secrets=secrets)
        def train(epochs: int = 3, *, resume=False): ...

        @app.local_entrypoint()
        def main(): ...
        """,
    )
    train, main = app.functions
    assert (app.name, app.how, app.unknown) == ("usual", "static", ())
    assert (train.name, train.kind, main.kind) == ("train", "function", "local_entrypoint")
    assert {key: train.options[key] for key in ("gpu", "timeout")} == {"gpu": "A100", "timeout": 600}
    assert steps(train) == [
        ("debian_slim",),
        ("pip_install", "torch", "numpy"),
        ("add_local_file", tmp_path / "model.py", "/app/model.py"),
        ("add_local_file", tmp_path / "data.py", "/app/data.py"),
    ]
    assert train.volumes["/out"].name == "out"  # type: ignore[union-attr]
    assert [one.args for one in train.secrets] == [("w",)]  # type: ignore[union-attr]
    assert [(one.name, one.annotation, one.default, one.kind) for one in train.parameters] == [
        ("epochs", "int", "3", "positional"),
        ("resume", None, "False", "keyword"),
    ]


@pytest.mark.parametrize(
    "top",
    [
        "import modal\nApp, I = modal.App, modal.Image",
        "import modal as m\nApp, I = m.App, m.Image",
        "from modal import App, Image as I",
        "from modal.app import App\nfrom modal.image import Image as I",
    ],
)
def test_modal_by_any_name(tmp_path: Path, top: str) -> None:
    app = read(tmp_path, top + "\napp = App('a', image=I.debian_slim())\n@app.function()\ndef f(): ...\n")
    assert steps(app.functions[0]) == [("debian_slim",)]


def test_shell(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import os, modal
        GPU = os.environ.get("GPU", "T4")
        COUNT = int(os.getenv("COUNT", "2"))
        app = modal.App("a")
        @app.function(gpu=f"{GPU}:{COUNT}", secrets=[modal.Secret.from_dict({"KEY": os.environ["KEY"]})])
        def f(): ...
        """,
    )
    gpu = app.functions[0].options["gpu"]
    assert isinstance(gpu, FromShell) and (gpu.name, gpu.default) == ("GPU", "T4:2")
    key = app.functions[0].secrets[0].args[0]["KEY"]  # type: ignore[union-attr]
    assert isinstance(key, FromShell) and key.name == "KEY" and not is_known(key)


def values(folder: Path, text: str, **files: str) -> dict[str, Any]:
    """What is known of the names at the end of a file."""
    for path, content in {"app": text, **files}.items():
        file = folder / (path.replace("__", "/") + ".py")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(content))
    sources = Sources()
    scope, _ = module_scope(sources.read(folder / "app.py"), sources, Side(folder))
    return {name: freeze(value) for name, value in scope.names.items() if not name.startswith("__")}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("f'{3:03d}-{\"a\"!r}'", "003-'a'"),
        ("'%s:%d' % ('a', 2)", "a:2"),
        ("'{}/{x}'.format('a', x='b')", "a/b"),
        ("'a' 'b' + 'c' * 2", "abcc"),
        ("[1, *(2, 3)][-1]", 3),
        ("{**{'a': 1}, 'b': 2} | {'a': 3}", {"a": 3, "b": 2}),
        ("dict(a=1, **{'b': 2})['b']", 2),
        ("[x * 2 for x in range(4) if x % 2]", (2, 6)),
        ("{k: v for k, v in zip('ab', [1, 2])}", {"a": 1, "b": 2}),
        ("[(i, w) for i, w in enumerate(['a'], 1)]", ((1, "a"),)),
        ("sorted({'b', 'a'})", ("a", "b")),
        ("'x' if [] else 'y'", "y"),
        ("None or 'b' or c", "b"),
        ("1 < 2 <= 2 and 'in' in ['in']", True),
        ("(lambda a, b=2: a + b)(1)", 3),
        ("'torch==2.1'.split('==')[1]", "2.1"),
        ("' '.join(['a', 'b']).upper()", "A B"),
        ("len([1, 2]) + max(1, 5) - int('3')", 4),
        ("(n := 5) + n", 10),
        ("not 0", True),
        ("-(2 ** 3) // 3", -3),
        ("list(map(str, [1, 2]))", ("1", "2")),
        ("any(x > 1 for x in [1, 2])", True),
        ("isinstance('a', (str, int))", True),
        ("Path('/a', 'b') / 'c'", Path("/a/b/c")),
        ("Path('/a/b/c.py').parents[1] / Path('x').name", Path("/a/x")),
        ("str(Path('a') / 'b.tar.gz')", "a/b.tar.gz"),
        ("Path('/a/b.py').stem + Path('/a/b.py').suffix", "b.py"),
        ("PurePosixPath('/a').joinpath('b').as_posix()", "/a/b"),
        ("os.path.join('/a', 'b', '..', 'c')", "/a/b/../c"),
        ("os.path.basename(os.path.dirname('/a/b/c'))", "b"),
        ("json.loads('[1, {\"a\": null}]')", (1, {"a": None})),
        ("tomllib.loads('a = 1')['a']", 1),
        ("shlex.split('a \"b c\"')", ("a", "b c")),
        ("[1, 2, 3][1:]", (2, 3)),
        ("getattr(Path('/a/b'), 'name')", "b"),
        ("b'a' + b'b'", b"ab"),
    ],
)
def test_expressions(tmp_path: Path, expression: str, expected: Any) -> None:
    top = "import os, json, tomllib, shlex\nfrom pathlib import Path, PurePosixPath\n"
    assert values(tmp_path, f"{top}result = {expression}\n")["result"] == expected


@pytest.mark.parametrize(
    "expression",
    [
        "Path(__file__).parent",
        "Path(__file__).resolve().parent",
        "Path(os.path.dirname(os.path.abspath(__file__)))",
        "Path(os.path.realpath(__file__)).parents[0]",
        "Path.cwd()",
        "Path(os.getcwd())",
        "Path('.').resolve()",
        "Path(__file__ + '/..').resolve()",
        "Path(os.path.abspath('.'))",
    ],
)
def test_folder_of_the_file(tmp_path: Path, expression: str) -> None:
    assert (
        values(tmp_path, f"import os\nfrom pathlib import Path\nx = {expression}\n")["x"]
        == tmp_path.resolve()
    )


@pytest.mark.parametrize(
    "expression",
    [
        "'x' * 10 ** 9",
        "10 ** 10 ** 10",
        "1 << 10 ** 9",
        "'{:>99999999}'.format(1)",
        "f'{1:99999999}'",
        "'%99999999d' % 1",
        "'a'.ljust(10 ** 10)",
        "[0] * 10 ** 9",
        "'a'.join(['b'] * 10 ** 6)",
    ],
)
def test_nothing_large_is_made(tmp_path: Path, expression: str) -> None:
    assert isinstance(values(tmp_path, f"x = {expression}\n")["x"], Unknown)


@pytest.mark.parametrize(
    "text",
    [
        "while True: pass",
        "def f(): return f()\nf()",
        "x = [0]\nfor y in x: x.append(1)",
        "def f(n): return f(n) + f(n)\nf(1)",
        "x = x",
        "import app",
        "from app import *",
        "from . import nothing",
        "from .... import a",
        "class A(A): pass",
        "a, *b = 1",
        "del nothing",
        "x: int",
        "x += 1",
        "def f(a, a2, /, *, b, **c): return c\nf(1, 2, 3, 4)",
        "[][0]",
        "@nothing\ndef f(): ...",
        "async def f(): await f()\nf()",
        "x = yield_",
        "raise",
        "return_ = lambda: (yield)",
        "match 1:\n case [1, *_]: ...\n case {'a': x}: ...\n case A(b=1) | None: ...",
        "with open('/nothing') as (a, b): ...",
        "try: ...\nfinally: ...",
        "f'{x!r:{y}}'",
        "global x",
        "{[]: 1}",
        "{1: 2}[[]]",
        "modal = __import__('modal')\napp = modal.App(*x, **y)",
        "(yield)",
        "x = {**1}",
        "f(**1)",
        "print(*1)",
        "import modal\napp = modal.App('a')\n@app.function\ndef f(): ...",
        "import modal\nmodal.App('a').function()(3)",
        "import modal\nx = modal.Image.debian_slim().imports()\nx.y.z()",
        "x = [].pop()",
        "{}.popitem()",
        "'a'.nothing()",
    ],
)
def test_anything_ends_well(tmp_path: Path, text: str) -> None:
    read(tmp_path, text + "\nresult = 1\n")


def test_changes_of_lists_and_dicts(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        packages = ["a"]
        same = packages
        packages.append("b"); packages += ["c"]; packages.extend(("d",)); packages.insert(0, "_")
        options = {"cpu": 1}
        options["gpu"] = "T4"; options.update(memory=2); options |= {"cpu": 4}
        options.setdefault("x", []).append(1)
        del options["memory"]
        first, *others = packages
        def add(to=packages): to.append("e")
        add()
        count = 0
        for name in packages:
            if name == "_": continue
            if name == "d": break
            count += 1
        else:
            count = 100
        while count < 10: count *= 2
        """,
    )
    assert found["same"] == ("_", "a", "b", "c", "d", "e")
    assert found["options"] == {"cpu": 4, "gpu": "T4", "x": (1,)}
    assert (found["first"], found["others"], found["count"]) == ("_", ("a", "b", "c", "d"), 12)


def test_what_cannot_be_told_is_told_apart(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        import os, sys, random
        a = b = c = d = 0
        if random.random() > 0.5:
            a, c = 1, 5
        else:
            b, c = 2, 5
        items = ["x"]
        if len(sys.argv) > 1:
            items.append("y")
        def pick():
            if random.random(): return "one"
            return "one"
        def leave():
            if random.random(): sys.exit("no")
            return "still here"
        one, still = pick(), leave()
        if random.random(): raise RuntimeError
        else: d = 7
        """,
    )
    assert (
        isinstance(found["a"], OneOf) and found["a"].values == (1, 0) and "random.random()" in found["a"].why
    )
    assert isinstance(found["b"], Unknown)
    assert (found["c"], found["d"], found["one"], found["still"]) == (5, 7, "one", "still here")
    assert found["items"][0] == "x" and isinstance(found["items"][1], OneOf)
    assert found["items"][1].values == (("y",), ())


def test_exceptions(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        try: import tomllib
        except ImportError: import tomli as tomllib
        a = tomllib.loads("x = 1")["x"]
        try: import torch; has_torch = True
        except ImportError: has_torch = False
        try: b = {"k": 1}["k"]
        except KeyError: b = 2
        try: c = {"k": 1}["z"]
        except KeyError: c = 2
        try: raise ValueError
        except ValueError: d = 1
        finally: e = 2
        """,
    )
    assert (found["a"], found["b"], found["d"], found["e"]) == (1, 1, 1, 2)
    assert isinstance(found["has_torch"], Unknown)
    assert isinstance(found["c"], Unknown)


def test_classes(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        from dataclasses import dataclass, field
        from enum import Enum
        @dataclass
        class Config:
            gpu: str = "T4"
            count: int = 1
            extra: list = field(default_factory=list)
            @property
            def asked(self): return f"{self.gpu}:{self.count}"
            @staticmethod
            def plain(): return 1
            @classmethod
            def large(cls): return cls("A100", count=8)
        class Base:
            HOURS = 3
            def __init__(self, name): self.name = name
            def shout(self): return self.name.upper() + "!"
        class Child(Base): MINUTES = Base.HOURS * 60
        one, two, three = Config().asked, Config.large().asked, Config.plain()
        four, five = Child("a").shout(), Child.MINUTES
        """,
    )
    assert [found[name] for name in ("one", "two", "three", "four", "five")] == [
        "T4:1",
        "A100:8",
        1,
        "A!",
        180,
    ]


def test_images_from_helpers_and_other_modules(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import os, sys
        import modal
        import common
        from common import base, OPTIONS as options
        from parts.images import *
        image = base("torch", extra=["numpy"]).env({"A": "1"}).pipe(add, "x")
        with image.imports():
            import torch
        if os.environ.get("WITH_WANDB"):
            image = image.pip_install("wandb")
        app = modal.App(common.NAME, image=common.IMAGES["slim"])
        options["timeout"] = 60
        @app.function(image=image, **options)
        def a(): ...
        @app.function(**{**options, "timeout": 5})
        def b(): ...
        """,
        common="""
        import modal
        NAME = "other"
        OPTIONS = {"gpu": "T4"}
        IMAGES = {"slim": modal.Image.debian_slim()}
        def base(*packages, extra=()):
            image = modal.Image.debian_slim()
            for package in packages:
                image = image.pip_install(package)
            if extra: image = image.pip_install(*extra)
            return image
        """,
        parts__images="""
        def add(image, name): return image.apt_install(name)
        """,
    )
    a, b = app.functions
    assert steps(a) == [
        ("debian_slim",),
        ("pip_install", "torch"),
        ("pip_install", "numpy"),
        ("env", {"A": "1"}),
        ("apt_install", "x"),
        "hangs on the shell's WITH_WANDB",
    ]
    assert steps(b) == [("debian_slim",)]
    assert (app.name, a.options["gpu"], a.options["timeout"], b.options["timeout"]) == ("other", "T4", 60, 5)


def test_apps_over_several_files(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import modal
        from core import app as core_app, volume
        import jobs
        app = modal.App("whole").include(core_app)
        @app.function(volumes={"/ro": volume.with_mount_options(read_only=True)})
        def own(): ...
        """,
        core="import modal\napp = modal.App('core')\nvolume = modal.Volume.from_name('v')\n",
        jobs="from core import app\n@app.function(name='renamed')\ndef job(): ...\n",
    )
    assert [function.name for function in app.functions] == ["renamed", "own"]
    assert app.functions[0].module.path == tmp_path / "jobs.py"
    assert app.functions[1].volumes["/ro"].read_only  # type: ignore[union-attr]


def test_class_of_an_app(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import modal
        from modal import method, enter
        volume = modal.Volume.from_name("v")
        app = modal.App("a", secrets=[modal.Secret.from_name("s")], volumes={"/v": volume})
        @app.cls(gpu="L4", secrets=[modal.Secret.from_dict({"A": "b"})])
        @modal.concurrent(max_inputs=4)
        class Model:
            size: int = modal.parameter(default=3)
            name: str = modal.parameter()
            @enter()
            def load(self): ...
            @method()
            def run(self, x: int, *more): ...
            @modal.fastapi_endpoint(method="POST")
            def web(self): ...
            def helper(self): ...
        @app.function(schedule=modal.Cron("0 0 * * *"), retries=modal.Retries(3, initial_delay=1.0))
        @modal.web_server(8000, startup_timeout=60)
        def serve(): ...
        """,
    )
    model, serve = app.functions
    assert (model.name, model.kind, model.decorators) == (
        "Model",
        "class",
        {"modal.concurrent": {"max_inputs": 4}},
    )
    assert [(one.name, one.default) for one in model.parameters] == [("size", "3"), ("name", None)]
    assert {name: list(one) for name, one in model.method_decorators.items()} == {
        "load": ["modal.enter"],
        "run": ["modal.method"],
        "web": ["modal.fastapi_endpoint"],
    }
    assert [one.name for one in model.methods["run"][1]] == ["x", "more"]
    assert [one.kind for one in model.secrets] == ["from_name", "from_dict"]  # type: ignore[union-attr]
    assert list(model.volumes) == ["/v"]
    assert serve.decorators == {"modal.web_server": {"port": 8000, "startup_timeout": 60}}
    assert serve.options["schedule"].args == ("0 0 * * *",)
    assert serve.options["retries"].options == {"max_retries": 3, "initial_delay": 1.0}


def test_sites(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import modal
        image = (
            modal.Image.debian_slim()
            .pip_install(
                "torch",
            )
        )
        app = modal.App("a")
        more = {"cpu": 1}
        @app.function(
            image=image,
            timeout=3, **more,
        )
        def f(): ...
        """,
    )
    (function,) = app.functions
    image = function.image
    assert image is not None
    last = image.steps[1].site
    assert last is not None
    assert (last.line, last.column, last.end_line, last.end_column) == (5, 5, 7, 5)
    assert (function.site.line, function.site.column, function.site.end_line) == (11, 1, 14)
    assert function.option_sites["timeout"].line == function.option_sites["cpu"].line == 13
    assert function.option_sites["timeout"].column == 4


def test_shell_in_other_forms(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        import os
        from os import environ, getenv
        a = environ["A"]
        b = getenv("B") or "b"
        c = "C" in os.environ
        d = {k: v for k, v in os.environ.items() if k.startswith("D_")}
        e = {k: os.environ[k] for k in ("E1", "E2") if k in os.environ}
        f = {**os.environ, "F": "1"}
        g = "yes" if os.environ.get("G") else "no"
        os.environ["H"] = "h"; os.environ.setdefault("I", "i")
        h, i = os.environ["H"], os.environ["I"]
        j = os.environ.get("MODAL_TASK_ID")
        k = [int(x) for x in os.environ.get("K", "1,2").split(",")]
        l = os.environ.copy()
        m = None
        if not os.environ.get("M"): m = "default"
        """,
    )
    names = {name: value.name for name, value in found.items() if isinstance(value, FromShell)}
    del names["environ"]
    assert names == {"a": "A", "b": "B", "c": "C", "g": "G", "i": "I", "m": "M"}
    assert [found[name].default for name in "bcgim"] == ["b", False, "no", "i", "default"]
    for name in "dfl":
        assert [part.name for part in parts_from_shell(found[name])][:1] == [None]
    assert [part.name for part in parts_from_shell(found["e"])] == ["E1", "E2"]
    assert (found["f"]["F"], found["h"], found["j"]) == ("1", "h", None)
    assert isinstance(found["k"][0], Unknown)


def test_container_side(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            """
            import os
            from pathlib import Path
            import modal
            HERE = Path(__file__).resolve().parent
            ROOT = HERE.parents[1] if modal.is_local() else HERE
            SETTINGS = (ROOT / "settings.txt").read_text() if not modal.is_local() else ""
            TASK = os.environ.get("TASK", "none")
            """
        )
    )
    (tmp_path / "local.txt").write_text("from here")
    sources = Sources()
    side = Side(
        Path("/root"),
        is_local=False,
        file_of=lambda module: "/root/app.py",
        local_file=lambda path: tmp_path / "local.txt" if str(path) == "/root/settings.txt" else None,
        variables={"TASK": "t"},
    )
    scope, _ = module_scope(sources.read(tmp_path / "app.py"), sources, side, ("/root",))
    assert {name: scope.names[name] for name in ("ROOT", "SETTINGS", "TASK")} == {
        "ROOT": Path("/root"),
        "SETTINGS": "from here",
        "TASK": "t",
    }


def test_files_beside_the_app(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[machine]\ngpu = 'A100'\n")
    (tmp_path / "settings.json").write_text('{"cpu": 2}')
    (tmp_path / "requirements.txt").write_text("a\nb\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.py").touch()
    (tmp_path / "lib" / "y.txt").touch()
    found = values(
        tmp_path,
        """
        import json, os, tomllib
        from pathlib import Path
        HERE = Path(__file__).parent
        with open(HERE / "settings.toml", "rb") as file:
            gpu = tomllib.load(file)["machine"]["gpu"]
        with (HERE / "settings.json").open() as file:
            cpu = json.load(file)["cpu"]
        lines = open(os.path.join(HERE, "requirements.txt")).read().splitlines()
        files = [path.name for path in (HERE / "lib").glob("*.py")]
        there, gone = (HERE / "lib").is_dir(), os.path.exists(HERE / "nothing")
        unread = (HERE / "nothing").read_text()
        """,
    )
    assert [found[name] for name in ("gpu", "cpu", "lines", "files", "there", "gone")] == [
        "A100",
        2,
        ("a", "b"),
        ("x.py",),
        True,
        False,
    ]
    assert isinstance(found["unread"], Unknown)


def test_relative_imports_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "sub").mkdir(parents=True)
    for name, content in {
        "pkg/__init__.py": "LEVEL = 0\n",
        "pkg/settings.py": "GPU = 'T4'\n",
        "pkg/sub/__init__.py": "",
        "pkg/sub/app.py": "import modal\nfrom .. import settings, LEVEL\nfrom ..settings import GPU as gpu\n"
        "import pkg.settings\napp = modal.App('a')\n"
        "@app.function(gpu=gpu, timeout=LEVEL, name=pkg.settings.GPU + settings.GPU)\ndef f(): ...\n",
    }.items():
        (tmp_path / name).write_text(content)
    sources = Sources()
    app = read_app(sources.read(tmp_path / "pkg" / "sub" / "app.py", "pkg.sub.app"), sources, tmp_path)
    assert app.functions[0].options == {"gpu": "T4", "timeout": 0, "name": "T4T4"}


def test_a_part_that_takes_too_long_leaves_the_rest(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import modal
        import slow
        from slow import late
        app = modal.App("a")
        @app.function(timeout=late)
        def f(): ...
        """,
        slow="n = 0\nwhile n < 10 ** 7: n += 1\nlate = 1\n",
    )
    assert app.functions[0].name == "f" and isinstance(app.functions[0].options["timeout"], Unknown)


def test_no_app(tmp_path: Path) -> None:
    app = read(tmp_path, "x = 1\n")
    assert app.functions == () and app.unknown and isinstance(app.name, Unknown)


def test_older_and_rarer_ways(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import modal
        stub = modal.Stub("old")
        stub.image = modal.Image.debian_slim()
        def plain(x): return x
        bucket = modal.CloudBucketMount("b", read_only=True, secret=modal.Secret.from_name("s"))
        nfs = modal.NetworkFileSystem.from_name("n")
        gpu = modal.gpu.A100(count=2)
        run = stub.function(gpu=gpu, volumes={"/b": bucket}, network_file_systems={"/n": nfs})(plain)
        @stub.local_entrypoint
        def main(): ...
        @stub.function(volumes=unknown)
        def more(): ...
        """,
    )
    plain, main, more = app.functions
    assert (app.name, plain.name, main.kind) == ("old", "plain", "local_entrypoint")
    assert steps(plain) == [("debian_slim",)]
    assert plain.options["gpu"].name == "modal.gpu.A100" and plain.options["gpu"].options == {"count": 2}
    assert [(point, one.kind, one.read_only) for point, one in plain.volumes.items()] == [  # type: ignore[union-attr]
        ("/b", "CloudBucketMount", True),
        ("/n", "NetworkFileSystem", False),
    ]
    assert isinstance(more.volumes[""], Unknown)


def test_generators_files_and_partial_functions(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch\n\n# no\nnumpy\n")
    app = read(
        tmp_path,
        """
        import enum, functools, modal
        from dataclasses import dataclass, field
        from pathlib import Path
        class Gpu(enum.Enum):
            SMALL = "T4"
        @dataclass
        class Options:
            gpu: str = Gpu.SMALL.value
            cpu: float = field(default=2)
            names: list = field(default_factory=lambda: ["a"])
        def lines():
            with open(Path(__file__).parent / "requirements.txt") as file:
                for line in file:
                    if line.strip() and not line.startswith("#"):
                        yield line.strip()
        image = modal.Image.debian_slim().pip_install(*lines())
        app = modal.App("a")
        function = functools.partial(app.function, image=image)
        options = Options()
        def on_gpu(**more):
            def wrap(f):
                return function(gpu=options.gpu, **more)(f)
            return wrap
        @on_gpu(cpu=options.cpu, name=options.names[0])
        def one(): ...
        for size in (1, 2):
            function(name=f"of_{size}", timeout=size)(lambda: None)
            app.function(name=f"plain_{size}")(one_more := on_gpu)
        """,
    )
    one = app.functions[0]
    assert (one.name, one.node.name, one.options["gpu"], one.options["cpu"]) == ("a", "one", "T4", 2)
    assert steps(one) == [("debian_slim",), ("pip_install", "torch", "numpy")]
    assert [function.name for function in app.functions[1:]] == ["plain_1", "plain_2"]


def test_modules_that_import_one_another_in_a_long_row(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"m{number}.py").write_text(f"from m{number + 1} import x\n")
    app = read(
        tmp_path,
        "import modal\nfrom m0 import x\napp = modal.App('a')\n@app.function(timeout=x)\ndef f(): ...\n",
        m150="import m0\nx = 7\n",
    )
    assert app.functions[0].options["timeout"] == 7


def test_what_is_known_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            """
            import re, sys
            import modal
            if tuple(map(int, re.findall(r"\\d+", modal.__version__)[:2])) < (1, 4):
                sys.exit("too old")
            config = sys.argv[sys.argv.index("--config") + 1] if "--config" in sys.argv else "small"
            image = modal.Image.debian_slim(f"{sys.version_info.major}.{sys.version_info.minor}")
            app = modal.App("a", image=image)
            new = sys.version_info >= (3, 11)
            @app.function(gpu="A100" if config == "large" else None, timeout=60 if new else 1)
            def f(): ...
            """
        )
    )
    sources = Sources()
    entry = sources.read(tmp_path / "app.py")
    launcher = Launcher(tmp_path, frozenset(), "1.6.4", "3.12", frozenset())
    app = read_app(entry, sources, tmp_path, launcher, Command("f", ("--config", "large")))
    assert steps(app.functions[0]) == [("debian_slim", "3.12")]
    assert app.functions[0].options == {"gpu": "A100", "timeout": 60}
    asked = read_app(entry, sources, tmp_path).functions[0]
    assert isinstance(asked.options["gpu"], Unknown) and isinstance(asked.options["timeout"], Unknown)


def test_several_variables_and_beginnings(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        import os, time
        from pathlib import Path
        a = f"{os.environ['A']}-{os.environ.get('B', 'b')}-{os.environ.get('A', 'a')}"
        b = " ".join(["pip", os.environ.get("C", "--pre"), "x"])
        c = f"/results/{time.time()}"
        d = Path("/data") / time.strftime("%d")
        e = "s3://" + d.name
        try: f = int("no")
        except ValueError: f = 3
        """,
    )
    assert [part.name for part in parts_from_shell(found["a"])] == ["A", "B"]
    assert isinstance(found["b"], FromShell) and (found["b"].name, found["b"].default) == ("C", "pip --pre x")
    assert [found[name].begins for name in "cd"] == ["/results/", "/data/"]
    assert isinstance(found["f"], Unknown)


def test_images_that_are_one_of_several(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import os, sys
        import modal
        EXTRAS = ["wandb"] if len(sys.argv) > 3 else []
        image = modal.Image.debian_slim().pip_install("torch", *EXTRAS, *[x for x in ["pyyaml"] if sys.argv])
        if os.environ.get("FLASH"):
            image = image.pip_install("flash-attn")
        elif sys.argv:
            image = image.apt_install("git").pip_install("numpy")
        app = modal.App("a", image=image.env({"A": "1"}))
        @app.function()
        def f(): ...
        """,
    )
    image = app.functions[0].image
    assert image is not None
    _, torch, choice, env = image.steps
    assert isinstance(torch, Step) and isinstance(env, Step) and isinstance(choice, OneOf)
    assert torch.args[0] == "torch"
    assert [one.values for one in torch.args[1:]] == [(("wandb",), ()), (("pyyaml",), ())]
    rows = [[step.method for step in row if isinstance(step, Step)] for row in choice.values]
    assert rows == [["pip_install"], []]
    (inner,) = choice.values[1]
    assert [[step.method for step in row] for row in inner.values] == [["apt_install", "pip_install"], []]
    container = lay_out(app.functions[0], app, Sources().read(tmp_path / "app.py"), folder=tmp_path)
    for module in ("wandb", "flash_attn", "numpy"):
        assert isinstance(container.find(module, ("/root",)), UnprovenModule), module
    assert isinstance(container.find("torch", ("/root",)), FoundModule)
    assert isinstance(container.find("pandas", ("/root",)), MissingModule)


def test_nothing_is_known_that_may_be_otherwise(tmp_path: Path) -> None:
    found = values(
        tmp_path,
        """
        import random
        count = 0
        for _ in range(random.randint(0, 9)): count += 1
        while random.random(): count = count + 1
        mode = "a"
        try:
            mode = "b"
            raise ValueError
        except ValueError: seen = mode
        late = 1
        if random.random(): late = 1
        numbers = [0]
        while True:
            numbers.append(1)
            if len(numbers) > 10 ** 6: break
        late = 2
        def after(): ...
        """,
    )
    assert type(found["count"]) is Unknown
    assert (found["mode"], found["seen"]) == ("b", "b")
    assert isinstance(found["late"], Unknown) and isinstance(found["after"], Unknown)


def test_a_function_that_is_defined_in_two_branches(tmp_path: Path) -> None:
    app = read(
        tmp_path,
        """
        import os
        import modal
        app = modal.App("a")
        volume = modal.Volume.from_name("v")
        if os.environ.get("BIG"):
            @app.function(gpu="H100", timeout=60, volumes={"/v": volume})
            def train(steps: int): ...
        else:
            @app.function(gpu="T4", timeout=60)
            def train(steps: int): ...
        """,
    )
    (train,) = app.functions
    assert isinstance(train.options["gpu"], OneOf) and train.options["gpu"].values == ("H100", "T4")
    assert train.options["timeout"] == 60 and isinstance(train.volumes["/v"], Unknown)
