"""Finds a corpus's recordings by the names of files and folders alone."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Literal

from seizure.corpus.layouts import LAYOUTS
from seizure.corpus.recording import Layout, Recording
from seizure.corpus.tree import Folder, list_tree
from seizure.errors import CorpusError


def discover(root: Path, layout: Layout | Literal["auto"] = "auto") -> list[Recording]:
    """All recordings below `root`, by recording_id, which is unique; no file is opened.

    Raises CorpusError: no such folder, no recordings of the layout, several layouts, one id twice.
    """
    folders = list_tree(root)
    chosen = detect(root, folders) if layout == "auto" else layout
    module = LAYOUTS[chosen]
    name = root.resolve().name
    found = sorted(recording for folder in folders for recording in module.find(folder, name))
    if not found:
        raise CorpusError(f"{root}: no recordings; looked for {module.LOOKED_FOR}{_what_is_there(folders)}")
    for one, other in pairwise(found):
        if one.recording_id == other.recording_id:
            raise CorpusError(
                f"{one.recording_id} is there twice, {one.path} and {other.path}: "
                "take one away, or point data.root at one copy of the corpus"
            )
    return found


def other_edf_files(root: Path, recordings: Iterable[Recording]) -> list[str]:
    """The EDF files below `root` that are none of `recordings`: their names do not fit the layout."""
    known = {str(recording.path) for recording in recordings}
    paths = (f"{folder.path}/{name}" for folder in list_tree(root) for name in folder.edf_names())
    return [path for path in paths if path not in known]


def detect(root: Path, folders: list[Folder]) -> Layout:
    """The layout whose names the EDF files bear. Raises CorpusError where none fits, or several."""
    names = [name for folder in folders for name in folder.edf_names()]
    fits: Counter[Layout] = Counter()
    for layout, module in LAYOUTS.items():
        count = sum(module.PATTERN.fullmatch(name) is not None for name in names)
        if count:
            fits[layout] = count
    if not fits:
        looked_for = "; ".join(module.LOOKED_FOR for module in LAYOUTS.values())
        raise CorpusError(f"{root}: no layout found{_what_is_there(folders)}; looked for {looked_for}")
    if len(fits) > 1:
        seen = ", ".join(f"{count} files of {layout}" for layout, count in fits.most_common())
        raise CorpusError(f"{root}: several layouts ({seen}): set data.layout, or point data.root at one")
    return next(iter(fits))


def _what_is_there(folders: list[Folder]) -> str:
    names = [name for folder in folders for name in folder.edf_names()]
    if not names:
        return " (there is no .edf file)"
    return f" ({len(names)} .edf files, such as {names[0]})"
