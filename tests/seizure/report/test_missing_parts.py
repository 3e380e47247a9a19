"""A run that is not finished, or whose cache is elsewhere, has an honest page."""

import json
import shutil
from pathlib import Path

import pytest

from seizure.report import write_report
from seizure.report.gather import gather
from seizure.report.page import verdict
from tests.seizure.report.made_run import make_run, put_json


def test_a_run_that_has_just_begun_has_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    for path in run.iterdir():
        if path.name not in ("config.json", "state.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    put_json(run / "state.json", {"state": "running"})
    page = write_report(run).read_text()
    assert "Running." in page
    for words in (
        "Nothing has been scored yet",
        "No training step",
        "The splits are not known",
        "not been verified",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"state": "failed", "error": "memory ran out"}, "memory ran out"),
        ({"state": "interrupted"}, "Interrupted."),
        ({"state": "finished"}, "Finished and verified."),
        ({}, "State unknown."),
    ],
)
def test_the_state_is_said(tmp_path: Path, state: dict[str, str], words: str) -> None:
    run = make_run(tmp_path)
    put_json(run / "state.json", state)
    said = verdict(gather(run))
    assert words in f"{said.word} {said.words}"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"scores": 3, "findings": 3, "train": 3, "step": 1}'])
def test_files_cut_short_or_strange_are_no_traceback(tmp_path: Path, content: str) -> None:
    run = make_run(tmp_path)
    for name in ("scores-eval.json", "state.json", "splits.json", "verification.json", "metrics.jsonl"):
        (run / name).write_text(content)
    assert "</html>" in write_report(run).read_text()


def test_damaged_scores_are_named_with_what_to_do(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (run / "scores-eval.json").write_text("{")
    page = write_report(run).read_text()
    assert "scores-eval.json cannot be read" in page and "score eval again" in page


def test_without_the_cache_the_events_stay_and_the_pictures_are_missed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    shutil.rmtree(tmp_path / "cache")
    page = write_report(run).read_text()
    assert "is empty or not here" in page and "Its EEG is not in the cache any more" in page
    assert "aaaaaaab_s001_t000" in page


def test_a_damaged_shard_costs_its_own_pictures_only(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    [shard] = (tmp_path / "cache").rglob("aaaaaaab_s001_t000.shard")
    shard.write_bytes(shard.read_bytes()[:5000])
    page = write_report(run).read_text()
    assert page.count("Its EEG is not in the cache any more") == 1
    assert page.count('<svg class="eeg"') == 2


def test_kept_probabilities_that_are_gone_leave_the_events(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    shutil.rmtree(run / "probabilities")
    page = write_report(run).read_text()
    assert "highest probability 0.93" in page or "probability 1.00" in page
    assert page.count('<svg class="eeg"') == 3


def test_a_recording_that_could_not_be_read_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    scores = json.loads((run / "scores-eval.json").read_text())
    scores["unreadable"] = [
        {"recording_id": "aaaaaaad_s001_t000", "why": "truncated: ends early", "seizures": 0}
    ]
    scores["recordings"]["aaaaaaad_s001_t000"] |= {"is_read": False, "probabilities": None}
    scores["scored_before"] = 2
    put_json(run / "scores-eval.json", scores)
    page = write_report(run).read_text()
    assert "1 recording could not be read, counted as without detections" in page
    assert "truncated: ends early" in page
    assert "scored 2 times before" in page
