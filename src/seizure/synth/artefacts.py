"""What is no brain: blinks, eye movements, muscle, chewing, movement, pops, drifts, loose electrodes.

Each adds itself to the electrodes in place. Episodes of several seconds carry more power than seizures.
"""

from collections.abc import Callable, Iterator

import numpy as np

from seizure.synth.background import Scene, mains_wave
from seizure.synth.head import ELECTRODES, SCALP, Floats, field, index, project
from seizure.synth.noise import band_noise, shaped_noise

TEMPORAL = (("F7", "T3", "T5"), ("F8", "T4", "T6"))


def add_artefacts(x_CT: Floats, scene: Scene) -> None:
    knobs = scene.difficulty
    _add_blinks(x_CT, scene)
    _add_saccades(x_CT, scene)
    kinds: tuple[tuple[Callable[[Floats, Scene, int], None], float, tuple[float, float]], ...] = (
        (_add_muscle, knobs.muscle_a_minute, (1.0, 8.0)),
        (_add_chewing, knobs.chewing_a_minute, (6.0, 20.0)),
        (_add_movement, knobs.movement_a_minute, (4.0, 18.0)),
        (_add_rhythmic_delta, knobs.rhythmic_delta_a_minute, (6.0, 15.0)),
        (_add_pop, knobs.pops_a_minute, (1.5, 4.0)),
        (_add_drift, knobs.drift_a_minute, (8.0, 30.0)),
        (_add_loose_electrode, knobs.loose_a_minute, (8.0, 40.0)),
    )
    for add, a_minute, length_s in kinds:
        for start, samples in _episodes(scene, a_minute, length_s):
            add(x_CT[:, start : start + samples], scene, start)


def _episodes(scene: Scene, a_minute: float, length_s: tuple[float, float]) -> Iterator[tuple[int, int]]:
    """Start and length in samples of each episode of a kind."""
    for _ in range(int(scene.rng.poisson(a_minute * scene.minutes))):
        samples = min(int(scene.draw(length_s) * scene.rate_hz), scene.samples // 2)
        yield int(scene.rng.integers(0, scene.samples - samples)), samples


def _soft_edges(samples: int, rate_hz: int, ramp_s: float) -> Floats:
    """1 with ramps of `ramp_s` at both ends, (samples,)."""
    ramp = max(1, min(int(ramp_s * rate_hz), samples // 2))
    away = np.minimum(np.arange(samples), np.arange(samples)[::-1]).astype(np.float32)
    return np.minimum(1, (away + 1) / ramp).astype(np.float32)


def _add_blinks(x_CT: Floats, scene: Scene) -> None:
    rng, rate_hz = scene.rng, scene.rate_hz
    source_T = np.zeros(scene.samples, dtype=np.float32)
    for _ in range(int(rng.poisson(scene.draw(scene.difficulty.blinks_a_minute) * scene.minutes))):
        width = int(rate_hz * rng.uniform(0.25, 0.45))
        start, peak_uv = int(rng.integers(0, scene.samples - width)), scene.draw(scene.difficulty.blink_uv)
        if scene.eyes_closed_T[start] < 0.5:
            source_T[start : start + width] += np.float32(peak_uv) * np.hanning(width).astype(np.float32) ** 2
    _add_source(x_CT, field(["Fp1", "Fp2"], 0.38), source_T)


def _add_saccades(x_CT: Floats, scene: Scene) -> None:
    """Steps between the two sides of the forehead, held for up to two seconds."""
    rng, rate_hz = scene.rng, scene.rate_hz
    source_T = np.zeros(scene.samples, dtype=np.float32)
    for _ in range(int(rng.poisson(scene.draw(scene.difficulty.saccades_a_minute) * scene.minutes))):
        width = int(rate_hz * rng.uniform(0.3, 2.0))
        start, sign = int(rng.integers(0, scene.samples - width)), rng.choice((-1.0, 1.0))
        step_uv = np.float32(sign * scene.draw(scene.difficulty.saccade_uv))
        source_T[start : start + width] += step_uv * _soft_edges(width, rate_hz, 0.05)
    _add_source(x_CT, field(["F7"], 0.4) - field(["F8"], 0.4), source_T)


def _add_source(x_CT: Floats, field_C: Floats, source_T: Floats) -> None:
    for channel in np.flatnonzero(np.abs(field_C) > 0.02):
        x_CT[channel] += field_C[channel] * source_T


def _muscle(scene: Scene, samples: int, electrodes: tuple[str, ...]) -> tuple[list[int], Floats]:
    """Muscle noise, rms 1, independent at each electrode."""
    band_hz = (20.0, min(100.0, 0.47 * scene.rate_hz))
    noise_CT = band_noise(scene.rng, len(electrodes), samples, scene.rate_hz, band_hz)
    return [index(name) for name in electrodes], noise_CT


def _sides(scene: Scene) -> tuple[str, ...]:
    """The temporal electrodes of one side, or of both."""
    which = int(scene.rng.integers(0, 3))
    return TEMPORAL[0] + TEMPORAL[1] if which == 2 else TEMPORAL[which]


def _add_muscle(part_CT: Floats, scene: Scene, _start: int) -> None:
    electrodes = _sides(scene) + (("Fp1", "Fp2") if scene.rng.random() < 0.3 else ())
    channels, noise_CT = _muscle(scene, part_CT.shape[1], electrodes)
    envelope_T = _soft_edges(part_CT.shape[1], scene.rate_hz, 0.3)
    part_CT[channels] += noise_CT * envelope_T * np.float32(scene.draw(scene.difficulty.muscle_rms_uv))


def _add_chewing(part_CT: Floats, scene: Scene, _start: int) -> None:
    """Bursts of muscle and a slow wave with each bite, at a rate that does not change."""
    samples, uv = part_CT.shape[1], np.float32(scene.draw(scene.difficulty.chewing_uv))
    bites_hz = float(scene.rng.uniform(1.0, 2.2))
    phase_T = np.arange(samples, dtype=np.float32) * np.float32(2 * np.pi * bites_hz / scene.rate_hz)
    wave_T = np.cos(phase_T)
    envelope_T = _soft_edges(samples, scene.rate_hz, 0.5) * uv
    channels, noise_CT = _muscle(scene, samples, TEMPORAL[0] + TEMPORAL[1])
    part_CT[channels] += noise_CT * (np.maximum(wave_T, 0) ** 3 * envelope_T * np.float32(0.6))
    both = field(TEMPORAL[0], 0.35) + np.float32(scene.rng.uniform(0.5, 1.0)) * field(TEMPORAL[1], 0.35)
    _add_source(part_CT, both, wave_T * envelope_T)


def _add_movement(part_CT: Floats, scene: Scene, _start: int) -> None:
    samples, uv = part_CT.shape[1], np.float32(scene.draw(scene.difficulty.movement_rms_uv))
    waves = shaped_noise(scene.rng, 3, samples, scene.rate_hz, scene.difficulty.movement_hz, slope=1.0)
    waves *= _soft_edges(samples, scene.rate_hz, 1.0) * uv
    amounts = scene.rng.normal(0, 0.6, (len(ELECTRODES), 3)).astype(np.float32)
    part_CT += project(amounts, waves)


def _add_rhythmic_delta(part_CT: Floats, scene: Scene, _start: int) -> None:
    """Smooth frontal waves of one frequency: rhythmic like a seizure, without its form or evolution."""
    samples, uv = part_CT.shape[1], np.float32(scene.draw(scene.difficulty.rhythmic_delta_uv))
    wave_hz = float(scene.rng.uniform(1.5, 2.5))
    phase_T = np.arange(samples, dtype=np.float32) * np.float32(2 * np.pi * wave_hz / scene.rate_hz)
    source_T = np.sin(phase_T) * _soft_edges(samples, scene.rate_hz, 1.5) * uv
    _add_source(part_CT, field(["Fp1", "Fp2", "Fz"], 0.6), source_T)


def _add_pop(part_CT: Floats, scene: Scene, _start: int) -> None:
    """A step at one electrode that dies away."""
    uv = scene.draw(scene.difficulty.pop_uv) * float(scene.rng.choice((-1, 1)))
    times = np.arange(part_CT.shape[1], dtype=np.float32) / np.float32(scene.rate_hz)
    decay_s = scene.rng.uniform(0.2, 0.8)
    part_CT[_any_electrode(scene)] += np.float32(uv) * np.exp(-times / np.float32(decay_s))


def _add_drift(part_CT: Floats, scene: Scene, _start: int) -> None:
    """Sweat: one slow wave at one electrode."""
    arch = np.sin(np.linspace(0, np.pi, part_CT.shape[1], dtype=np.float32)) ** 2
    part_CT[_any_electrode(scene)] += np.float32(scene.draw(scene.difficulty.drift_uv)) * arch


def _add_loose_electrode(part_CT: Floats, scene: Scene, start: int) -> None:
    samples, uv = part_CT.shape[1], np.float32(scene.draw(scene.difficulty.loose_uv))
    noise_T = band_noise(scene.rng, 1, samples, scene.rate_hz, (0.8, 25.0))[0]
    envelope_T = _soft_edges(samples, scene.rate_hz, 0.2)
    source_T = (mains_wave(scene, start, samples) * uv + noise_T * uv * np.float32(0.35)) * envelope_T
    part_CT[_any_electrode(scene)] += source_T


def _any_electrode(scene: Scene) -> int:
    return index(SCALP[int(scene.rng.integers(len(SCALP)))])
