"""A corpus with as many recordings as the full run asks for, made in seconds.

4,667 files in TUSZ's layout, patients and sessions as `seizure synth` draws them. Each recording is one of
two that are made like any other and hard-linked under all names: two seconds of EEG, or twenty with
a seizure. What the pipeline counts, splits, reads and caches is 4,667 recordings; they are only
short, and alike.
"""

import os
from dataclasses import replace
from pathlib import Path

from seizure.corpus.recording import Seizure
from seizure.synth.difficulty import DEFAULT
from seizure.synth.plan import CorpusPlan, RecordingPlan
from seizure.synth.recording import make_recording

FILES = 3734 + 933
_ENDINGS = (".edf", ".csv", ".csv_bi")
_EVERY = 40  # one recording in so many holds a seizure


def make_full_corpus(root: Path) -> None:
    """Puts 4,667 training recordings into `root`."""
    plans = CorpusPlan(FILES, 0, 0, minutes=1.0, seed=0).recordings(DEFAULT)
    quiet = _make(root / ".made", plans[0], "quiet", 2, ())
    seizing = _make(root / ".made", plans[0], "seizing", 20, (Seizure(4.0, 14.0, "fnsz"),))
    for number, plan in enumerate(plans):
        folder = root / plan.folder
        folder.mkdir(parents=True, exist_ok=True)
        source = quiet if number % _EVERY else seizing
        for ending in _ENDINGS:
            os.link(f"{source}{ending}", folder / f"{plan.recording_id}{ending}")


def _make(root: Path, plan: RecordingPlan, name: str, duration_s: int, seizures: tuple[Seizure, ...]) -> Path:
    """A recording under a name of its own; the path of its files without their endings."""
    plan = replace(
        plan,
        recording_id=name,
        session=name,
        montage="01_tcp_ar",
        rate_hz=256,
        duration_s=duration_s,
        has_midline=True,
        has_slow_channels=False,
        seizures=seizures,
    )
    make_recording(root, plan, DEFAULT)
    return root / plan.folder / name
