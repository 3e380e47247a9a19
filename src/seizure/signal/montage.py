"""Which channels of a recording a montage is made of, and the matrix that makes it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from seizure.errors import Fault, Notice, RecordingError
from seizure.signal import interpolation
from seizure.signal.channels import BIPOLAR18, REFERENTIAL19, parse_label, standard_pair

Montage = Literal["referential19", "bipolar18"]
INTERPOLATED = ("Fz", "Pz")  # a part of TUSZ lacks these two; any other missing electrode is an error
MIN_RATE_HZ = 32.0  # seizures live below 30 Hz; the 1 Hz channels beside EEG carry other things


@dataclass(frozen=True, slots=True)
class Plan:
    """Montage channels = mix_OS @ the source channels; `duplicates`: (used, left out) to compare."""

    sources: tuple[int, ...]
    mix_OS: npt.NDArray[np.float32]
    channels: tuple[str, ...]
    duplicates: tuple[tuple[int, int], ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """Channels by what they record, in the file's order; those too slow for EEG apart."""

    electrodes: dict[str, list[int]]  # all against one reference
    pairs: dict[tuple[str, str], list[int]]
    slow: frozenset[str]


def channel_names(montage: Montage) -> tuple[str, ...]:
    """The names of the montage's channels, in order."""
    return REFERENTIAL19 if montage == "referential19" else tuple("-".join(pair) for pair in BIPOLAR18)


def plan_montage(labels: Sequence[str], rates_hz: Sequence[float], montage: Montage, path: Path) -> Plan:
    """How to make `montage` of these channels. Raises RecordingError: MISSING_CHANNELS, MONTAGE, RATE."""
    found = _find(labels, rates_hz)
    missing = [name for name in REFERENTIAL19 if name not in found.electrodes]
    if set(missing) <= set(INTERPOLATED):
        return _from_electrodes(found, missing, montage)
    if montage == "bipolar18" and len(found.pairs) > len(found.electrodes):
        return _from_pairs(found, path)
    if slow := [name for name in missing if name in found.slow]:
        detail = f"{', '.join(slow)}: sampled at less than {MIN_RATE_HZ:g} Hz"
        raise RecordingError(path, Fault.RATE, detail)
    if len(found.pairs) > len(found.electrodes):
        detail = "a bipolar recording, of which referential19 cannot be made; use montage bipolar18"
        raise RecordingError(path, Fault.MONTAGE, detail)
    raise RecordingError(path, Fault.MISSING_CHANNELS, f"no channel for {', '.join(missing)}")


def _find(labels: Sequence[str], rates_hz: Sequence[float]) -> _Found:
    by_reference: dict[str, dict[str, list[int]]] = {}
    pairs: dict[tuple[str, str], list[int]] = {}
    slow = set()
    for index, (label, rate_hz) in enumerate(zip(labels, rates_hz, strict=True)):
        parsed = parse_label(label)
        if parsed is None or parsed.electrode not in REFERENTIAL19:
            continue
        if rate_hz < MIN_RATE_HZ:
            slow.add(parsed.electrode)
        elif pair := standard_pair(label):
            pairs.setdefault(pair, []).append(index)
        elif not parsed.is_bipolar:
            by_reference.setdefault(parsed.other, {}).setdefault(parsed.electrode, []).append(index)
    # electrodes against several references cannot be mixed: those of the reference that has most
    electrodes = max(by_reference.values(), key=len, default={})
    return _Found(electrodes, pairs, frozenset(slow))


def _from_electrodes(found: _Found, missing: list[str], montage: Montage) -> Plan:
    present = [name for name in REFERENTIAL19 if name in found.electrodes]
    electrodes_ES = np.zeros((len(REFERENTIAL19), len(present)), np.float32)
    for row, name in enumerate(REFERENTIAL19):
        if name in missing:
            electrodes_ES[row] = interpolation.weights(name, present)
        else:
            electrodes_ES[row, present.index(name)] = 1.0
    notices: tuple[Notice, ...] = ()
    if missing:
        detail = f"{' and '.join(missing)}: interpolated from the other electrodes"
        notices = (Notice(Fault.MISSING_CHANNELS, detail),)
    mix_OS = (_average_reference() if montage == "referential19" else _differences()) @ electrodes_ES
    indices = [found.electrodes[name] for name in present]
    return _plan(indices, mix_OS.astype(np.float32), channel_names(montage), notices)


def _from_pairs(found: _Found, path: Path) -> Plan:
    """Each pair as it is recorded, or the other way round with its sign changed."""
    indices, signs, missing = [], [], []
    for first, second in BIPOLAR18:
        if (first, second) in found.pairs:
            indices.append(found.pairs[first, second])
            signs.append(1.0)
        elif (second, first) in found.pairs:
            indices.append(found.pairs[second, first])
            signs.append(-1.0)
        else:
            missing.append(f"{first}-{second}")
    if missing:
        raise RecordingError(path, Fault.MISSING_CHANNELS, f"no channel for {', '.join(missing)}")
    return _plan(indices, np.diag(signs).astype(np.float32), channel_names("bipolar18"), ())


def _plan(
    indices: list[list[int]],
    mix_OS: npt.NDArray[np.float32],
    channels: tuple[str, ...],
    notices: tuple[Notice, ...],
) -> Plan:
    duplicates = tuple((first, other) for first, *others in indices for other in others)
    return Plan(tuple(first for first, *_ in indices), mix_OS, channels, duplicates, notices)


def _average_reference() -> npt.NDArray[np.float32]:
    n = len(REFERENTIAL19)
    return np.eye(n, dtype=np.float32) - np.float32(1 / n)


def _differences() -> npt.NDArray[np.float32]:
    matrix = np.zeros((len(BIPOLAR18), len(REFERENTIAL19)), np.float32)
    for row, (first, second) in enumerate(BIPOLAR18):
        matrix[row, REFERENTIAL19.index(first)] = 1.0
        matrix[row, REFERENTIAL19.index(second)] = -1.0
    return matrix
