"""SeizeIT1: `P_IDxx/P_IDxx_ry.edf`, each with the neurologist's `P_IDxx_ry_a1.tsv`.

A line is start, stop (seconds), type and free text, separated by tabs, after `#` lines. Twelve seizures of
the corpus have `None` for a stop.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from seizure.corpus.recording import Recording, Seizure
from seizure.corpus.text import annotation_file, malformed, number, read_text, unknown_label
from seizure.corpus.tree import Folder
from seizure.errors import Fault, Notice

PATTERN = re.compile(r"(P_ID\d+)_r\d+\.edf", re.IGNORECASE)
LOOKED_FOR = "P_IDxx/P_IDxx_ry.edf with P_IDxx_ry_a1.tsv (SeizeIT)"

SEIZURE_TYPES = frozenset(("FIA", "FIAS", "FA", "F-BTC", "FBTC", "NC"))
OPEN_SEIZURE_S = 30.0
"""What a seizure without an end is taken to last: the convention of the SzCORE conversion (epilepsy2bids)."""


def find(folder: Folder, root_name: str) -> Iterator[Recording]:
    for name in folder.edf_names():
        match = PATTERN.fullmatch(name)
        if match:
            beside = name[:-4] + "_a1.tsv"
            yield Recording(
                recording_id=name[:-4],
                path=Path(folder.path, name),
                patient=match[1].upper(),
                layout="seizeit",
                annotation_path=Path(folder.path, beside) if beside in folder.names else None,
            )


def read(recording: Recording, duration_s: float) -> tuple[list[Seizure], list[Notice]]:
    path = annotation_file(recording)
    return parse(path, read_text(path), duration_s)


def stated_duration_s(recording: Recording) -> float | None:
    return None  # the annotations do not say


def parse(path: Path, text: str, duration_s: float) -> tuple[list[Seizure], list[Notice]]:
    seizures: list[Seizure] = []
    notices: list[Notice] = []
    for line, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in raw.split("\t")]
        if len(cells) < 3:
            raise malformed(path, line, f"{len(cells)} columns in place of 3 or 4")
        if cells[2].upper() not in SEIZURE_TYPES:
            raise unknown_label(path, line, cells[2], ", ".join(sorted(SEIZURE_TYPES)))
        start_s = number(path, line, "start", cells[0])
        if cells[1] == "None":
            stop_s = start_s + OPEN_SEIZURE_S
            if start_s < duration_s:
                stop_s = min(stop_s, duration_s)
            words = (
                f"{path.name}: the seizure at {start_s:g} s has no end, taken as {stop_s - start_s:g} s long"
            )
            notices.append(Notice(Fault.MALFORMED_ANNOTATIONS, words))
        else:
            stop_s = number(path, line, "stop", cells[1])
        seizures.append(Seizure(start_s, stop_s))
    return seizures, notices
