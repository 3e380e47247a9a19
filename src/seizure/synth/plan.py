"""Decides the whole corpus before a sample is made: patients, files, rates, montages, seizures.

Pure: the same settings give the same plan. A recording's samples follow from its plan alone, so neither
the number of processes nor an interruption changes a byte.
"""

from dataclasses import dataclass

import numpy as np

from seizure.corpus.recording import Partition, Seizure
from seizure.synth.difficulty import Difficulty

EDGE_S = 5.0  # seizures keep this far from the recording's ends, except the few that are cut by one
APART_S = 120.0  # between two seizures, so that SzCORE, which merges below 90 s, counts two
LABELS = (("fnsz", 0.42), ("gnsz", 0.2), ("cpsz", 0.16), ("absz", 0.11), ("tcsz", 0.11))
RATES_HZ = ((256, 0.48), (250, 0.42), (400, 0.06), (512, 0.04))
MONTAGES = (("01_tcp_ar", 0.5), ("02_tcp_le", 0.15), ("03_tcp_ar_a", 0.35))
NO_MIDLINE_SHARE = 0.034  # 249 of TUSZ's 7,364 files lack Fz and Pz
SLOW_CHANNELS_SHARE = 0.12  # files with IBI, BURSTS and SUPPR at 1 Hz
FILES_A_PATIENT = 5.0  # geometric; TUSZ's mean is 8


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    recording_id: str
    partition: Partition
    patient: str
    session: str  # such as s002_2011
    montage: str
    rate_hz: int
    duration_s: int
    has_midline: bool
    has_slow_channels: bool
    seizures: tuple[Seizure, ...]
    entropy: tuple[int, ...]  # seeds the samples
    year: int

    @property
    def folder(self) -> str:
        return f"edf/{self.partition}/{self.patient}/{self.session}/{self.montage}"


@dataclass(frozen=True, slots=True)
class CorpusPlan:
    """What is asked for. `patients`: of the training part; 0: as many as a mean of five files needs."""

    train_files: int
    dev_files: int
    eval_files: int
    minutes: float
    seed: int
    patients: int = 0

    def recordings(self, difficulty: Difficulty) -> list[RecordingPlan]:
        """Every recording, ordered by partition and id."""
        counts: tuple[tuple[Partition, int], ...] = (
            ("train", self.train_files),
            ("dev", self.dev_files),
            ("eval", self.eval_files),
        )
        names = _patient_names(self.seed, sum(count for _, count in counts))
        plans: list[RecordingPlan] = []
        for number, (partition, count) in enumerate(counts):
            rng = np.random.default_rng((self.seed, 1, number))
            files = _files_of_patients(rng, count, self._patients_of(count))
            own, names = names[: len(files)], names[len(files) :]
            seizures = _draw_seizures(rng, count, round(self.minutes * 60), difficulty)
            plans += _partition(self, partition, number, dict(zip(own, files, strict=True)), seizures)
        return plans

    def _patients_of(self, files: int) -> int:
        wanted = (
            self.patients * files / max(1, self.train_files) if self.patients else files / FILES_A_PATIENT
        )
        return min(files, max(1, round(wanted), 2 if files > 3 else 1))


def _patient_names(seed: int, at_most: int) -> list[str]:
    """Distinct names of eight letters, such as aaaaagxr."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    rng = np.random.default_rng((seed, 0))
    numbers = rng.choice(26**4, size=at_most, replace=False)
    tails = ["".join(letters[number // 26**place % 26] for place in (3, 2, 1, 0)) for number in numbers]
    return ["aaaa" + tail for tail in tails]


def _files_of_patients(rng: np.random.Generator, files: int, patients: int) -> list[int]:
    """How many files each patient has: at least one, geometric, adding up to `files`."""
    if files == 0:
        return []
    weights = rng.geometric(patients / files, size=patients).astype(np.float64)
    counts = np.maximum(1, np.floor(weights / weights.sum() * files)).astype(int)
    while (excess := int(counts.sum()) - files) != 0:  # the rounding, one file at a time
        where = rng.choice(np.flatnonzero(counts > 1)) if excess > 0 else rng.integers(patients)
        counts[where] += -1 if excess > 0 else 1
    return [int(count) for count in counts]


def _draw(rng: np.random.Generator, table: tuple[tuple[object, float], ...]) -> int:
    return int(rng.choice(len(table), p=[share for _, share in table]))


def _partition(
    corpus: CorpusPlan,
    partition: Partition,
    number: int,
    files: dict[str, int],
    seizures: list[tuple[Seizure, ...]],
) -> list[RecordingPlan]:
    rng = np.random.default_rng((corpus.seed, 2, number))
    plans: list[RecordingPlan] = []
    for patient, count in files.items():
        montage, rate_hz = MONTAGES[_draw(rng, MONTAGES)][0], RATES_HZ[_draw(rng, RATES_HZ)][0]
        session, token, year = 1 + int(rng.geometric(0.4)), 0, int(rng.integers(2002, 2016))
        for _ in range(count):
            if token and rng.random() < 0.35:  # the next session
                session, token, year = session + 1, 0, year + int(rng.integers(0, 2))
            place = len(plans)
            plans.append(
                RecordingPlan(
                    recording_id=f"{patient}_s{session:03d}_t{token:03d}",
                    partition=partition,
                    patient=patient,
                    session=f"s{session:03d}_{year}",
                    montage=montage,
                    rate_hz=rate_hz,
                    duration_s=round(corpus.minutes * 60),
                    has_midline=bool(rng.random() >= NO_MIDLINE_SHARE),
                    has_slow_channels=bool(rng.random() < SLOW_CHANNELS_SHARE),
                    seizures=seizures[place],
                    entropy=(corpus.seed, 3, number, place),
                    year=year,
                )
            )
            token += 1
    return sorted(plans, key=lambda plan: plan.recording_id)


def _draw_seizures(
    rng: np.random.Generator, files: int, duration_s: int, difficulty: Difficulty
) -> list[tuple[Seizure, ...]]:
    """The seizures of each file. At least one file has one; the kinds are spread evenly over the seizures."""
    holding = max(1, round(difficulty.seizure_share * files)) if files else 0
    per_file = [0] * files
    for place in rng.permutation(files)[:holding]:
        two = duration_s >= 240 and rng.random() < difficulty.second_seizure_share
        per_file[place] = 2 if two else 1
    labels = _evenly(rng, sum(per_file))
    return [_place(rng, [labels.pop() for _ in range(n)], duration_s, difficulty) for n in per_file]


def _evenly(rng: np.random.Generator, count: int) -> list[str]:
    """`count` labels in LABELS' shares, shuffled: a small corpus too has every kind that fits."""
    edges = np.cumsum([share for _, share in LABELS])
    places = (np.arange(count) + rng.random()) / max(1, count)
    kinds = np.minimum(np.searchsorted(edges, places), len(LABELS) - 1)
    return [LABELS[int(kind)][0] for kind in rng.permutation(kinds)]


def _place(
    rng: np.random.Generator, labels: list[str], duration_s: int, difficulty: Difficulty
) -> tuple[Seizure, ...]:
    if not labels:
        return ()
    room_s = (duration_s - 2 * EDGE_S - APART_S * (len(labels) - 1)) / len(labels)
    lengths_s = [_length_s(rng, label, room_s) for label in labels]
    if len(labels) == 1 and rng.random() < difficulty.edge_share:
        begins = bool(rng.random() < 0.5)
        start_s, stop_s = (0.0, lengths_s[0]) if begins else (duration_s - lengths_s[0], float(duration_s))
        return (Seizure(round(start_s, 4), round(stop_s, 4), labels[0]),)
    spare_s = duration_s - 2 * EDGE_S - APART_S * (len(labels) - 1) - sum(lengths_s)
    gaps_s = np.sort(rng.random(len(labels))) * spare_s
    placed, base_s = [], EDGE_S
    for label, length_s, gap_s in zip(labels, lengths_s, gaps_s, strict=True):
        start_s = round(base_s + float(gap_s), 4)
        placed.append(Seizure(start_s, round(start_s + length_s, 4), label))
        base_s += length_s + APART_S
    return tuple(placed)


def _length_s(rng: np.random.Generator, label: str, room_s: float) -> float:
    longest_s = min(room_s, 25.0 if label == "absz" else 120.0)
    if room_s < 60:  # a one-minute recording
        longest_s = min(longest_s, 30.0)
    shortest_s = min(15.0, longest_s)
    return float(shortest_s + (longest_s - shortest_s) * rng.beta(1.2, 1.8))
