"""Scores one split of a run: probabilities, threshold, events, figures, and the files that hold them.

Written into the run's folder: `scores-<split>.json`, `events/<split>/<id>.csv_bi` and `.tsv`, and
`probabilities/<split>/<id>.npy` (float16, the highest probability of each quarter of a second).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from seizure.corpus import Seizure
from seizure.events import write_csv_bi, write_tsv
from seizure.scoring import eval_log
from seizure.scoring.curve import THRESHOLDS, fit_threshold, sensitivity_curve
from seizure.scoring.fit import Fitted, fit_lengths
from seizure.scoring.opened import OpenedRun, Say, open_run, weights_digest
from seizure.scoring.reference import Reference, Wanted, counted
from seizure.scoring.scan import PROBABILITY_HZ, Announce, Scanned, file_name, scan
from seizure.scoring.score import SCORERS, Scores, score
from seizure.training.checkpoint import set_threshold
from training_kit import files

LOGGED = (
    *("time", "run", "checkpoint_digest", "split_digest"),
    *("threshold", "threshold_origin", "postprocessing", "scores"),
)


def evaluate_run(
    run_folder: Path,
    split: str,
    say: Say,
    *,
    corpus_dir: Path | None = None,
    results_dir: Path | None = None,
    threshold: float | None = None,
    announce: Announce | None = None,
) -> dict[str, Any]:
    """Scores `split` (val or eval) of the run in `run_folder`; gives what `scores-<split>.json` holds.

    On val the threshold and the lengths of post-processing are fitted, where the configuration says `fit`,
    and stored in the checkpoint; eval takes them from there, and each scoring of eval is logged. `threshold`
    overrides both thresholds; with it nothing is fitted or stored. `corpus_dir` is the corpus, needed for
    recordings that the cache lacks. `announce` takes the place of lines on how far it is.

    Raises SeizureError.
    """
    run = open_run(run_folder, split, results_dir)
    if run.trained.notice:
        say(f"[EVAL] {run.trained.notice}")
    chosen, origin = run.threshold(threshold)
    is_fit = split == "val" and threshold is None and bool(run.settings.lengths_to_fit)
    to_fit = run.config.postprocessing.lengths_to_fit
    if to_fit and not is_fit:
        run = run.with_known_lengths()
    wanted = run.reference(corpus_dir, say)
    _name_what_is_wrong(wanted, say)
    grid = THRESHOLDS if chosen is None else (*THRESHOLDS, chosen)
    scanned = scan(run, wanted, grid, announce or _lines(say, split), is_fit=is_fit)
    search = None
    if scanned.recounting is not None:
        search = fit_lengths(run.settings, scanned.recounting.curve, split, chosen, say)
        run, chosen = _take(run, scanned, search), search.threshold
    elif chosen is None:
        chosen = fit_threshold(scanned.curve, split)
    if threshold is None and split == "val":
        set_threshold(run.trained.path, chosen, run.settings)
    detections = scanned.detections(chosen)
    result = _describe(run, wanted, scanned, detections)
    result |= {"threshold": chosen, "threshold_origin": origin or "fitted on val"}
    result["lengths_fitted_on_val"] = _lengths(run, to_fit, is_fit)
    if search is not None:
        result["search"] = search.as_json()
    if split == "eval":  # written down before anything shows the scores
        result["scored_before"] = _log(run, result, say)
    _write_events(run.folder / "events" / split, wanted, detections)
    files.write_text(run.folder / f"scores-{split}.json", json.dumps(result, indent=1) + "\n")
    for line in summary_lines(result):
        say(line)
    return result


def _take(run: OpenedRun, scanned: Scanned, search: Fitted) -> OpenedRun:
    """The run with the lengths that were chosen, `scanned` with their events."""
    scanned.take(search)
    return replace(run, settings=run.settings.with_lengths(search.lengths))


def summary_lines(result: Mapping[str, Any]) -> list[str]:
    """The figures in words, a line a scorer, each with the scorer's name."""
    split, scores = result["split"], result["scores"]
    lines = [
        f"[SCORES] {split}: {counted(scores['recordings'], 'recording')}, {scores['duration_h']:.1f} h, "
        f"{counted(scores['seizures'], 'seizure')}, {len(result['unreadable'])} unreadable; "
        f"threshold {result['threshold']:g} ({result['threshold_origin']})"
    ]
    lines += _line_of_lengths(result)
    for key in (*SCORERS, "szcore_events_mean_of_patients"):
        figures, false = scores[key], "false seconds" if key == "szcore_samples" else "false alarms"
        lines.append(
            f"[SCORES] {split}: {figures['scorer']}: sensitivity {_figure(figures['sensitivity'])}, "
            f"precision {_figure(figures['precision'])}, F1 {_figure(figures['f1'])}, "
            f"{_figure(figures['false_alarms_per_day'], 1)} {false} a day"
        )
    return lines


def _lengths(run: OpenedRun, to_fit: Sequence[str], is_fit: bool) -> dict[str, float]:
    """Those that validation chose, as they were used; none where it has not chosen yet."""
    if not is_fit and run.trained.postprocessing.lengths_to_fit:
        return {}
    lengths = run.settings.lengths().model_dump()
    return {name: lengths[name] for name in to_fit}


def _line_of_lengths(result: Mapping[str, Any]) -> list[str]:
    fitted, search = result["lengths_fitted_on_val"], result.get("search")
    if not fitted:
        return []
    line = f"[SCORES] {result['split']}: post-processing fitted on val: "
    if search is None:
        return [line + ", ".join(f"{name} {value:g}" for name, value in fitted.items())]
    chosen = (
        f"{name} {value:g} of {', '.join(f'{each:g}' for each in search['candidates'][name])}"
        for name, value in fitted.items()
    )
    was, now = _figure(search["f1_of_recipe"]), _figure(search["f1"])
    return [
        f"{line}{'; '.join(chosen)} ({counted(search['settings_tried'], 'setting')} tried, "
        f"F1 of SzCORE events {now}, the recipe's {was})"
    ]


def _describe(
    run: OpenedRun, wanted: Reference, scanned: Scanned, detections: Mapping[str, Sequence[Seizure]]
) -> dict[str, Any]:
    """Everything but the threshold: what was scored, with what, and the figures."""
    reference = {one.recording_id: (one.seizures, one.duration_s) for one in wanted.recordings}
    patients = {one.recording_id: one.patient for one in wanted.recordings}
    scores: Scores = score(reference, detections, patients)
    return {
        "split": run.split,
        "run": run.folder.name,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "checkpoint": run.trained.path.name,
        "checkpoint_step": run.trained.step,
        "checkpoint_digest": weights_digest(run.trained),
        "split_digest": eval_log.split_digest(run.ids),
        "postprocessing": run.settings.model_dump(mode="json"),
        "scores": scores.as_json(),
        "unreadable": [one.as_json() for one in wanted.unreadable],
        "unlabelled": dict(wanted.unlabelled),
        "curve": sensitivity_curve(scanned.curve),
        "curve_scorer": SCORERS["szcore_events"],
        "auroc_samples": scanned.auroc.value(),
        "probability_rate_hz": PROBABILITY_HZ,
        "recordings": {
            one.recording_id: _recording(one, detections.get(one.recording_id, ()), run.split)
            for one in wanted.recordings
        },
    }


def _recording(one: Wanted, detections: Sequence[Seizure], split: str) -> dict[str, Any]:
    is_read = one.shard is not None
    name = f"probabilities/{split}/{file_name(one.recording_id)}.npy"
    return {
        "patient": one.patient,
        "duration_s": one.duration_s,
        "is_read": is_read,
        "seizures": [[seizure.start_s, seizure.stop_s] for seizure in one.seizures],
        "detections": [[event.start_s, event.stop_s, event.confidence] for event in detections],
        "probabilities": name if is_read else None,
    }


def _name_what_is_wrong(wanted: Reference, say: Say) -> None:
    for one in wanted.unreadable:
        say(f"[EVAL] cannot be read, counts as without detections: {one.in_words()}")
    for name, why in wanted.unlabelled.items():
        say(f"[EVAL] no truth to be scored against, left out: {name}: {why}")


def _log(run: OpenedRun, result: Mapping[str, Any], say: Say) -> int:
    """Writes the scoring of eval down; how often these recordings were scored before."""
    digest = result["split_digest"]
    before = eval_log.append(run.results, {key: result[key] for key in LOGGED})
    words = eval_log.said_before(before, digest)
    if words:
        say(f"[EVAL] {words} ({run.results / eval_log.NAME})")
    return sum(entry.get("split_digest") == digest for entry in before)


def _write_events(folder: Path, wanted: Reference, detections: Mapping[str, Sequence[Seizure]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for one in wanted.recordings:
        name, events = file_name(one.recording_id), detections.get(one.recording_id, ())
        write_csv_bi(folder / f"{name}.csv_bi", events, one.duration_s, one.recording_id)
        write_tsv(folder / f"{name}.tsv", events, one.duration_s)


def _lines(say: Say, split: str) -> Announce:
    def announce(number: int, of: int, recording_id: str) -> None:
        if number in (1, of) or number % 50 == 0:
            say(f"[EVAL] Scoring {split} {number}/{of}: {recording_id}")

    return announce


def _figure(value: float | None, decimals: int = 3) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"
