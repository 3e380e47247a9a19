"""What the brain and the amplifier give without a seizure: pink noise, alpha, slow waves, mains.

Every part is a source (or a few) times a field over the electrodes, so that one matrix product adds it.
"""

from dataclasses import dataclass

import numpy as np

from seizure.synth.difficulty import Difficulty
from seizure.synth.head import ELECTRODES, Floats, field, mixing, project
from seizure.synth.noise import band_noise, shaped_noise

MAINS_HZ = 60.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What a recording's parts share: the generator that draws them all, in a fixed order."""

    rng: np.random.Generator
    rate_hz: int
    samples: int
    difficulty: Difficulty
    eyes_closed_T: Floats

    def draw(self, between: tuple[float, float]) -> float:
        return float(self.rng.uniform(*between))

    @property
    def minutes(self) -> float:
        return self.samples / self.rate_hz / 60


def new_scene(rng: np.random.Generator, rate_hz: int, samples: int, difficulty: Difficulty) -> Scene:
    return Scene(rng, rate_hz, samples, difficulty, _eyes_closed(rng, rate_hz, samples))


def _eyes_closed(rng: np.random.Generator, rate_hz: int, samples: int) -> Floats:
    """Spells of 5 to 40 s with the eyes closed, then open."""
    per_second = np.empty(samples // rate_hz + 60, dtype=np.float32)
    at, closed = 0, bool(rng.random() < 0.5)
    while at < len(per_second):
        spell_s = int(rng.integers(5, 41))
        per_second[at : at + spell_s] = closed
        at, closed = at + spell_s, not closed
    times = np.arange(samples, dtype=np.float32) / np.float32(rate_hz)
    closed_T: Floats = np.interp(times, np.arange(len(per_second)), per_second).astype(np.float32)
    return closed_T


def background(scene: Scene) -> Floats:
    """Everything but seizures and artefacts, in microvolts, (electrodes, samples)."""
    knobs, rng = scene.difficulty, scene.rng
    slope, rms_uv = scene.draw(knobs.pink_slope), scene.draw(knobs.pink_rms_uv)
    rows = len(ELECTRODES)
    pink_CT = shaped_noise(rng, rows, scene.samples, scene.rate_hz, (0.3, scene.rate_hz / 2), slope)
    x_CT = project(mixing(knobs.correlation_length) * np.float32(rms_uv), pink_CT)
    fields, sources = zip(*(_alpha(scene) + _slow_waves(scene) + [_mains(scene)]), strict=True)
    x_CT += project(np.stack(fields, axis=1), np.stack(sources))
    return x_CT


Part = tuple[Floats, Floats]  # field over the electrodes, source over time


def _alpha(scene: Scene) -> list[Part]:
    """Two occipital rhythms of the person's own frequency, away while the eyes are open."""
    knobs = scene.difficulty
    peak_hz, rms_uv = scene.draw(knobs.alpha_peak_hz), scene.draw(knobs.alpha_rms_uv)
    band_hz = (peak_hz - 0.5, peak_hz + 0.5)
    waves_T = band_noise(scene.rng, 2, scene.samples, scene.rate_hz, band_hz)
    waves_T *= np.float32(rms_uv) * (0.15 + 0.85 * scene.eyes_closed_T)
    return [
        (field(["O1", "P3"], 0.55), waves_T[0]),
        (field(["O2", "P4", "Pz"], 0.55), waves_T[1]),
    ]


def _slow_waves(scene: Scene) -> list[Part]:
    """Irregular delta that comes and goes, as in drowsiness and sleep."""
    knobs = scene.difficulty
    if scene.rng.random() >= knobs.drowsy_share:
        return []
    rms_uv = scene.draw(knobs.slow_rms_uv)
    waves_T = band_noise(scene.rng, 3, scene.samples, scene.rate_hz, (0.7, 3.5))
    depth_T = band_noise(scene.rng, 1, scene.samples, scene.rate_hz, (0.005, 0.05))[0]
    waves_T *= np.float32(rms_uv) * np.clip(0.6 + 0.5 * depth_T, 0, 1.5)
    places = (["Fz", "F3", "F4"], ["C3", "P3", "T3"], ["C4", "P4", "T4"])
    return [(field(place, 0.7), wave_T) for place, wave_T in zip(places, waves_T, strict=True)]


def _mains(scene: Scene) -> Part:
    amount_C = scene.rng.uniform(0.3, 1.0, len(ELECTRODES)).astype(np.float32)
    return amount_C * np.float32(scene.draw(scene.difficulty.mains_uv)), mains_wave(scene, 0, scene.samples)


def mains_wave(scene: Scene, start: int, samples: int) -> Floats:
    """The mains at 60 Hz, amplitude 1, (samples,)."""
    cycles = np.arange(start, start + samples, dtype=np.float64) * (MAINS_HZ / scene.rate_hz)
    wave_T: Floats = np.sin(2 * np.pi * (cycles % 1)).astype(np.float32)  # double: long phases
    return wave_T


def reference(scene: Scene) -> Floats:
    """What the reference electrode sees, and so every channel, (samples,)."""
    noise_T = shaped_noise(scene.rng, 1, scene.samples, scene.rate_hz, (0.3, 40.0), 1.0)[0]
    seen_T: Floats = noise_T * np.float32(scene.difficulty.reference_rms_uv)
    return seen_T
