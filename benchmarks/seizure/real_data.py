"""The whole way on real recordings, and what comes out: `python -m benchmarks.seizure.real_data [--quick]`.

Prints a page; `--write FILE` writes it too (docs/real-data.md). Needs ../shared/data/eeg and says so where
it is absent. The numbers come from the commands that a user types, run here on converted EDF files.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seizure.corpus import discover, read_annotations
from seizure.corpus.recording import Seizure
from seizure.edf import open_edf
from seizure.errors import RecordingError
from seizure.scoring import SCORERS, score
from seizure.signal.montage import plan_montage
from tests.seizure.real_data import real_eeg

REPOSITORY = Path(__file__).parents[2]
MAINS_HZ = 50  # Helsinki
FIGURES = ("sensitivity", "precision", "F1", "false alarms a day")
CONFIG = f"""\
# A bipolar model, trained on synthetic recordings, scored on real ones that have bipolar channels alone.
name: real-data
kind: smoke
data: {{layout: tusz, split: official, limit_files: 500, limit_val_files: 100}}
preprocessing: {{montage: bipolar18, mains_hz: {MAINS_HZ}}}
cache: {{dir: cache/real-data}}
model: {{preset: tiny}}
training: {{steps: 150, batch_size: 16, learning_rate: 2.0e-3, warmup_steps: 20, log_every_steps: 25,
  checkpoint_every_steps: 30, validate_every_steps: 30}}
evaluation: {{after_training: [val, eval]}}
tracking: {{tensorboard: false}}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seizure.real_data")
    parser.add_argument("--quick", action="store_true", help="four steps: shows that the way is open")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page here too")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work here, and leave everything")
    given = parser.parse_args(arguments)
    if not real_eeg.ROOT.is_dir():
        print(f"{real_eeg.ROOT} is absent: nothing to run on")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        page = "\n".join(lines(given.keep or Path(temporary), given.quick)) + "\n"
    print(page)
    if given.write:
        given.write.write_text(page, encoding="utf-8")
    return 0


def lines(work: Path, is_quick: bool) -> Iterator[str]:
    """The page, made while it is written."""
    yield from _beginning()
    run, seconds = train(work, is_quick)
    yield from _helsinki(run, seconds)
    yield from _chbmit(predict_chbmit(work, run))
    yield from _headers()
    yield from _experts(is_quick)


def train(work: Path, is_quick: bool) -> tuple[Path, float]:
    """Trains on synthetic recordings, scores the Helsinki ones: the run's folder, and how long it took."""
    train_files, minutes = (4, 2) if is_quick else (16, 6)
    synthetic, data = work / "synthetic", work / "data"
    sizes = ["--train", train_files, "--dev", 4, "--eval", 0, "--minutes", minutes]
    seizure("synth", synthetic, *sizes)
    shutil.move(synthetic / "edf", data / "edf")  # without the mark of a synthetic corpus: eval is real
    real_eeg.helsinki(data)
    config = work / "real_data.yaml"
    config.write_text(CONFIG)
    steps = ["--set", "training.steps=4", "--set", "training.warmup_steps=1"] if is_quick else []
    began = time.monotonic()
    seizure("train", config, "--data", data, "--results", work / "results", *steps)
    [run] = (work / "results" / "runs").iterdir()
    return run, time.monotonic() - began


def predict_chbmit(work: Path, run: Path) -> list[tuple[real_eeg.Converted, Mapping[str, Any]]]:
    """Each CHB-MIT segment with what `predict` says of it."""
    segments = real_eeg.chbmit_segments(work / "chbmit")
    said = json.loads(seizure("predict", work / "chbmit", "--model", run, "--json"))
    by_name = {Path(one["recording"]).name: one for one in said["recordings"]}
    assert not said["failed"], said["failed"]
    return [(segment, by_name[segment.path.name]) for segment in segments]


def seizure(*words: object) -> str:
    """Runs `python -m seizure …` as a user would; gives what it prints. Raises where it fails."""
    command = [sys.executable, "-m", "seizure", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=REPOSITORY)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[2:])} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


# the page


def _beginning() -> Iterator[str]:
    yield "# Real recordings: what comes out"
    yield ""
    yield (
        "Written by `python -m benchmarks.seizure.real_data --write docs/real-data.md` on "
        f"{platform.system()}, {os.cpu_count()} cores. It shows that the pipeline goes the whole way on real "
        "recordings, and what it says there. It claims nothing about quality: the model is tiny and was "
        "trained for a minute, on synthetic recordings; the real ones are few."
    )


def _helsinki(run: Path, seconds: float) -> Iterator[str]:
    scores = json.loads((run / "scores-eval.json").read_text())
    steps = json.loads((run / "state.json").read_text())["steps"]
    trained = len(json.loads((run / "splits.json").read_text())["train"])
    yield from ("", "## Helsinki, newborns, EDF to report", "")
    jumps = [real_eeg.jump_at_seconds(real_eeg.read_helsinki(expert)[0], 64) for expert in "AB"]
    yield (
        "Two recordings of 13 minutes (Stevenson et al. 2019), 18 bipolar channels at 64 Hz, converted from "
        "HDF5 to EDF with `.csv_bi` annotations. They are rows of single seconds, all seizure seconds first: "
        f"from one second to the next the signal jumps {jumps[0]:.1f} and {jumps[1]:.1f} times as far as "
        "within one. Each is thus one annotated seizure of unconnected seconds that fills half of the "
        "recording. Any-overlap scoring gives F1 1 to whoever detects anything in the first half and "
        "nothing in the second. These figures test the way, and not the detector."
    )
    yield ""
    yield (
        "One command, `python -m seizure train`, built the cache, trained preset `tiny` with montage "
        f"`bipolar18` for {steps} steps on {trained} synthetic recordings, fitted the threshold "
        f"({scores['threshold']:g}) on 4 others, scored the Helsinki ones as eval and wrote the report, "
        f"all in {seconds:.0f} s."
    )
    yield from _table(scores["scores"])
    yield ""
    yield f"Area under the ROC curve of samples: {_figure(scores['auroc_samples'], 3)} (0.5: chance)."
    yield from _head("recording", "seizures annotated", "events detected", "highest probability")
    for name, one in scores["recordings"].items():
        yield f"| {name} | {_spans(one['seizures'])} | {_spans(one['detections'])} | {_peak(run, one):.2f} |"


def _chbmit(predicted: Sequence[tuple[real_eeg.Converted, Mapping[str, Any]]]) -> Iterator[str]:
    yield from ("", "## CHB-MIT, 28 segments of 10 s, through `predict`", "")
    yield (
        "Real ictal and preictal segments (23 bipolar channels at 256 Hz), converted to EDF. They are "
        "shorter than the model's window of 60 s, so they are padded, and what is padded is left out again."
    )
    yield from _head("segments", "number", "with a detection")
    for words, is_ictal in (("ictal", True), ("preictal", False)):
        group = [said for segment, said in predicted if bool(segment.seizures) == is_ictal]
        yield f"| {words} | {len(group)} | {sum(bool(said['events']) for said in group)} |"


def _headers() -> Iterator[str]:
    yield from ("", "## CHB-MIT, Siena and SeizeIT: genuine headers and annotations", "")
    yield "The EDF headers and annotation files are the corpora's own, the signals 2 s of noise."
    montages = ("referential19", "bipolar18")
    yield from _head("corpus", "recordings", "annotations read", "seizures", *montages, "not usable")
    for layout in ("chbmit", "siena", "seizeit"):
        recordings = discover(real_eeg.CORPORA / layout, layout)
        outcomes: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        for recording in recordings:
            try:
                # the annotations are those of whole recordings, longer than the 2 s that are here
                outcomes["seizures"] += len(read_annotations(recording, float("inf")).seizures)
                outcomes["read"] += 1
            except RecordingError as error:
                faults[error.fault.value] += 1
            for montage in montages:
                try:
                    edf = open_edf(recording.path)
                    plan_montage(edf.labels, edf.rates_hz, montage, recording.path)
                    outcomes[montage] += 1
                except RecordingError as error:
                    faults[f"{montage}: {error.fault.value}"] += 1
        named = ", ".join(f"{fault} {count}" for fault, count in sorted(faults.items())) or "none"
        yield (
            f"| {layout} | {len(recordings)} | {outcomes['read']} | {outcomes['seizures']} "
            f"| {outcomes['referential19']} | {outcomes['bipolar18']} | {named} |"
        )


def _experts(is_quick: bool) -> Iterator[str]:
    experts = real_eeg.experts()
    infants = sorted(experts["A"])[: 8 if is_quick else None]
    yield from ("", "## Three experts against one another, by each scorer", "")
    yield (
        f"The Helsinki corpus has three experts' labels, second by second, of {len(infants)} infants. Here "
        "each expert is scored like a detector, against the seconds on which the other two agree. It is what "
        "the scorers make of people, and how far scorers differ over the same events. No model is involved."
    )
    yield from _head("expert", "scorer", *FIGURES)
    for name, others in (("A", "BC"), ("B", "AC"), ("C", "AB")):
        reference = {
            one: (both(*(experts[other][one][0] for other in others)), experts["A"][one][1])
            for one in infants
        }
        result = score(reference, {one: experts[name][one][0] for one in infants}).as_json()
        yield from (f"| {name} {row}" for row in _rows(result))


def both(some: Sequence[Seizure], more: Sequence[Seizure]) -> list[Seizure]:
    """What two sorted lists of seizures share."""
    shared = [Seizure(max(a.start_s, b.start_s), min(a.stop_s, b.stop_s)) for a in some for b in more
              if a.start_s < b.stop_s and b.start_s < a.stop_s]  # fmt: skip
    return sorted(shared)


def _head(*names: str) -> Iterator[str]:
    yield from ("", f"| {' | '.join(names)} |", "|" + "---|" * len(names))


def _table(scores: Mapping[str, Any]) -> Iterator[str]:
    yield from _head("scorer", *FIGURES)
    yield from _rows(scores)


def _rows(scores: Mapping[str, Any]) -> Iterator[str]:
    for key in SCORERS:
        one = scores[key]
        figures = [_figure(one[name], 3) for name in ("sensitivity", "precision", "f1")]
        yield f"| {one['scorer']} | {' | '.join(figures)} | {_figure(one['false_alarms_per_day'], 1)} |"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _spans(events: Sequence[Sequence[float]]) -> str:
    shown = ", ".join(f"{event[0]:.0f}–{event[1]:.0f} s" for event in events[:6])
    more = f" and {len(events) - 6} more" if len(events) > 6 else ""
    return (shown or "none") + more


def _peak(run: Path, one: Mapping[str, Any]) -> float:
    import numpy as np

    return float(np.load(run / one["probabilities"]).max())


if __name__ == "__main__":
    sys.exit(main())
