"""A split of a run is scored whole: nothing skipped, the threshold from validation, eval written down."""

import json
import shutil

import numpy as np
import pytest

from seizure import corpus
from seizure.errors import Fault, RecordingError, ScoringError
from seizure.events import read_csv_bi, read_tsv
from seizure.scoring import evaluate_run
from seizure.scoring.eval_log import read as read_log
from seizure.training.checkpoint import load_model
from tests.seizure.scoring.scored_run import make_run


@pytest.fixture
def silent():
    return lambda _: None


@pytest.fixture
def good_detector(monkeypatch):
    """Knows the truth: 0.62 in seizures, 0.1 elsewhere, and by mistake 0.42 in the last 10 s."""

    def known(trained, shard, *, n_samples, **_):
        p_T = np.where(shard.label_mask(), 0.62, 0.1).astype(np.float32)
        p_T[-10 * 256 :] = np.maximum(p_T[-10 * 256 :], 0.42)
        assert p_T.size == n_samples
        return p_T

    monkeypatch.setattr("seizure.scoring.scan.probabilities", known)


def recordings(corpus_dir, partition):
    return [one for one in corpus.discover(corpus_dir) if one.partition == partition]


def damage(run, recording, content):
    """Other bytes in the EDF file, and no shard in the cache."""
    recording.path.write_bytes(content)
    next(run.parents[1].glob(f"cache/smoke/*/{recording.recording_id}.shard")).unlink()


def test_val_fits_the_threshold_and_stores_it_in_the_checkpoint(cached_run, good_detector, silent):
    result = evaluate_run(cached_run, "val", silent)
    # above the mistake, at the seizures' probability or below: the middle of those that are equal
    assert 0.42 < result["threshold"] <= 0.62
    assert result["threshold_origin"] == "fitted on val"
    trained = load_model(cached_run / "checkpoints" / "best.pt")
    assert trained.threshold == result["threshold"]
    assert result["scores"]["szcore_events"]["f1"] == 1.0
    assert result["auroc_samples"] == 1.0


def test_eval_takes_the_threshold_of_val_and_is_logged(cached_run, good_detector, silent):
    fitted = evaluate_run(cached_run, "val", silent)["threshold"]
    result = evaluate_run(cached_run, "eval", silent)
    assert (result["threshold"], result["threshold_origin"]) == (fitted, "fitted on val")
    (entry,) = read_log(cached_run.parents[1])
    assert entry["run"] == cached_run.name
    assert entry["threshold"] == fitted
    assert entry["checkpoint_digest"] == result["checkpoint_digest"]
    assert entry["scores"]["szcore_events"]["scorer"] == "SzCORE events (timescoring)"


def test_a_second_scoring_of_eval_says_so(cached_run, good_detector):
    said = []
    evaluate_run(cached_run, "val", said.append)
    evaluate_run(cached_run, "eval", said.append)
    assert not any("has been scored" in line for line in said)
    result = evaluate_run(cached_run, "eval", said.append)
    assert any(f"eval has been scored 1 time before by {cached_run.name}" in line for line in said)
    assert result["scored_before"] == 1
    assert len(read_log(cached_run.parents[1])) == 2


def test_a_scoring_of_val_is_not_logged(cached_run, good_detector, silent):
    evaluate_run(cached_run, "val", silent)
    assert read_log(cached_run.parents[1]) == []


def test_eval_without_a_threshold_is_refused_and_nothing_is_logged(cached_run, good_detector, silent):
    with pytest.raises(ScoringError, match="evaluate --split val first"):
        evaluate_run(cached_run, "eval", silent)
    assert read_log(cached_run.parents[1]) == []


def test_a_threshold_by_hand_is_used_but_not_stored(cached_run, good_detector, silent):
    result = evaluate_run(cached_run, "val", silent, threshold=0.3)
    assert (result["threshold"], result["threshold_origin"]) == (0.3, "--threshold")
    assert result["scores"]["ovlp"]["false_alarms"] > 0  # the mistake of 0.42 is above it
    assert load_model(cached_run / "checkpoints" / "best.pt").threshold is None


def test_the_configurations_threshold_is_used_where_it_is_a_number(
    tmp_path, corpus_dir, small_cache, good_detector, silent
):
    run = make_run(tmp_path / "other", corpus_dir, postprocessing__threshold="0.5")
    shutil.copytree(small_cache, run.parents[1] / "cache" / "smoke")
    for split in ("val", "eval"):
        result = evaluate_run(run, split, silent)
        assert (result["threshold"], result["threshold_origin"]) == (0.5, "configuration")


def test_an_unreadable_recording_is_named_and_its_seizures_are_missed(cached_run, corpus_dir, good_detector):
    bad = next(one for one in recordings(corpus_dir, "eval") if _seizures(one))
    damage(cached_run, bad, b"no EDF at all")
    said = []
    result = evaluate_run(cached_run, "eval", said.append, corpus_dir=corpus_dir, threshold=0.5)
    (named,) = result["unreadable"]
    assert named["recording_id"] == bad.recording_id
    assert named["why"].startswith("not-edf")
    assert named["seizures"] == 1
    assert named["duration_s"] == 120.0  # by .csv_bi's own line
    assert any("counts as without detections" in line and bad.recording_id in line for line in said)
    scores = result["scores"]
    assert (scores["recordings"], scores["duration_h"]) == (2, pytest.approx(240 / 3600))
    for scorer in ("szcore_events", "szcore_samples", "ovlp", "taes"):
        assert scores[scorer]["sensitivity"] == 0.0
    assert result["recordings"][bad.recording_id]["detections"] == []
    assert read_tsv(cached_run / "events" / "eval" / f"{bad.recording_id}.tsv").duration_s == 120.0


def test_a_truncated_recording_counts_with_all_its_seizures(cached_run, corpus_dir, good_detector, silent):
    bad = next(one for one in recordings(corpus_dir, "eval") if _seizures(one))
    damage(cached_run, bad, bad.path.read_bytes()[:8000])
    result = evaluate_run(cached_run, "eval", silent, corpus_dir=corpus_dir, threshold=0.5)
    assert [one["seizures"] for one in result["unreadable"]] == [1]
    assert result["scores"]["duration_h"] == pytest.approx(240 / 3600)


def test_a_recording_without_annotations_is_named_apart(cached_run, corpus_dir, good_detector, silent):
    bad = next(one for one in recordings(corpus_dir, "dev") if not _seizures(one))
    damage(cached_run, bad, bad.path.read_bytes())
    bad.annotation_path.unlink()
    bad.path.with_suffix(".csv").unlink(missing_ok=True)
    result = evaluate_run(cached_run, "val", silent, corpus_dir=corpus_dir)
    assert list(result["unlabelled"]) == [bad.recording_id]
    assert result["scores"]["recordings"] == 1


def test_a_recording_that_the_corpus_has_no_more_stops_the_scoring(run, corpus_dir, good_detector, silent):
    gone = recordings(corpus_dir, "dev")[0]
    gone.path.unlink()
    with pytest.raises(ScoringError, match=f"lacks 1 recordings of .* such as {gone.recording_id}"):
        evaluate_run(run, "val", silent, corpus_dir=corpus_dir)


def test_a_shard_of_what_an_edf_once_was_is_not_scored(cached_run, corpus_dir, good_detector, silent):
    bad = next(one for one in recordings(corpus_dir, "eval") if _seizures(one))
    bad.path.write_bytes(b"no EDF at all")  # its shard stays
    result = evaluate_run(cached_run, "eval", silent, corpus_dir=corpus_dir, threshold=0.5)
    assert [one["recording_id"] for one in result["unreadable"]] == [bad.recording_id]
    assert result["scores"]["szcore_events"]["sensitivity"] == 0.0


def test_recordings_that_took_the_ids_of_the_run_s_are_not_scored_in_their_place(
    cached_run, corpus_dir, good_detector, silent
):
    one = recordings(corpus_dir, "dev")[0].recording_id
    (cached_run / "shards.json").write_text(json.dumps({one: 12345}))
    with pytest.raises(ScoringError, match=f"such as {one}, are not those that .* had: say .* --data"):
        evaluate_run(cached_run, "val", silent)


def test_annotations_that_changed_are_those_that_count(cached_run, corpus_dir, good_detector, silent):
    one = next(one for one in recordings(corpus_dir, "dev") if not _seizures(one))
    before = evaluate_run(cached_run, "val", silent, corpus_dir=corpus_dir)
    text = one.annotation_path.read_text()
    one.annotation_path.write_text(text + "TERM,20.0,50.0,seiz,1.0\n")
    after = evaluate_run(cached_run, "val", silent, corpus_dir=corpus_dir)
    assert after["scores"]["seizures"] == before["scores"]["seizures"] + 1


def test_a_recording_that_the_run_left_out_is_looked_at_again(cached_run, corpus_dir, good_detector, silent):
    one = recordings(corpus_dir, "dev")[0]
    why = RecordingError(one.path, Fault.TRUNCATED, "half of it")
    corpus.write_skipped(cached_run / "skipped.tsv", [corpus.Skipped.of(one, why)])
    with pytest.raises(ScoringError, match="say where the corpus is by --data"):
        evaluate_run(cached_run, "val", silent)
    assert evaluate_run(cached_run, "val", silent, corpus_dir=corpus_dir)["unreadable"] == []


def test_recordings_beyond_the_cache_need_the_corpus(run, good_detector, silent):
    with pytest.raises(ScoringError, match="say where the corpus is by --data"):
        evaluate_run(run, "val", silent)


def test_what_the_cache_lacks_is_built_and_needs_no_corpus_again(run, corpus_dir, good_detector, silent):
    first = evaluate_run(run, "val", silent, corpus_dir=corpus_dir)
    second = evaluate_run(run, "val", silent)
    assert first["scores"] == second["scores"]


def test_events_and_probabilities_are_written_for_every_recording(cached_run, good_detector, silent):
    result = evaluate_run(cached_run, "val", silent)
    for recording_id, one in result["recordings"].items():
        tsv = read_tsv(cached_run / "events" / "val" / f"{recording_id}.tsv")
        csv_bi = read_csv_bi(cached_run / "events" / "val" / f"{recording_id}.csv_bi")
        times = [(event.start_s, event.stop_s) for event in csv_bi.seizures]
        assert times == [(round(start, 4), round(stop, 4)) for start, stop, _ in one["detections"]]
        assert len(tsv.seizures) == len(csv_bi.seizures)
        p_T = np.load(cached_run / one["probabilities"])
        assert p_T.dtype == np.float16
        assert p_T.size == one["duration_s"] * result["probability_rate_hz"]
        assert p_T[-1] >= np.float16(0.42)
    assert json.loads((cached_run / "scores-val.json").read_text()) == result


def test_a_model_that_learned_nothing_is_scored_all_the_same(cached_run, silent):
    result = evaluate_run(cached_run, "val", silent)
    assert result["scores"]["seizures"] == 1
    assert 0 <= result["auroc_samples"] <= 1
    assert len(result["curve"]) > 40


def test_validation_without_a_seizure_cannot_fit(run, corpus_dir, good_detector, silent):
    for one in recordings(corpus_dir, "dev"):
        one.annotation_path.write_text(
            "# duration = 120.0 secs\nchannel,start_time,stop_time,label,confidence\nTERM,0,120,bckg,1\n"
        )
    with pytest.raises(ScoringError, match="hold no seizure"):
        evaluate_run(run, "val", silent, corpus_dir=corpus_dir)


def test_train_is_not_scored(run, silent):
    with pytest.raises(ScoringError, match="name val or eval"):
        evaluate_run(run, "train", silent)


def _seizures(recording):
    return corpus.read_annotations(recording, 120.0).seizures


# --- lengths that are fitted


@pytest.fixture
def hasty_detector(monkeypatch):
    """Knows the truth, and is as sure of 5 s at the end of every recording."""

    def known(trained, shard, *, n_samples, **_):
        p_T = np.where(shard.label_mask(), 0.7, 0.1).astype(np.float32)
        p_T[-5 * 256 :] = 0.7
        return p_T

    monkeypatch.setattr("seizure.scoring.scan.probabilities", known)


@pytest.fixture
def fitting_run(tmp_path, corpus_dir, small_cache):
    run = make_run(tmp_path / "fits", corpus_dir, postprocessing__min_duration_s="fit")
    shutil.copytree(small_cache, run.parents[1] / "cache" / "smoke")
    return run


def test_lengths_are_fitted_on_val_stored_said_and_used_on_eval(fitting_run, hasty_detector):
    said = []
    result = evaluate_run(fitting_run, "val", said.append)
    assert result["scores"]["szcore_events"]["f1"] == result["search"]["f1"] == 1.0
    assert result["search"]["f1_of_recipe"] < 1.0
    assert result["search"]["candidates"] == {"min_duration_s": [2.0, 4.0, 6.0, 10.0, 15.0]}
    assert result["lengths_fitted_on_val"] == {"min_duration_s": 6.0}
    assert result["postprocessing"]["min_duration_s"] == 6.0
    (line,) = [line for line in said if "post-processing fitted" in line]
    assert (
        "[SCORES] val: post-processing fitted on val: min_duration_s 6 of 2, 4, 6, 10, 15 (5 settings" in line
    )
    trained = load_model(fitting_run / "checkpoints" / "best.pt")
    assert trained.postprocessing.min_duration_s == 6.0
    assert trained.threshold == result["threshold"]
    on_eval = evaluate_run(fitting_run, "eval", said.append)
    assert "search" not in on_eval
    assert on_eval["lengths_fitted_on_val"] == {"min_duration_s": 6.0}
    assert on_eval["scores"]["szcore_events"]["false_alarms"] == 0
    assert "[SCORES] eval: post-processing fitted on val: min_duration_s 6" in said
    (entry,) = read_log(fitting_run.parents[1])
    assert entry["postprocessing"]["min_duration_s"] == 6.0


def test_events_of_fitted_lengths_are_what_is_written(fitting_run, hasty_detector, silent):
    result = evaluate_run(fitting_run, "val", silent)
    for name, one in result["recordings"].items():
        assert len(one["detections"]) == len(one["seizures"])
        assert all(sure == pytest.approx(0.7, abs=1e-3) for _, _, sure in one["detections"])
        written = read_tsv(fitting_run / "events" / "val" / f"{name}.tsv").seizures
        assert len(written) == len(one["seizures"])


def test_eval_without_fitted_lengths_is_refused_even_with_a_threshold(fitting_run, hasty_detector, silent):
    with pytest.raises(ScoringError, match="no min_duration_s yet: run evaluate --split val first"):
        evaluate_run(fitting_run, "eval", silent, threshold=0.5)
    assert read_log(fitting_run.parents[1]) == []


def test_a_threshold_by_hand_fits_no_lengths(fitting_run, hasty_detector, silent):
    result = evaluate_run(fitting_run, "val", silent, threshold=0.5)
    assert "search" not in result and result["lengths_fitted_on_val"] == {}
    assert result["postprocessing"]["min_duration_s"] == 2.0
    evaluate_run(fitting_run, "val", silent)
    result = evaluate_run(fitting_run, "val", silent, threshold=0.5)
    assert result["lengths_fitted_on_val"] == {"min_duration_s": 6.0}
