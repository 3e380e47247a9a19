"""`homeport explain` and `homeport diff` as they are typed, over records in a home without an engine."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.cli import root
from homeport.model.home import Home
from homeport.record.codec import encode
from homeport.record.run import Run, ShellVariable, Variable
from tests.support import fifty_runs as worlds
from tests.support.fifty_runs import BASH, FROM_DICT, NAME, child, digest, known

READ = [*worlds.processes(), child(), worlds.first_read()]


def keep(home: Home, run: Run, run_id: str) -> None:
    """A record as the engine leaves it, with the sources in the blob store."""
    home.runs.mkdir(parents=True, exist_ok=True)
    (home.runs / f"{run_id}.json").write_bytes(encode(replace(run, run_id=run_id, name="fifty-files")))
    for text in worlds.sources().values():
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        (home.blobs / sha256[:2]).mkdir(parents=True, exist_ok=True)
        (home.blobs / sha256[:2] / sha256).write_text(text)


@pytest.fixture
def runs(home: Home) -> Home:
    shell = [ShellVariable(NAME, digest("50"), None, BASH)]
    leaked = known(variables=[Variable(NAME, FROM_DICT, digest=digest("50"))], notes=READ, shell=shell)
    keep(home, leaked.run, "ap-leaked")
    keep(home, known(notes=READ).run, "ap-clean")
    keep(home, known(notes=READ, config_path="configs/smoke_test.yaml").run, "ap-smoke")
    return home


@pytest.mark.usefixtures("runs")
def test_the_first_sentence_is_the_answer_and_the_chain_is_numbered(capsys) -> None:
    assert root.run(["explain", "ap-leaked", NAME]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith(
        f"{NAME} came from Secret.from_dict in app.py:{worlds.DICT_LINE}, which took it from the shell "
        f"(bash, pid 812, began with it); /app/train.py:{worlds.READ_LINE} read it. 1 shell has it;"
    )
    assert f"5 pid 9 /app/train.py:{worlds.READ_LINE} read it" in out


@pytest.mark.usefixtures("runs")
def test_nothing_wider_than_the_terminal_and_no_colours_elsewhere(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert root.run(["explain", "ap-leaked", NAME]) == 0
    assert root.run(["diff", "ap-clean", "ap-smoke"]) == 1
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines() if "ap-" not in line) <= 60


@pytest.mark.usefixtures("runs")
def test_as_json(capsys) -> None:
    assert root.run(["explain", "ap-leaked", "--arg", "config_path", "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["sentence"].startswith('config_path of train is "configs/full.yaml"')
    assert answer["is_found"] is True
    assert root.run(["diff", "ap-clean", "ap-leaked", "--format", "json"]) == 1
    comparison = json.loads(capsys.readouterr().out)
    assert [section["title"] for section in comparison["sections"]] == ["variables"]


@pytest.mark.usefixtures("runs")
def test_what_is_not_there_is_said_with_status_1(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # wide enough for each sentence; pytest -n sets another one
    assert root.run(["explain", "ap-clean", "BGB_LIMIT_FILE"]) == 1
    assert f"The nearest names: {NAME}" in capsys.readouterr().out
    assert root.run(["explain", "ap-clean", "--file", "/app/src/train.py"]) == 1
    assert "/app/train.py is there" in capsys.readouterr().out
    assert root.run(["explain", "ap-clean", "--config", "a.b"]) == 1
    assert "No configuration file was opened" in capsys.readouterr().out


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    "typed", [["ap-clean"], ["ap-clean", "A", "--arg", "b"], ["ap-clean", "--config", "a", "--file", "b"]]
)
def test_one_thing_is_explained_at_a_time(capsys, typed) -> None:
    assert root.run(["explain", *typed]) == 2
    assert "Name one thing to explain" in capsys.readouterr().err


@pytest.mark.usefixtures("runs")
def test_status_of_diff_is_that_of_diff(capsys) -> None:
    assert root.run(["diff", "ap-clean", "ap-clean"]) == 0
    assert "Nothing differs" in capsys.readouterr().out
    assert root.run(["diff", "ap-clean", "ap-smoke"]) == 1
    assert '"configs/full.yaml" → "configs/smoke_test.yaml"' in capsys.readouterr().out
    assert root.run(["diff", "ap-clean", "ap-nothing"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("homeport: There is no run 'ap-nothing'")
    assert not captured.out


def test_a_damaged_record_is_one_sentence(runs: Home, capsys) -> None:
    Path(runs.runs / "ap-bad.json").write_text('{"run_id": "ap-bad", ')
    assert root.run(["explain", "ap-bad", NAME]) == 1
    assert "this record is damaged" in capsys.readouterr().err
    assert root.run(["diff", "ap-bad", "ap-clean"]) == 2


def test_long_sections_are_cut_and_all_prints_them(runs: Home, capsys) -> None:
    many = tuple(Variable(f"V{number}", "platform", "1") for number in range(30))
    keep(runs, known(variables=many, notes=READ).run, "ap-many")
    assert root.run(["diff", "ap-clean", "ap-many"]) == 1
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 15
    assert "… 22 more (--all prints them)" in out
    assert root.run(["diff", "ap-clean", "ap-many", "--all"]) == 1
    assert len(capsys.readouterr().out.splitlines()) > 30


def test_sources_that_are_gone_are_done_without(runs: Home, capsys) -> None:
    for blob in runs.blobs.glob("??/*"):
        blob.unlink()
    assert root.run(["explain", "ap-leaked", NAME]) == 0
    assert "came from Secret.from_dict, which took it from the shell" in capsys.readouterr().out
