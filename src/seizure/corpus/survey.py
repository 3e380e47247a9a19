"""Looks at every recording of a corpus and lists what it holds and what is wrong with it; changes nothing."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations

from seizure.config.schema import Preprocessing
from seizure.corpus.annotations import THREADS, read_annotations
from seizure.corpus.layouts import tusz
from seizure.corpus.recording import Annotations, Recording
from seizure.corpus.skipped import Skipped
from seizure.edf import Edf, open_edf
from seizure.errors import Fault, Notice, RecordingError
from seizure.signal import preprocess
from seizure.signal.montage import Montage, plan_montage
from seizure.workers import worker_pool

MONTAGES: tuple[Montage, ...] = ("referential19", "bipolar18")


@dataclass(slots=True)
class Inspection:
    """What could be read of one recording. `rates_hz`: of its EEG; `faults`: why it cannot be used."""

    recording: Recording
    duration_s: float | None = None
    labels: tuple[str, ...] = ()
    rates_hz: tuple[float, ...] = ()
    montages: tuple[Montage, ...] = ()
    annotations: Annotations | None = None
    faults: list[Skipped] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def add(self, error: RecordingError) -> None:
        self.faults.append(Skipped.of(self.recording, error))


def survey(
    recordings: Sequence[Recording], *, with_signals: bool, announce: Callable[[int, int, str], None]
) -> list[Inspection]:
    """An Inspection of each recording, in order; with signals, each goes through the whole preprocessing."""
    inspections = []
    # headers wait for the disk, signals for the processor
    pools: AbstractContextManager[Executor] = worker_pool() if with_signals else ThreadPoolExecutor(THREADS)
    with pools as pool:
        results = pool.map(partial(inspect, with_signals=with_signals), recordings)
        for number, inspection in enumerate(results, start=1):
            announce(number, len(recordings), inspection.recording.path.name)
            inspections.append(inspection)
    return inspections


def inspect(recording: Recording, *, with_signals: bool) -> Inspection:
    """Header, montages, annotations, and with signals the preprocessing, each with its own faults."""
    found = Inspection(recording)
    try:
        edf = open_edf(recording.path)
    except RecordingError as error:
        found.add(error)
    else:
        _inspect_edf(edf, found)
        if with_signals and found.montages:
            _inspect_signals(edf, found)
    _inspect_annotations(found)
    return found


def patients_in_two(recordings: Sequence[Recording]) -> list[str]:
    """Patients that several folders of an official split share, in words: "aaaaaaaa in dev and train"."""
    patients: dict[str, set[str]] = {}
    for recording in recordings:
        patients.setdefault(recording.partition, set()).add(recording.patient)
    pairs = combinations(sorted(patients.items()), 2)
    return [f"{patient} in {a} and {b}" for (a, some), (b, more) in pairs for patient in sorted(some & more)]


def _inspect_edf(edf: Edf, found: Inspection) -> None:
    found.duration_s, found.labels = edf.duration_s, edf.labels
    found.notices += edf.notices
    errors: dict[Montage, RecordingError] = {}
    for montage in MONTAGES:
        try:
            plan = plan_montage(edf.labels, edf.rates_hz, montage, edf.path)
        except RecordingError as error:
            errors[montage] = error
        else:
            found.montages = (*found.montages, montage)
            found.rates_hz = tuple(sorted({edf.rates_hz[source] for source in plan.sources}))
    if not found.montages:
        # MONTAGE says only that the recording is bipolar: what it lacks is the other error
        referential = errors["referential19"]
        found.add(errors["bipolar18"] if referential.fault is Fault.MONTAGE else referential)


def _inspect_signals(edf: Edf, found: Inspection) -> None:
    try:
        prepared = preprocess(edf, Preprocessing(montage=found.montages[0]))
    except RecordingError as error:
        found.add(error)
    else:
        found.notices += [notice for notice in prepared.notices if notice not in found.notices]


def _inspect_annotations(found: Inspection) -> None:
    recording = found.recording
    try:
        if found.duration_s is None:
            found.annotations = read_annotations(recording, float("inf"))
        else:
            found.annotations = read_annotations(recording, found.duration_s)
    except RecordingError as error:
        found.add(error)
        return
    found.notices += found.annotations.notices
    if recording.layout == "tusz" and found.duration_s is not None:
        _compare_with_csv(found, found.annotations, found.duration_s)


def _compare_with_csv(found: Inspection, annotations: Annotations, duration_s: float) -> None:
    """TUSZ says each seizure twice: a .csv_bi without those of the .csv has lost them."""
    path = found.recording.annotation_path
    other = path.with_suffix(".csv") if path else None
    if other is None or other == path or not other.exists():
        return
    try:
        typed = tusz.read_file(other, duration_s)
    except RecordingError as error:
        found.add(error)
        return
    seconds, typed_s = annotations.seizure_s, typed.seizure_s
    words = f"{seconds:g} s of seizures, and {typed_s:g} s in {other.name}"
    if (seconds > 0) != (typed_s > 0):
        found.add(RecordingError(path or other, Fault.MALFORMED_ANNOTATIONS, words))
    elif abs(seconds - typed_s) > 1.0:
        found.notices.append(Notice(Fault.MALFORMED_ANNOTATIONS, f"{found.recording.recording_id}: {words}"))
