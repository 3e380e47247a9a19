"""Makes one recording from its plan: samples, EDF, annotations. The EDF comes last and marks it as done."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seizure.synth import annotations
from seizure.synth.artefacts import add_artefacts
from seizure.synth.background import Scene, background, new_scene, reference
from seizure.synth.difficulty import Difficulty
from seizure.synth.edf_writer import DIGITAL_MAX, STEP_UV, Signals, file_bytes, write_edf
from seizure.synth.head import ELECTRODES, SCALP, Floats, index
from seizure.synth.plan import RecordingPlan
from seizure.synth.seizures import Shape, add_seizure, draw_shape

SLOW_CHANNELS = ("IBI", "BURSTS", "SUPPR")


def make_recording(root: Path, plan: RecordingPlan, difficulty: Difficulty) -> tuple[int, bool]:
    """Writes the recording's three files; returns the EDF's size and whether it was made now."""
    folder = root / plan.folder
    edf = folder / f"{plan.recording_id}.edf"
    wanted = edf_bytes(plan)
    if edf.is_file() and edf.stat().st_size == wanted:
        return wanted, False
    folder.mkdir(parents=True, exist_ok=True)
    x_CT, shapes = make_samples(plan, difficulty)
    signals = _signals(plan, x_CT, np.random.default_rng((*plan.entropy, 1)))
    _write(folder / f"{plan.recording_id}.csv", annotations.csv(plan, shapes).encode())
    _write(folder / f"{plan.recording_id}.csv_bi", annotations.csv_bi(plan).encode())
    start = datetime(plan.year, 1, 1, 8) + timedelta(seconds=int(plan.entropy[-1]) * 3600 % 31_000_000)
    part = edf.with_name(f".{edf.name}.part")
    with part.open("wb") as out:
        recording = f"Startdate {f'{start:%d-%b-%Y}'.upper()} {plan.recording_id} 00"
        write_edf(out, signals, plan.duration_s, _patient_field(plan), recording, start)
    part.replace(edf)
    return wanted, True


def edf_bytes(plan: RecordingPlan) -> int:
    """The size of the recording's EDF file, known before it is made."""
    return file_bytes(_empty_signals(plan), plan.duration_s)


def make_samples(plan: RecordingPlan, difficulty: Difficulty) -> tuple[Floats, list[Shape]]:
    """Microvolts at every electrode against the recording's reference, and how its seizures run."""
    rng = np.random.Generator(np.random.SFC64(plan.entropy))
    scene = new_scene(rng, plan.rate_hz, plan.duration_s * plan.rate_hz, difficulty)
    x_CT = background(scene)
    shapes = [draw_shape(rng, seizure, difficulty) for seizure in plan.seizures]
    for shape in shapes:
        add_seizure(x_CT, shape, rng, plan.rate_hz, difficulty)
    add_artefacts(x_CT, scene)
    _refer(x_CT, plan, scene)
    noise_CT = rng.standard_normal(x_CT.shape, dtype=np.float32)
    x_CT += noise_CT * np.float32(difficulty.sensor_noise_rms_uv)
    return x_CT, shapes


def _refer(x_CT: Floats, plan: RecordingPlan, scene: Scene) -> None:
    if plan.montage == "02_tcp_le":  # linked ears
        x_CT -= (x_CT[index("A1")] + x_CT[index("A2")]) / 2
    else:
        x_CT -= reference(scene)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def _patient_field(plan: RecordingPlan) -> str:
    sex = "MF"[sum(map(ord, plan.patient)) % 2]
    age = 18 + sum(map(ord, plan.patient)) % 60
    return f"{plan.patient} {sex} 01-JAN-{plan.year - age} {plan.patient} Age:{age}"


def _electrodes(plan: RecordingPlan) -> list[str]:
    names = SCALP if plan.montage == "03_tcp_ar_a" else ELECTRODES
    return [name for name in names if plan.has_midline or name not in ("Fz", "Pz")]


def _labels(plan: RecordingPlan) -> tuple[str, ...]:
    suffix = "LE" if plan.montage == "02_tcp_le" else "REF"
    names = [f"EEG {name.upper()}-{suffix}" for name in _electrodes(plan)]
    return (*names, f"EEG EKG1-{suffix}")


def _empty_signals(plan: RecordingPlan) -> list[Signals]:
    """The signals' labels and rates without samples, from which the file's size follows."""
    nothing: NDArray[np.int16] = np.empty((0, 0), dtype=np.int16)
    parts = [Signals(_labels(plan), plan.rate_hz, nothing)]
    return [*parts, Signals(SLOW_CHANNELS, 1, nothing, "")] if plan.has_slow_channels else parts


def _signals(plan: RecordingPlan, x_CT: Floats, rng: np.random.Generator) -> list[Signals]:
    rows = [index(name) for name in _electrodes(plan)]
    q_CT = np.empty((len(rows) + 1, x_CT.shape[1]), dtype=np.int16)
    q_CT[:-1] = _quantise(x_CT[rows])
    q_CT[-1] = _quantise(_heart(rng, plan.rate_hz, x_CT.shape[1]))
    parts = [Signals(_labels(plan), plan.rate_hz, q_CT)]
    if plan.has_slow_channels:
        slow = rng.integers(0, 100, (len(SLOW_CHANNELS), plan.duration_s)).astype(np.int16)
        parts.append(Signals(SLOW_CHANNELS, 1, slow, ""))
    return parts


def _quantise(x_uv: Floats) -> Floats:
    steps: Floats = np.clip(np.rint(x_uv * np.float32(1 / STEP_UV)), -DIGITAL_MAX, DIGITAL_MAX)
    return steps


def _heart(rng: np.random.Generator, rate_hz: int, samples: int) -> Floats:
    """An electrocardiogram: a sharp peak and a slow one for each beat, in microvolts."""
    wave_T = np.zeros(samples + rate_hz, dtype=np.float32)
    seconds = np.arange(int(0.6 * rate_hz), dtype=np.float32) / np.float32(rate_hz)
    beat = 900 * np.exp(-((seconds - 0.1) ** 2) / (2 * 0.012**2)) + 180 * np.exp(
        -((seconds - 0.36) ** 2) / 0.0049
    )
    every_s, at_s = float(rng.uniform(0.7, 1.0)), float(rng.uniform(0, 0.5))
    while (at := int(at_s * rate_hz)) < samples:
        wave_T[at : at + len(beat)] += beat.astype(np.float32)
        at_s += every_s + float(rng.normal(0, 0.02))
    return wave_T[:samples]
