"""What `make run` says in the end: the scores, what they are worth, and what can be done next."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def first_run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("first_run", ROOT / "scripts/first_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(tmp_path: Path) -> Path:
    figures = {
        "scorer": "OVLP",
        "sensitivity": 0.8754,
        "precision": None,
        "f1": 0.5,
        "false_alarms_per_day": 24.0,
    }
    (tmp_path / "scores-val.json").write_text(json.dumps({"scores": {"ovlp": figures, "recordings": 10}}))
    (tmp_path / "verification.json").write_text(json.dumps({"verdict": "verified"}))
    return tmp_path


def test_scores_of_a_synthetic_corpus_are_called_that(first_run: ModuleType, run: Path) -> None:
    words = first_run.summary(run, synthetic=True)
    assert "The corpus is synthetic" in words
    assert "homeport volume link seizure-data /corpora/tusz\n  modal run --detach" in words


def test_a_corpus_of_ones_own_is_not_called_synthetic(first_run: ModuleType, run: Path) -> None:
    words = first_run.summary(run, synthetic=False)
    assert "The corpus is synthetic" not in words
    assert "volume link" not in words


def test_the_splits_that_were_scored_are_shown_with_their_figures(first_run: ModuleType, run: Path) -> None:
    words = first_run.summary(run, synthetic=True)
    row = next(line for line in words.splitlines() if "OVLP" in line)
    assert row.split() == ["val:", "OVLP", "0.875", "-", "0.500", "24.0"]
    assert "eval:" not in words
    assert f"{run}/report.html" in words


@pytest.mark.parametrize("named", ["nowhere", "."])
def test_a_folder_without_a_corpus_is_refused_before_anything_starts(
    first_run: ModuleType, tmp_path: Path, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSZ_DIR", str(tmp_path / named))
    with pytest.raises(SystemExit, match=r"TUSZ_DIR=.*(is no folder|no layout found)"):
        first_run.main()
