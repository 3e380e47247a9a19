"""What a build asks of its worker processes, and what they answer: values that cross a pipe, pickled."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seizure.config.schema import Preprocessing
from seizure.corpus.recording import Annotations, Recording
from seizure.errors import RecordingError

if TYPE_CHECKING:
    from seizure.signal import Prepared

Prepare = Callable[[Path, Preprocessing], "Prepared"]
"""From a recording's file to its prepared signal; raises RecordingError. A module's own: it is pickled."""


@dataclass(frozen=True, slots=True)
class Task:
    """One recording that is to be in the cache."""

    recording: Recording
    annotations: Annotations
    settings: Preprocessing
    folder: Path
    kind: str
    is_deep: bool  # a shard that is there is used only after its samples' checksum was looked at
    prepare: Prepare
    is_alone: bool = False  # another process that says it builds this has not finished for long


@dataclass(frozen=True, slots=True)
class Done:
    """The shard is there: made now, given another header, or found as it should be."""

    how: Literal["built", "relabelled", "found"]


@dataclass(frozen=True, slots=True)
class Busy:
    """Another build makes this shard just now."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """The recording cannot be used."""

    error: RecordingError


@dataclass(frozen=True, slots=True)
class Stopped:
    """The cache cannot be written: no recording would fare better."""

    reason: str


@dataclass(frozen=True, slots=True)
class Died:
    """The worker ended, or took too long and was ended."""

    how: str


Outcome = Done | Busy | Unusable | Stopped | Died


class ScratchError(Exception):
    """Scratch files cannot be written: the fault of no recording, and the next one would meet it too."""


def prepare_edf(path: Path, settings: Preprocessing) -> Prepared:
    """Opens and preprocesses an EDF file. Raises RecordingError, ScratchError."""
    from seizure.edf import open_edf
    from seizure.signal import preprocess

    edf, scratch = open_edf(path), _scratch()
    try:
        return preprocess(edf, settings, scratch=scratch)
    except OSError as error:  # what reading meets has its own name
        raise ScratchError(f"{scratch}: {error.strerror or error}; TMPDIR names a folder with room") from None


def _scratch() -> Path | None:
    # /tmp may be memory, which is what a scratch file is to save; TMPDIR goes before
    on_disk = Path("/var/tmp")
    if os.environ.get("TMPDIR") or not os.access(on_disk, os.W_OK):
        return Path(tempfile.gettempdir())
    return on_disk
