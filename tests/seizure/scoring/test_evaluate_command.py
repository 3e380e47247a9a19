"""`evaluate`, as a user types it."""

import json

import pytest

from seizure.commands import run as run_command


@pytest.fixture
def evaluate(capsys):
    """Types `python -m seizure evaluate …`; gives (status, stdout, stderr)."""

    def typed(*arguments):
        status = run_command(["evaluate", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return typed


def test_every_scorer_is_named_with_its_figures(evaluate, cached_run):
    status, out, err = evaluate(cached_run, "--threshold", 0.4)
    assert status == 0
    for scorer in ("SzCORE events (timescoring)", "SzCORE samples, 1 Hz", "OVLP, any overlap", "TAES, time"):
        line = next(line for line in out.splitlines() if f"val: {scorer}" in line)
        assert all(words in line for words in ("sensitivity", "precision", "F1", "false", "a day"))
    assert "Scoring val 1/2" in err


def test_json_is_alone_on_standard_output(evaluate, cached_run):
    status, out, _ = evaluate(cached_run, "--threshold", 0.4, "--json")
    assert status == 0
    assert json.loads(out) == json.loads((cached_run / "scores-val.json").read_text())


def test_a_run_can_be_named_without_its_folder(evaluate, cached_run):
    results = cached_run.parents[1]
    status, out, _ = evaluate(cached_run.name, "--results", results, "--threshold", 0.4)
    assert (status, "val: 2 recordings" in out) == (0, True)


def test_what_is_no_run_is_said(evaluate, tmp_path):
    status, _, err = evaluate(tmp_path)
    assert (status, "is this a run's folder?" in err) == (1, True)
    status, _, err = evaluate("smoke-19990101-000000", "--results", tmp_path)
    assert (status, "is this a run's folder?" in err) == (1, True)


def test_a_run_without_a_checkpoint_is_said(evaluate, cached_run):
    (cached_run / "checkpoints" / "best.pt").unlink()
    status, _, err = evaluate(cached_run)
    assert (status, "best.pt: No such file or directory" in err) == (1, True)


def test_eval_before_val_is_refused(evaluate, cached_run):
    status, _, err = evaluate(cached_run, "--split", "eval")
    assert (status, "run evaluate --split val first" in err) == (1, True)


@pytest.mark.parametrize("wrong", [["--split", "train"], ["--threshold", "1.5"], []])
def test_wrong_usage_is_status_2(evaluate, wrong, cached_run):
    assert evaluate(*([cached_run, *wrong] if wrong else []))[0] == 2
