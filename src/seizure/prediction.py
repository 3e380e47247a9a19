"""From one EDF file to events, with a trained model: what `predict` does for each file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from seizure.cache.quantise import NotFiniteError
from seizure.corpus import Seizure
from seizure.edf import open_edf
from seizure.errors import CheckpointError, CorpusError, Fault, RecordingError
from seizure.events import csv_bi_text, postprocess, tsv_text
from seizure.inference import PreparedWindows, probabilities
from seizure.signal import preprocess
from seizure.training.checkpoint import TrainedModel


@dataclass(frozen=True, slots=True)
class Prediction:
    """The events of one recording, and what was noticed on the way."""

    path: Path
    events: tuple[Seizure, ...]
    duration_s: float
    start: datetime | None
    notices: tuple[str, ...]

    def text(self, form: str) -> str:
        """The file's content: `tsv` or `csv_bi`."""
        if form == "csv_bi":
            return csv_bi_text(self.events, self.duration_s, self.path.stem)
        return tsv_text(self.events, self.duration_s, self.start)

    def as_json(self) -> dict[str, Any]:
        return {
            "recording": str(self.path),
            "duration_s": self.duration_s,
            "start": self.start.isoformat() if self.start else None,
            "events": [
                {"start_s": event.start_s, "stop_s": event.stop_s, "confidence": event.confidence}
                for event in self.events
            ],
            "notices": list(self.notices),
        }


def predict(
    trained: TrainedModel,
    path: Path,
    threshold: float,
    *,
    scratch: Path | None = None,
    announce: Callable[[int, int], None] = lambda done, of: None,
) -> Prediction:
    """Events of the recording at `path`. `announce(done, of)` is called with windows of 60 s.

    A long recording is prepared in a nameless file in `scratch`, so that memory stays bounded. Raises
    RecordingError: what reading and preprocessing raise, MONTAGE in words that name the model.
    """
    settings = trained.config.preprocessing
    edf = open_edf(path)
    try:
        prepared = preprocess(edf, settings, scratch=scratch)
    except RecordingError as error:
        if error.fault is not Fault.MONTAGE:
            raise
        detail = f"{error.detail}; {trained.path.name} is a model for {trained.montage}"
        raise RecordingError(path, Fault.MONTAGE, detail) from None
    if prepared.channels != trained.channels:
        raise CheckpointError(
            f"{trained.path}: trained on other channels than this version makes for {trained.montage}: "
            "use the version that trained it"
        )
    try:
        windows = PreparedWindows(prepared, settings.clip_sigma)
    except NotFiniteError as error:
        raise RecordingError(path, Fault.NAN_SIGNAL, str(error)) from None
    p_T = probabilities(
        trained,
        windows,
        stride_s=trained.config.evaluation.stride_s,
        batch_size=trained.config.evaluation.batch_size,
        n_samples=prepared.n_samples,
        announce=announce,
    )
    events = postprocess(p_T, prepared.rate_hz, threshold, trained.postprocessing.lengths())
    notices = tuple(f"{notice.fault.value}: {notice.detail}" for notice in prepared.notices)
    # the last sample of 256 Hz may reach a millisecond beyond the recording
    within = (replace(event, stop_s=min(event.stop_s, edf.duration_s)) for event in events)
    return Prediction(path, tuple(within), edf.duration_s, edf.start, notices)


def threshold_of(trained: TrainedModel, given: float | None) -> float:
    """The threshold given, or the model's own, or the configuration's. Raises CheckpointError."""
    if given is not None:
        return given
    if trained.threshold is not None:
        return trained.threshold
    if trained.postprocessing.threshold != "fit":
        return trained.postprocessing.threshold
    raise CheckpointError(
        f"{trained.path} has no threshold yet: give one by --threshold, "
        "or run evaluate --split val, which fits it"
    )


def find_recordings(given: Sequence[Path]) -> dict[Path, Path]:
    """EDF files by the name below the output folder that each one's events get, without an ending.

    A file stands for itself; a folder for all .edf files below it, whose places below it are kept.
    Raises CorpusError: nothing there, no EDF file in a folder, two recordings of one name.
    """
    found: dict[Path, Path] = {}
    for path in given:
        if not path.exists():
            raise CorpusError(f"{path}: no such file or folder")
        for edf, name in _recordings(path):
            if found.get(name, edf) != edf:
                raise CorpusError(
                    f"{found[name]} and {edf} would both be written as {name}: predict them one by one, "
                    "or name the folder that both lie in"
                )
            found[name] = edf
    return {edf: name for name, edf in found.items()}


def _recordings(path: Path) -> Iterator[tuple[Path, Path]]:
    if not path.is_dir():
        yield path, Path(path.stem)
        return
    inside = sorted(edf for edf in path.rglob("*") if edf.suffix.lower() == ".edf" and edf.is_file())
    if not inside:
        raise CorpusError(f"{path}: no .edf file in this folder")
    for edf in inside:
        yield edf, edf.relative_to(path).with_suffix("")
