"""`python -m seizure report`: which run is taken, what is said, how mistakes are named."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seizure.commands import root
from seizure.commands import run as run_command
from tests.seizure.report.made_run import make_run


def call(*words: object) -> Result:
    return CliRunner().invoke(root, ["report", *map(str, words)], catch_exceptions=False)


def test_a_run_is_named_and_its_report_said(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep.html"
    result = call(run, "--out", out)
    assert result.exit_code == 0
    assert result.output == f"Report: {out}\n"
    assert "</html>" in out.read_text()


def test_of_a_results_folder_the_latest_run_is_taken_by_its_name(tmp_path: Path) -> None:
    old = make_run(tmp_path, "zebra-20260101-000000")
    new = make_run(tmp_path, "adder-20260301-101500")
    os.utime(old / "config.json")  # copied, so its file is the newer one
    result = call(tmp_path)
    assert f"The latest run in {tmp_path} is adder-20260301-101500." in result.output
    assert (new / "report.html").exists() and not (old / "report.html").exists()


@pytest.mark.parametrize("name", ["nowhere", "empty", "file"])
def test_what_holds_no_run_is_an_error_in_one_sentence(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert run_command(["report", str(tmp_path / name)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert str(tmp_path / name) in said and "/runs" in said


def test_a_place_that_cannot_be_written_is_an_error_in_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["report", str(run), "--out", str(tmp_path / "none" / "report.html")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "name another file by --out" in said
