"""Files in /app, `/app/src` on sys.path: stopped before anything is built; run all the same, it is explained.

The app is laid out as examples/adr030 (which needs PyTorch: test_10_examples.py), with modules of two lines.
"""

import re

import pytest

from tests.support.account import REPOSITORY

pytestmark = pytest.mark.once_as("root")

TRAIN = """
    import os
    import sys

    import modal

    app = modal.App("wrong-path")

    image = (
        modal.Image.debian_slim()
        .add_local_file("src/dataset.py", "/app/dataset.py")
        .add_local_file("src/model.py", "/app/model.py")
    )


    def _initialize_container():
        sys.path.insert(0, "/app/src")
        os.chdir("/app")


    @app.function(image=image)
    def train_on_gpu():
        _initialize_container()
        from dataset import cats_dataloader
        from model import cats_model

        print(f"trained {cats_model(classes=5)} on {sum(cats_dataloader())} pictures")
    """
PLACED, PATH, IMPORT = (
    '.add_local_file("src/dataset.py"',
    'sys.path.insert(0, "/app/src")',
    "from dataset import cats_dataloader",
)
OPTIONS = {
    "1: the files where the path points": (('"/app/', '"/app/src/'), ('(0, "/app/src/src', '(0, "/app/src')),
    "2: the path where the files are": ((PATH, 'sys.path.insert(0, "/app")'),),
    "3: by their names": (
        ('        .add_local_file("src/model.py", "/app/model.py")\n', ""),
        (f'{PLACED}, "/app/dataset.py")', '.add_local_python_source("dataset", "model")'),
        (f"        {PATH}\n        os.chdir", "        os.makedirs('/app', exist_ok=True)\n        os.chdir"),
    ),
}


@pytest.fixture
def train(write):
    """`train()` writes the decision record's project, with an edit of src/train.py where one is given."""

    def train(*edits: tuple[str, str]) -> str:
        text = TRAIN
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        write("src/dataset.py", "def cats_dataloader():\n    return [16, 16]\n")
        write("src/model.py", "def cats_model(classes):\n    return f'a model of {classes} classes'\n")
        return write("src/train.py", text).read_text()

    return train


def line_of(statement: str, text: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith(statement))


def test_the_broken_app_is_stopped_before_anything_is_built(engine, homeport, train):
    app = train()
    layers, runs = engine.layers(), homeport("runs").out
    missing = (
        f"src/train.py:{line_of(IMPORT, app)}:5: HP101 module 'dataset' is not in the container of "
        "train_on_gpu: sys.path has /app/src, /root, the file is at /app/dataset.py"
    )
    for command in ("check", "run"):
        said = homeport(command, "src/train.py", fails=True)
        assert missing in said.text
        assert f"src/train.py:{line_of(PATH, app)}:5: puts /app/src on sys.path" in said.text
    assert engine.layers() == layers
    assert homeport("runs").out == runs, "nothing was run"


def test_so_are_both_trainings_of_the_real_one(homeport):
    said = homeport("run", "examples/adr030/broken.py", cwd=REPOSITORY, fails=True)
    assert re.search(r"examples/adr030/broken\.py:50:5: HP101 module 'dataset'", said.text)
    assert re.search(r"examples/adr030/broken\.py:70:5: HP101 module 'dataset'", said.text)


def test_run_all_the_same_its_record_says_who_put_the_file_where_and_what_the_path_was(homeport, train):
    app = train()
    said = homeport("run", "--no-check", "src/train.py", fails=True)
    assert "ModuleNotFoundError: No module named 'dataset'" in said.lines
    shown = homeport("show", "latest").out
    assert "No module named 'dataset'" in shown
    explained = homeport("explain", "latest", "--file", "/app/dataset.py").out
    assert re.search(rf"src/train\.py:{line_of(PLACED, app)}\b", explained), "who put it there"
    assert re.search(rf"train\.py:{line_of(PATH, app)}\b", explained), "who said where to look"
    assert "/app/src" in explained


@pytest.mark.parametrize("option", OPTIONS)
def test_each_of_the_three_options_runs(homeport, train, option):
    train(*OPTIONS[option])
    said = homeport("run", "src/train.py")
    assert "trained a model of 5 classes on 32 pictures" in said.lines


def test_the_record_of_the_fixed_one_says_who_opened_the_file(homeport, train):
    app = train(*OPTIONS["2: the path where the files are"])
    homeport("run", "src/train.py")
    explained = homeport("explain", "latest", "--file", "/app/dataset.py").out
    assert re.search(rf"src/train\.py:{line_of(PLACED, app)}\b", explained), "who put it there"
    assert re.search(rf"train\.py:{line_of(IMPORT, app)}\b", explained), "who imported it"
