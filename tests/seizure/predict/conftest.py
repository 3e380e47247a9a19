"""EDF files and checkpoints for `predict`, of both montages; the models learned nothing."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from edfio import Edf, EdfSignal

from seizure.config import resolve
from seizure.signal.channels import BIPOLAR18, REFERENTIAL19
from seizure.training.checkpoint import set_threshold
from tests.seizure.scoring.scored_run import SMOKE, untrained
from training_kit.checkpoint import write_checkpoint


@pytest.fixture(scope="session", autouse=True)
def few_threads():
    torch.set_num_threads(1)


def make_edf(path: Path, labels, seconds=70, rate_hz=256, seed=0) -> Path:
    """Noise of 40 µV on every channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 40, (len(labels), seconds * rate_hz)).clip(-500, 500)
    signals = [
        EdfSignal(x_T, rate_hz, label=label, physical_dimension="uV", physical_range=(-600, 600))
        for label, x_T in zip(labels, noise, strict=True)
    ]
    Edf(signals).write(path)
    return path


REFERENTIAL = [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]
CHBMIT = [
    f"{one.upper()}-{other.upper()}".replace("T3", "T7").replace("T5", "P7") for one, other in BIPOLAR18
]
CHBMIT = [label.replace("T4", "T8").replace("T6", "P8") for label in CHBMIT]


def make_model(path: Path, montage: str, threshold: float | None = 0.5) -> Path:
    config = resolve(SMOKE, [f"preprocessing.montage={montage}"]).config
    channels = REFERENTIAL19 if montage == "referential19" else [f"{a}-{b}" for a, b in BIPOLAR18]
    write_checkpoint(path, untrained(config, channels))
    if threshold is not None:
        set_threshold(path, threshold, config.postprocessing)
    return path


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Paths: `referential` and `bipolar` recordings, models of the same names."""
    folder = tmp_path_factory.mktemp("predict")
    return SimpleNamespace(
        referential=make_edf(folder / "referential.edf", REFERENTIAL),
        bipolar=make_edf(folder / "chb01_01.edf", CHBMIT),
        referential_model=make_model(folder / "referential.pt", "referential19"),
        bipolar_model=make_model(folder / "bipolar.pt", "bipolar18"),
        no_threshold=make_model(folder / "fresh.pt", "referential19", threshold=None),
    )
