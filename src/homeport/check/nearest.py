"""Where something of a missing module's name lies, in the container and on the launcher, for messages."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from homeport.check.placing import Files

_MOST = 3  # places to name
_DEPTH = 3
_FOLDERS = 400  # to look into
_NEVER = {"__pycache__", "node_modules", "site-packages", "venv", "env", "build", "dist"}


def on_launcher(module: str, roots: tuple[Path, ...]) -> tuple[Path, ...]:
    """Files or packages of that name near the entry file and below where the command is typed."""
    parts = module.split(".")
    found: dict[Path, None] = {}
    for root in dict.fromkeys(roots):
        for folder in _folders(root):
            for path in _named(Path(folder), parts):
                found.setdefault(path)
    return tuple(found)[:_MOST]


def in_container(module: str, files: Files) -> tuple[str, ...]:
    """Paths of the container."""
    parts = module.split(".")
    found: dict[str, None] = {}
    for piece in files.pieces:
        if not piece.is_folder:
            if piece.source.name == f"{parts[-1]}.py" and piece.source.is_file():
                found.setdefault(piece.target)
            continue
        for folder in _folders(piece.source):
            for path in _named(Path(folder), parts):
                rest = path.relative_to(piece.source).as_posix()
                place = f"{piece.target.rstrip('/')}/{rest}"
                if files.at(place) is not None:
                    found.setdefault(place)
    return tuple(found)[:_MOST]


def _named(folder: Path, parts: list[str]) -> Iterator[Path]:
    package = folder.joinpath(*parts)
    if (file := package.with_name(f"{parts[-1]}.py")).is_file():
        yield file
    elif package.is_dir() and any(path.suffix == ".py" for path in package.iterdir()):
        yield package


@lru_cache(maxsize=64)
def _folders(root: Path) -> tuple[str, ...]:
    """Folders down to some depth, the nearest first; never the whole of a large tree."""
    found = [str(root)]
    level = [str(root)]
    for _ in range(_DEPTH):
        below = []
        for folder in level:
            try:
                with os.scandir(folder) as entries:
                    below += [entry.path for entry in entries if _is_source(entry)]
            except OSError:
                continue
            if len(found) + len(below) > _FOLDERS:
                return tuple(found)
        found += below
        level = below
    return tuple(found)


def _is_source(entry: os.DirEntry[str]) -> bool:
    hidden = entry.name.startswith(".") or entry.name in _NEVER
    return not hidden and entry.is_dir(follow_symlinks=False)
