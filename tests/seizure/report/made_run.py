"""A run's folder made by hand: what training and scoring write, small, with one event of each kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from seizure.cache import cache_key
from seizure.cache.claim import claimed
from seizure.cache.shard import shard_path
from seizure.cache.source import Source
from seizure.cache.write import write_shard
from seizure.config import resolve
from seizure.config.schema import Preprocessing
from seizure.corpus import Skipped, write_skipped
from seizure.corpus.recording import Annotations, Recording, Seizure
from seizure.errors import Fault
from seizure.scoring import score
from seizure.signal import preprocess_array
from seizure.signal.channels import REFERENTIAL19

RATE_HZ = 256
DURATION_S = 90
SMOKE = Path(__file__).parents[3] / "configs" / "smoke_test.yaml"

SEIZURES = {
    "aaaaaaaa_s001_t000": [(20.0, 45.0)],  # found
    "aaaaaaab_s001_t000": [(30.0, 41.0)],  # missed
    "aaaaaaac_s001_t000": [],  # a false alarm
    "aaaaaaad_s001_t000": [],
}
DETECTIONS = {
    "aaaaaaaa_s001_t000": [(23.0, 44.0, 0.93)],
    "aaaaaaac_s001_t000": [(60.0, 70.0, 0.81)],
}


def make_run(results: Path, name: str = "smoke-20260301-101500", **settings: str) -> Path:
    """A finished, verified run below `results`, with its cache. `settings`: overrides, `.` written `__`."""
    folder = results / "runs" / name
    folder.mkdir(parents=True)
    resolved = resolve(SMOKE, [f"{key.replace('__', '.')}={value}" for key, value in settings.items()])
    resolved.save(folder / "config.json")
    put_json(folder / "state.json", {"state": "finished", "attempts": 1, "steps": 40})
    put_json(folder / "splits.json", {"train": [], "val": [], "eval": list(SEIZURES), "synthetic": True})
    put_json(folder / "verification.json", verification())
    lines = [{"step": step, "loss": 1 / step, "lr": 1e-3 * step} for step in range(1, 41)]
    lines[19] |= {"val_loss": 0.5, "windows_a_s": 20.0, "loader_share": 0.02}
    lines[39] |= {"val_loss": 0.25, "windows_a_s": 22.0, "loader_share": 0.01}
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    bad = Skipped("aaaaaaae_s001_t000", Path("aaaaaaae_s001_t000.edf"), Fault.NOT_EDF, "it says <b>PDF</b>")
    write_skipped(folder / "skipped.tsv", [bad])
    settings_used = resolved.config.preprocessing
    cache_folder = results / resolved.config.cache.dir / cache_key(settings_used)
    for number, (recording_id, seizures) in enumerate(SEIZURES.items()):
        put_shard(cache_folder, recording_id, seizures, settings_used, seed=number)
    put_scores(folder, "eval")
    return folder


def put_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def verification(verdict: str = "verified") -> dict[str, Any]:
    findings = [
        {"what": "train files", "expected": "50", "seen": "50", "verdict": "verified", "advice": ""},
        {"what": "BGB_LIMIT_FILES", "expected": "50", "seen": "7", "verdict": verdict, "advice": "unset it"},
    ]
    return {"verdict": verdict, "run": "smoke", "findings": findings, "ending": ""}


def put_shard(
    folder: Path, recording_id: str, seizures: list[tuple[float, float]], settings: Preprocessing, seed: int
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    x_CT = random.normal(0, 20, (19, DURATION_S * RATE_HZ)).astype(np.float32)
    time_T = np.arange(x_CT.shape[1], dtype=np.float32) / RATE_HZ
    for start_s, stop_s in seizures:
        inside_T = (time_T >= start_s) & (time_T < stop_s)
        x_CT += np.linspace(20, 90, 19, dtype=np.float32)[:, None] * np.sin(2 * np.pi * 4 * time_T) * inside_T
    recording = Recording(recording_id, Path(f"{recording_id}.edf"), recording_id[:8], "tusz", "eval")
    annotations = Annotations(tuple(Seizure(*bounds) for bounds in seizures))
    prepared = preprocess_array(x_CT, REFERENTIAL19, RATE_HZ, settings)
    with claimed(shard_path(folder, recording_id)) as claim:
        source = Source(f"{recording_id}.edf", 1000, 5, "00" * 32)
        write_shard(claim, recording, annotations, prepared, settings, source)


def put_scores(folder: Path, split: str) -> None:
    """scores-<split>.json and the probabilities, in the form that `evaluate_run` gives them."""
    reference = {
        name: ([Seizure(*one) for one in ones], float(DURATION_S)) for name, ones in SEIZURES.items()
    }
    detections = {name: [Seizure(a, b) for a, b, _ in ones] for name, ones in DETECTIONS.items()}
    scores = score(reference, detections, {name: name[:8] for name in SEIZURES}).as_json()
    recordings = {}
    kept = folder / "probabilities" / split
    kept.mkdir(parents=True)
    for name, seizures in SEIZURES.items():
        p_T = np.full(DURATION_S * 4, 0.1, np.float16)
        for start_s, stop_s, sure in DETECTIONS.get(name, []):
            p_T[int(start_s * 4) : int(stop_s * 4)] = sure
        np.save(kept / f"{name}.npy", p_T)
        recordings[name] = {
            "patient": name[:8],
            "duration_s": float(DURATION_S),
            "is_read": True,
            "seizures": seizures,
            "detections": DETECTIONS.get(name, []),
            "probabilities": f"probabilities/{split}/{name}.npy",
        }
    curve = [
        {"threshold": one / 10, "sensitivity": 1 - one / 10, "false_alarms_per_day": 100.0 - 10 * one}
        for one in range(1, 10)
    ]
    put_json(
        folder / f"scores-{split}.json",
        {
            "split": split,
            "threshold": 0.6,
            "threshold_origin": "fitted on val",
            "lengths_fitted_on_val": {"min_duration_s": 6.0, "merge_s": 0.0},
            "checkpoint": "best.pt",
            "checkpoint_step": 40,
            "scores": scores,
            "unreadable": [],
            "unlabelled": {},
            "curve": curve,
            "auroc_samples": 0.91,
            "probability_rate_hz": 4,
            "recordings": recordings,
        },
    )
