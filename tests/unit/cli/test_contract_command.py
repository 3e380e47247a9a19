"""`homeport contract init` and `show` as they are typed, over records in a home without an engine."""

from dataclasses import replace
from pathlib import Path

import pytest

from homeport.cli.root import run
from homeport.record.codec import encode
from homeport.record.contracts.reading import decode
from homeport.record.run import Contract, Count, Launcher, Run, Violation

GOOD = Run(
    "ap-good",
    app_id="ap-good",
    name="eeg",
    function="train",
    state="succeeded",
    started_at=2.0,
    ended_at=3.0,
    counts=(Count("train", "3734", "Loading 3734 train, 933 val files"),),
)
EXPECTED = {"train": "3734", "cache apart from smoke": "none of contract smoke's"}
BROKEN = Contract(
    "full",
    "homeport.toml",
    "broken",
    expected=EXPECTED,
    seen={"train": "50"},
    violations=(Violation("train", "3734", "50", "expected 3734 train files, saw 50."),),
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an app, whose runs a home holds."""
    runs, folder = tmp_path / "home" / "runs", tmp_path / "project"
    runs.mkdir(parents=True)
    folder.mkdir()
    (folder / "app.py").touch()
    monkeypatch.setenv("HOMEPORT_HOME", str(runs.parent))
    monkeypatch.chdir(folder)
    launcher = Launcher(("homeport", "run", "app.py"), str(folder))
    for record in (
        GOOD,
        Run("ap-bad", name="eeg", state="failed", contract=BROKEN, started_at=1.0, ended_at=2.0),
        Run(
            "ap-live",
            name="eeg",
            state="running",
            started_at=1.0,
            contract=Contract("full", expected=EXPECTED),
        ),
    ):
        record = replace(record, launcher=launcher)
        (runs / f"{record.run_id}.json").write_bytes(encode(record))
    return folder


def test_stdout_prints_the_contract_and_writes_nothing(project: Path, capsys) -> None:
    assert run(["contract", "init", "ap-good", "--stdout", "--name", "full"]) == 0
    [terms] = decode(capsys.readouterr().out.encode()).contracts
    assert terms.name == "full"
    assert [path.name for path in project.iterdir()] == ["app.py"]


def test_stdout_and_a_file_exclude_each_other(project: Path, capsys) -> None:
    assert run(["contract", "init", "ap-good", "--stdout", "--file", "mine.toml"]) == 2
    assert "--stdout writes no file" in capsys.readouterr().err
    assert not (project / "mine.toml").exists()


@pytest.mark.parametrize("options", [[], ["--file", "other.toml"]])
def test_it_is_written_beside_the_app_or_where_the_file_is_named(project: Path, options: list[str]) -> None:
    assert run(["contract", "init", "ap-good", *options]) == 0
    path = project / (options[-1] if options else "homeport.toml")
    assert [terms.name for terms in decode(path.read_bytes()).contracts] == ["train"]


def test_a_run_that_failed_is_no_model(project: Path, capsys) -> None:
    assert run(["contract", "init", "ap-bad"]) == 1
    assert "Run ap-bad failed" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_show_says_what_was_not_reached_and_exits_with_1_where_it_is_broken(capsys) -> None:
    assert run(["contract", "show", "ap-bad"]) == 1
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["x", "train", "3734", "50"] in lines
    assert [line[-2:] for line in lines if "apart" in line] == [["not", "reached"]]


@pytest.mark.usefixtures("project")
def test_of_a_run_that_goes_on_it_waits(capsys) -> None:
    assert run(["contract", "show", "ap-live"]) == 0
    out = capsys.readouterr().out
    assert "so far nothing breaks it" in out
    assert out.count("waiting") == 2


@pytest.mark.usefixtures("project")
def test_a_run_without_a_contract_is_told_how_to_get_one(capsys) -> None:
    assert run(["contract", "show", "ap-good"]) == 1
    assert "homeport contract init ap-good" in capsys.readouterr().err
