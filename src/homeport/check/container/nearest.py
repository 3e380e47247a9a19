"""Where something of a missing module's name lies, in the container and on the launcher, for messages."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from homeport.check.container.placing import Files

_MOST = 3  # places to name
_DEPTH = 3
_FOLDERS = 150  # to look into
_NEVER = {"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"}

Index = dict[str, list[str]]  # paths as texts: a Path costs more than finding its file


@dataclass
class Nearby:
    """Python files and packages by name, of folders that were looked into once."""

    _indices: dict[Path, Index] = field(default_factory=dict)

    def on_launcher(self, module: str, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        """Those near the entry file and below where the command is typed."""
        parts = module.split(".")
        found = {path: None for root in roots for path in self._named(root, parts)}
        return tuple(found)[:_MOST]

    def in_container(self, module: str, files: Files) -> tuple[str, ...]:
        """Their paths in the container."""
        parts = module.split(".")
        found: dict[str, None] = {}
        for piece in files.pieces:
            if not piece.is_folder:
                if piece.source.name == f"{parts[-1]}.py" and piece.source.is_file():
                    found.setdefault(piece.target)
                continue
            for path in self._named(piece.source, parts):
                place = f"{piece.target.rstrip('/')}/{path.relative_to(piece.source).as_posix()}"
                if files.at(place) is not None:
                    found.setdefault(place)
        return tuple(found)[:_MOST]

    def _named(self, root: Path, parts: list[str]) -> list[Path]:
        if root not in self._indices:
            self._indices[root] = _index(root)
        above = parts[:-1]
        found = map(Path, self._indices[root].get(parts[-1], ()))
        return [path for path in found if list(path.parts[-len(parts) : -1]) == above]


def _index(root: Path) -> Index:
    """Down to some depth, the nearest first; never the whole of a large tree."""
    index: Index = defaultdict(list)
    level, looked = [str(root)], 0
    for _ in range(_DEPTH + 1):
        below: list[str] = []
        for folder in level:
            looked += 1
            if looked > _FOLDERS:
                return index
            has_python = False
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.endswith(".py"):
                            has_python = True
                            index[entry.name[:-3]].append(entry.path)
                        elif _is_source(entry):
                            below.append(entry.path)
            except OSError:
                continue
            if has_python and looked > 1:
                index[folder.rpartition("/")[2]].append(folder)
        level = sorted(below)
    return index


def _is_source(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".") or entry.name in _NEVER or "." in entry.name
    return not hidden and entry.is_dir(follow_symlinks=False)
