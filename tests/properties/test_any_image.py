"""Whatever an image's steps are given, its container can be laid out and asked: nothing raises."""

import ast
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.check.container.image_steps import _METHODS
from homeport.check.facts import App, Function, Image, Module, Secret, Step, Volume
from homeport.check.filesystem import lay_out
from homeport.check.values import FromShell, Made, Site, Unknown

SITE = Site(Path("app.py"), 1)
_TEXTS = """
|.|/|//|..|~|~nobody-of-that-name|/app|/app/|app/../..|data|*|**|!|[|a\0b|\udce9|numpy|numpy==2.3|x[|git+https://|-r|3
3.11|python:3.11-slim|nvidia/cuda:12|COPY . .|COPY data /d|FROM x|RUN pip install -r r.txt|ENV A=$B|WORKDIR $X
cd /x && mkdir {a,b}|pip install 'x|PYTHONPATH|pkg.mod|pkg..mod|.pkg|Dockerfile|requirements.txt
x ; python_version""".replace("\n", "|").split("|")
texts = st.sampled_from(_TEXTS) | st.text(max_size=8)
leaves = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.floats(),
    st.builds(Path, texts.filter(lambda text: "\0" not in text)),
    st.just(Unknown("it is made up")),
    st.builds(FromShell, st.none() | texts, texts, st.just(SITE)),
    st.builds(lambda name, args: Made(name, tuple(args), {}, SITE), texts, st.lists(texts, max_size=2)),
)
values = st.recursive(
    leaves,
    lambda below: st.lists(below, max_size=3).map(tuple) | st.dictionaries(texts, below, max_size=3),
    max_leaves=5,
)
_OPTIONS = """
local_path remote_path ignore copy requirements extra_options context_dir build_args add_python vars path
"""
names = st.sampled_from(_OPTIONS.split())
steps = st.builds(
    lambda method, args, options: Step(method, tuple(args), options, SITE),
    st.sampled_from([*_METHODS, "no_such_method"]),
    st.lists(values, max_size=3),
    st.dictionaries(names, values, max_size=2),
)


@settings(max_examples=60)
@given(
    st.lists(steps | st.just(Unknown("it is made up")), max_size=4),
    st.dictionaries(
        texts, st.builds(Volume, st.just("Volume"), values, st.just({}), st.just(SITE)), max_size=2
    ),
    st.lists(
        st.builds(Secret, texts, st.lists(values, max_size=1).map(tuple), st.just({}), st.just(SITE)),
        max_size=2,
    ),
    st.dictionaries(st.sampled_from(["env", "include_source", "serialized"]), values, max_size=2),
    st.lists(texts, min_size=3, max_size=3),
)
def test_any_steps(
    chain: list[Any],
    volumes: dict[str, Volume],
    secrets: list[Secret],
    options: dict[str, Any],
    asked: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in ("app.py", "data/x.txt", "pkg/mod.py", "requirements.txt"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("")
        (folder / "Dockerfile").write_text("FROM python:3.11\nCOPY data /data\n")
        (folder / "pyproject.toml").write_text("[project]\nname = 3\ndependencies = 4\n")
        module = Module(folder / "app.py", "app", "", ast.Module([], []))
        node = ast.parse("def f(): pass").body[0]
        assert isinstance(node, ast.FunctionDef)
        image = Image(tuple(chain), SITE)
        function = Function(
            "f", "function", module, node, SITE, (), options, {}, image, volumes, tuple(secrets)
        )
        app = App("app", SITE, {}, (function,), "static")
        container = lay_out(function, app, module, folder=folder, launcher_python="3.11")
        for text in asked:
            container.at(text)
            next(iter(container.below(text)), None)
            container.find(text, container.search_path)
            container.find(f"{text}.more", (text, *container.search_path))
            container.is_installed(text)
        assert container.search_path
        assert container.environment["MODAL_IS_REMOTE"]
