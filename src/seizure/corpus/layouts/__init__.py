"""The layouts that corpora come in, one module each: which files are recordings, and what annotations say.

Each has PATTERN (a recording's file name), LOOKED_FOR (the same in words), `find(folder, root_name)`,
`read(recording, duration_s)`: intervals as they are written, and what was mended in reading them, and
`stated_duration_s(recording)`: what the annotations say of the recording's length, if anything.
"""

import re
from collections.abc import Iterator
from typing import Protocol

from seizure.corpus.layouts import bids, chbmit, seizeit, siena, tusz
from seizure.corpus.recording import Layout, Recording, Seizure
from seizure.corpus.tree import Folder
from seizure.errors import Notice


class LayoutModule(Protocol):
    PATTERN: re.Pattern[str]
    LOOKED_FOR: str

    def find(self, folder: Folder, root_name: str) -> Iterator[Recording]: ...

    def read(self, recording: Recording, duration_s: float) -> tuple[list[Seizure], list[Notice]]: ...

    def stated_duration_s(self, recording: Recording) -> float | None: ...


LAYOUTS: dict[Layout, LayoutModule] = {
    "tusz": tusz,
    "chbmit": chbmit,
    "siena": siena,
    "seizeit": seizeit,
    "bids": bids,
}

__all__ = ["LAYOUTS", "LayoutModule"]
