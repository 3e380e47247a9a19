"""Seizures: a rhythm that slows, grows, sharpens and spreads from its focus, then stops at once.

What tells a seizure from every artefact here is the evolution, which a human sees as well: fast small waves
at a few electrodes become slow large spike-waves at many.
"""

from dataclasses import dataclass

import numpy as np

from seizure.corpus.recording import Seizure
from seizure.synth.difficulty import Difficulty
from seizure.synth.head import ELECTRODES, PAIRS, Floats, distances, field, index, project
from seizure.synth.noise import band_noise

FOCI = ("F7", "T3", "T5", "F8", "T4", "T6", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2")
TEMPORAL_FOCI = ("F7", "T3", "F8", "T4")
GENERALISED = ("gnsz", "absz", "tcsz")
# amplitude and phase of the wave's harmonics: in phase at its peak, they make a spike there
HARMONICS = ((1.0, 0.0), (0.6, 0.35), (0.42, 0.7), (0.28, 1.05), (0.16, 1.4))


@dataclass(frozen=True, slots=True)
class Shape:
    """How one seizure runs. `reach` is the radius around the focus, in head radii, at its start and end."""

    seizure: Seizure
    focus: str
    hz: tuple[float, float]
    uv: tuple[float, float]
    reach: tuple[float, float]
    sharpness: float

    @property
    def is_generalised(self) -> bool:
        return self.seizure.label in GENERALISED

    def onset_s(self, electrode: str) -> float | None:
        """When the seizure reaches an electrode, in seconds of the recording; None: never."""
        if self.is_generalised:
            return self.seizure.start_s
        gap = float(distances(self.focus)[index(electrode)])
        first, last = self.reach
        if gap > last:
            return None
        share = max(0.0, (gap - first) / (last - first))
        return self.seizure.start_s + share * self.seizure.duration_s


def draw_shape(rng: np.random.Generator, seizure: Seizure, knobs: Difficulty) -> Shape:
    start_hz, end_hz = rng.uniform(*knobs.start_hz), rng.uniform(*knobs.end_hz)
    start_uv, end_uv = rng.uniform(*knobs.seizure_start_uv), rng.uniform(*knobs.seizure_end_uv)
    focus, reach = str(rng.choice(FOCI)), (0.55, float(rng.uniform(1.1, 1.7)))
    sharpness = knobs.sharpness
    match seizure.label:
        case "absz":  # 3 Hz spike-wave, whole at once
            start_hz, end_hz, start_uv = rng.uniform(3.2, 3.8), rng.uniform(2.4, 2.8), end_uv * 0.8
            focus, sharpness = "Fz", 1.3 * sharpness
        case "cpsz":
            focus, start_hz = str(rng.choice(TEMPORAL_FOCI)), rng.uniform(5.0, 7.0)
        case "gnsz":
            focus = "Fz"
        case "tcsz":  # the tonic part is fast, the clonic one slow and strong
            focus, start_hz, end_hz, end_uv = (
                "Cz",
                rng.uniform(9.0, 12.0),
                rng.uniform(1.4, 2.0),
                end_uv * 1.3,
            )
    return Shape(seizure, focus, (start_hz, end_hz), (start_uv, end_uv), reach, sharpness)


def pair_onsets(shape: Shape) -> dict[tuple[str, str], float]:
    """When each channel pair shows the seizure; pairs that never do are missing. The first is its start."""
    onsets = {}
    for pair in PAIRS:
        seen = [onset for name in pair if (onset := shape.onset_s(name)) is not None]
        if seen and shape.seizure.stop_s - min(seen) >= 1.0:
            onsets[pair] = min(seen)
    return onsets


def add_seizure(
    x_CT: Floats, shape: Shape, rng: np.random.Generator, rate_hz: int, knobs: Difficulty
) -> None:
    """Adds the seizure, and the slowing after it, to the electrodes in place."""
    seizure = shape.seizure
    start, stop = round(seizure.start_s * rate_hz), min(round(seizure.stop_s * rate_hz), x_CT.shape[1])
    course_T = np.linspace(0, 1, stop - start, dtype=np.float32)
    phase_T = _phase(shape, rng, rate_hz, course_T, knobs.phase_jitter)
    amplitude_T = _amplitude(shape, rng, rate_hz, course_T, knobs.amplitude_jitter)
    part_CT = x_CT[:, start:stop]
    part_CT += _waves(shape, phase_T, course_T) * (_spread(shape, course_T) * amplitude_T)
    if seizure.label == "tcsz":
        _add_convulsion(part_CT, rng, rate_hz, phase_T, amplitude_T)
    _add_postictal(x_CT[:, stop:], shape, rng, rate_hz, knobs)


def _phase(shape: Shape, rng: np.random.Generator, rate_hz: int, course_T: Floats, jitter: float) -> Floats:
    """The rhythm's phase, slowing from the first frequency to the last by a constant ratio a second."""
    first_hz, last_hz = shape.hz
    hz_T = first_hz * (last_hz / first_hz) ** course_T.astype(np.float64)
    turns_T = np.cumsum(hz_T) / rate_hz  # double: hundreds of turns, and only their fraction matters
    wander_T = band_noise(rng, 1, len(course_T), rate_hz, (0.1, 0.7))[0]
    phase_T: Floats = (2 * np.pi * (turns_T % 1)).astype(np.float32) + np.float32(jitter) * wander_T
    return phase_T


def _amplitude(
    shape: Shape, rng: np.random.Generator, rate_hz: int, course_T: Floats, jitter: float
) -> Floats:
    """In microvolts: grows all the way, ends within a quarter of a second."""
    first_uv, last_uv = shape.uv
    wander_T = np.clip(1 + jitter * band_noise(rng, 1, len(course_T), rate_hz, (0.1, 0.8))[0], 0.5, 1.5)
    seconds_T = np.arange(len(course_T), dtype=np.float32) / np.float32(rate_hz)
    ramps_T = np.minimum(1, np.minimum(0.4 + seconds_T / 1.5, seconds_T[::-1] / 0.25))
    growth_T = np.float32(first_uv) + np.float32(last_uv - first_uv) * course_T ** np.float32(0.8)
    amplitude_T: Floats = (growth_T * wander_T * ramps_T).astype(np.float32)
    return amplitude_T


def _waves(shape: Shape, phase_T: Floats, course_T: Floats) -> Floats:
    """Sharp rhythmic waves, amplitude about 1, each electrode a little later the farther it lies."""
    late_C = np.float32(0.45) * distances(shape.focus)  # radians of the fundamental
    sharp_T = np.float32(shape.sharpness) * (np.float32(0.5) + np.float32(0.5) * course_T)
    cosines, sines, rows = [], [], []
    for number, (weight, shift) in enumerate(HARMONICS, start=1):
        size_T = np.float32(weight) * (sharp_T if number > 1 else np.float32(1))
        angle_T = np.float32(number) * phase_T + np.float32(shift)
        cosines.append(np.cos(angle_T) * size_T)
        sines.append(np.sin(angle_T) * size_T)
        rows.append(np.float32(number) * late_C)
    lags = np.stack(rows, axis=1)  # (electrodes, harmonics); cos(a - b) = cos a cos b + sin a sin b
    return project(np.cos(lags), np.stack(cosines)) + project(np.sin(lags), np.stack(sines))


def _spread(shape: Shape, course_T: Floats) -> Floats:
    """How much of the seizure each electrode shows, 0 to 1, (electrodes, time)."""
    if shape.is_generalised:  # strongest in front: the same everywhere would vanish in a common average
        bell_C = 0.15 + 0.85 * field([shape.focus, "F3", "F4"], 0.75)
        return np.broadcast_to(bell_C[:, None], (len(ELECTRODES), len(course_T))).astype(np.float32)
    first, last = shape.reach
    reach_T = np.float32(first) + np.float32(last - first) * course_T
    gap_C = distances(shape.focus)
    depth_CT = np.clip((reach_T - gap_C[:, None]) / np.float32(0.25) + 0.5, 0, 1)
    falling_C = np.exp(-(gap_C**2) / np.float32(2 * 0.9**2))
    spread_CT: Floats = (depth_CT * falling_C[:, None]).astype(np.float32)
    return spread_CT


def _add_convulsion(
    part_CT: Floats, rng: np.random.Generator, rate_hz: int, phase_T: Floats, amplitude_T: Floats
) -> None:
    """Muscle that jerks with each wave."""
    names = ("F7", "T3", "F8", "T4")
    noise_CT = band_noise(rng, len(names), len(phase_T), rate_hz, (20.0, min(100.0, 0.47 * rate_hz)))
    jerks_T = np.maximum(np.cos(phase_T), 0) ** 3 * amplitude_T * np.float32(0.35)
    part_CT[[index(name) for name in names]] += noise_CT * jerks_T


def _add_postictal(
    rest_CT: Floats, shape: Shape, rng: np.random.Generator, rate_hz: int, knobs: Difficulty
) -> None:
    """Irregular slow waves where the seizure was, dying away over half a minute. No part of the seizure."""
    samples = min(rest_CT.shape[1], 40 * rate_hz)
    if samples < rate_hz:
        return
    seconds_T = np.arange(samples, dtype=np.float32) / np.float32(rate_hz)
    wave_T = band_noise(rng, 1, samples, rate_hz, (0.6, 2.2))[0] * np.exp(-seconds_T / np.float32(12.0))
    names = [shape.focus, "F3", "F4"] if shape.is_generalised else [shape.focus]
    uv = np.float32(rng.uniform(*knobs.postictal_uv)) * np.minimum(1, seconds_T)
    rest_CT[:, :samples] += field(names, 0.7)[:, None] * (wave_T * uv)
