"""Lists a corpus's folders and files once, without opening any file."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seizure.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that holds files: its path, its parts below the corpus's root, and its file names."""

    path: str
    parts: tuple[str, ...]
    names: frozenset[str]

    def edf_names(self) -> list[str]:
        return sorted(name for name in self.names if name[-4:].lower() == ".edf")


def list_tree(root: Path) -> list[Folder]:
    """All folders below `root` that hold files, by path. Symbolic links are followed, circles are not."""
    if not root.is_dir():
        what = "a file, and should be the corpus's folder" if root.exists() else "no such folder"
        raise CorpusError(f"{root}: {what}; name the folder that holds the corpus")
    try:
        folders = list(_walk(str(root), ()))
    except OSError as error:
        raise CorpusError(f"{error.filename}: {error.strerror}; the whole corpus must be readable") from None
    return sorted(folders, key=lambda folder: folder.parts)


def _walk(path: str, parts: tuple[str, ...]) -> Iterator[Folder]:
    names: list[str] = []
    below: list[tuple[str, bool]] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):  # .git, .Trash, ._file of other systems
                continue
            if entry.is_dir():
                below.append((entry.name, entry.is_symlink()))
            else:
                names.append(entry.name)
    if names:
        yield Folder(path, parts, frozenset(names))
    for name, is_link in below:
        child = f"{path}/{name}"
        if is_link and _holds(os.path.realpath(child), os.path.realpath(path)):
            continue
        yield from _walk(child, (*parts, name))


def _holds(folder: str, below: str) -> bool:
    return below == folder or below.startswith(folder.rstrip("/") + "/")
