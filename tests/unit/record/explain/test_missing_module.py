"""A module that was there, and not where the code looked."""

from dataclasses import replace

import pytest

from homeport.record.explain.file import explain_file
from homeport.record.explain.known import Known
from homeport.record.explain.missing_module import sentence
from homeport.record.run import Run, Source, SourceFile

APP = """
import sys
def start():
    sys.path.insert(0, "{}")
    from {} import load
"""


def world(folder="/app/src", module="dataset", path="/app/dataset.py", **changes):
    texts = {"/root/train.py": APP.format(folder, module), path: ""}
    files = tuple(SourceFile(name, name) for name in texts)
    outcome = f"train failed: ModuleNotFoundError(\"No module named '{module}'\")."
    run = Run(run_id="ap-1", state="failed", outcome=outcome, source=Source("/work/src/train.py", files))
    return Known(Run(**{**vars(run), **changes}), lambda _, sha256: texts.get(sha256))


def test_where_it_lay_and_which_line_looked_elsewhere():
    known = world()
    assert sentence(known) == (
        "dataset was at /app/dataset.py; /work/src/train.py:4 put /app/src on sys.path, where it is not."
    )
    answer = explain_file(known, "/app/dataset.py")
    assert answer.sentence.endswith("; /work/src/train.py:4 put /app/src on sys.path, where it is not.")
    assert answer.steps[-1].line == 'sys.path.insert(0, "/app/src")'


def test_who_imports_a_module_is_found_by_reading():
    answer = explain_file(world(state="succeeded", outcome=""), "/app/dataset.py")
    assert answer.sentence == "A mount brought /app/dataset.py; /work/src/train.py:5 imports it."
    assert answer.steps[-1].line == "from dataset import load"


def test_a_module_of_a_package_is_not_imported_by_its_last_name():
    known = world(state="succeeded", outcome="", path="/app/cats/dataset.py")
    inside = (*known.run.source.files, SourceFile("/app/cats/__init__.py", "none"))
    in_package = Known(replace(known.run, source=replace(known.run.source, files=inside)), known.read)
    assert explain_file(known, "/app/cats/dataset.py").sentence.endswith("/work/src/train.py:5 imports it.")
    assert (
        explain_file(in_package, "/app/cats/dataset.py").sentence == "A mount brought /app/cats/dataset.py."
    )


def test_a_package_counts_by_its_folder():
    assert "cats was at /app/cats/__init__.py" in sentence(world(module="cats", path="/app/cats/__init__.py"))


@pytest.mark.parametrize(
    "known",
    [
        world(folder="/app"),
        world(state="succeeded", outcome=""),
        world(outcome='train failed: ValueError("x").'),
        world(path="/app/other.py"),
    ],
    ids=["the path is right", "it ran", "it failed otherwise", "the module is nowhere"],
)
def test_nothing_is_said_where_that_is_not_it(known):
    assert sentence(known) == ""
