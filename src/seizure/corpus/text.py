"""Reads small annotation files and the fields in them, with the faults that they can have."""

import math
from pathlib import Path

from seizure.corpus.recording import Recording
from seizure.errors import Fault, RecordingError


def annotation_file(recording: Recording) -> Path:
    """The recording's annotation file. Raises RecordingError (NO_ANNOTATIONS) where there is none."""
    if recording.annotation_path is None:
        raise RecordingError(recording.path, Fault.NO_ANNOTATIONS, "no annotation file beside it")
    return recording.annotation_path


def read_text(path: Path) -> str:
    """The whole file. Bytes that are no UTF-8 become U+FFFD: free text may hold them, numbers may not."""
    try:
        return path.read_bytes().decode("utf-8-sig", errors="replace")
    except FileNotFoundError:
        raise RecordingError(path, Fault.NO_ANNOTATIONS, "the annotation file is gone") from None
    except OSError as error:
        raise RecordingError(path, Fault.UNREADABLE, str(error.strerror)) from None


def number(path: Path, line: int, name: str, text: str) -> float:
    """A finite number written with digits; anything else is a malformed line (`line` counts from 1)."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:  # float() takes 1_0 for 10
        raise malformed(path, line, f"{name} is {text.strip()[:40]!r}, not a number")
    return value


def malformed(path: Path, line: int, words: str) -> RecordingError:
    return RecordingError(path, Fault.MALFORMED_ANNOTATIONS, f"line {line}: {words}")


def unknown_label(path: Path, line: int, label: str, known: str) -> RecordingError:
    return RecordingError(
        path, Fault.UNKNOWN_LABEL, f"line {line}: label {label[:40]!r} is not known (known: {known})"
    )
