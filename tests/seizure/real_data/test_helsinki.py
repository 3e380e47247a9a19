"""Newborns' EEG the whole way: EDF, cache, training, scores, report. What comes out is not judged here."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from edfio import read_edf

from seizure.commands import run as command
from seizure.edf import open_edf
from tests.seizure.real_data import real_eeg

pytestmark = pytest.mark.skipif(not real_eeg.ROOT.is_dir(), reason="real EEG: ../shared/data/eeg is absent")

CONFIG = """\
name: helsinki
kind: smoke
data: {layout: tusz, limit_files: 50, limit_val_files: 10}
preprocessing: {montage: bipolar18, mains_hz: 50}
cache: {dir: cache/helsinki, processes: 1}
model: {preset: tiny}
training: {steps: 2, batch_size: 2, warmup_steps: 1, log_every_steps: 1, workers: 0}
evaluation: {after_training: [val, eval], stride_s: 60}
tracking: {tensorboard: false}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bipolar model, two steps old, from two synthetic recordings, and the two real ones as eval."""
    folder = tmp_path_factory.mktemp("helsinki")
    made = [*("--train", 2, "--dev", 2, "--eval", 0, "--minutes", 1), "--processes", 1]
    assert command(["synth", str(folder / "synthetic"), *map(str, made)]) == 0
    shutil.move(folder / "synthetic" / "edf", folder / "data" / "edf")
    real_eeg.helsinki(folder / "data")
    (folder / "helsinki.yaml").write_text(CONFIG)
    places = ["--data", str(folder / "data"), "--results", str(folder / "results")]
    assert command(["train", str(folder / "helsinki.yaml"), *places]) == 0
    [found] = (folder / "results" / "runs").iterdir()
    return found


def test_the_converted_edf_holds_the_samples_that_the_array_held(tmp_path: Path) -> None:
    converted = real_eeg.helsinki(tmp_path)
    for expert, one in zip("AB", converted, strict=True):
        x_uv_CT, is_seizure_T, channels = real_eeg.read_helsinki(expert)
        edf = open_edf(one.path)
        assert edf.labels == channels and set(edf.rates_hz) == {64.0}
        step_uv = np.ptp([s.physical_range for s in read_edf(one.path).signals]) / 65535
        read_CT = edf.read_uv(range(18))
        np.testing.assert_allclose(read_CT, x_uv_CT[:, : read_CT.shape[1]], atol=step_uv)
        assert sum(seizure.duration_s for seizure in one.seizures) == is_seizure_T.sum() / 64


def test_the_recordings_are_unconnected_seconds() -> None:
    """Known of these two files, and said where their figures are shown."""
    for expert in "AB":
        assert real_eeg.jump_at_seconds(real_eeg.read_helsinki(expert)[0], 64) > 5


def test_both_recordings_are_scored_and_nothing_is_skipped(run: Path) -> None:
    scores = json.loads((run / "scores-eval.json").read_text())
    assert scores["scores"]["recordings"] == 2 and scores["scores"]["seizures"] == 2
    assert not scores["unreadable"] and not scores["unlabelled"]
    assert scores["threshold_origin"] == "fitted on val"
    assert [one["seizures"] for one in scores["recordings"].values()] == [[[0.0, 385.0]], [[0.0, 394.0]]]
    hours = scores["scores"]["duration_h"]
    assert hours == pytest.approx((781 + 790) / 3600)


def test_its_events_can_be_read_by_others(run: Path) -> None:
    from timescoring.annotations import Annotation

    paths = list((run / "events" / "eval").glob("*.tsv"))
    assert len(paths) == 2
    for path in paths:
        rows = path.read_text().splitlines()[1:]
        spans = [(float(r.split("\t")[0]), float(r.split("\t")[0]) + float(r.split("\t")[1])) for r in rows]
        Annotation(spans, 10, 8000)
        assert all(0 <= start < stop <= 791 for start, stop in spans)


def test_the_report_shows_the_real_recordings_in_the_models_channels(run: Path) -> None:
    page = (run / "report.html").read_text()
    assert "helsinkia_s001_t000" in page and "helsinkib_s001_t000" in page
    assert "Finished and verified." in page
    assert "notch 50 Hz" in page
    assert "Synthetic data." not in page  # the corpus has no such mark: eval is real
    for channel in ("Fp1-F7", "T5-O1", "Fz-Cz"):
        assert f">{channel}</text>" in page


def test_predict_agrees_with_the_scored_events(run: Path, tmp_path: Path) -> None:
    [edf] = (run.parents[2] / "data" / "edf" / "eval").rglob("helsinkia*.edf")
    assert command(["predict", str(edf), "--model", str(run), "--out", str(tmp_path / "a.tsv")]) == 0
    kept = next((run / "events" / "eval").glob("helsinkia*.tsv")).read_text()
    assert columns((tmp_path / "a.tsv").read_text()) == columns(kept)


def columns(text: str) -> list[list[str]]:
    """Onset, duration and type of each event: the date is the recording's in one and unknown in the other."""
    return [line.split("\t")[:3] for line in text.splitlines()]
