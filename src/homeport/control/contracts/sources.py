"""What an app's mounts brought, for sentences that name lines: sources, configuration files, defaults."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.runs.configs import opened_now
from homeport.model.errors import HomeportError
from homeport.model.home import Home
from homeport.record.contracts.defaults import defaults
from homeport.record.run import Note, SourceFile

_MOST_FILES: Final = 2000
_MOST_DEFAULTS: Final = 256  # of functions
_LARGEST: Final = 512 * 1024
_SUFFIXES: Final = (".py", ".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf")

MountTree = Callable[[str], Path | None]


class ContractSources:
    """`tree` gives a mount's files as a folder that stands for /."""

    def __init__(self, home: Home, functions: Functions, tree: MountTree) -> None:
        self._home = home
        self._functions = functions
        self._tree = tree
        self._defaults: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}  # of functions, as of a time

    @staticmethod
    def files(trees: Iterable[Path]) -> tuple[SourceFile, ...]:
        """Those of `trees` that can be read as text; for a thread. In place of a digest stands where the file
        lies."""
        found: dict[str, Path] = {}
        for tree in trees:
            for path in _walk(tree):
                found.setdefault(f"/{path.relative_to(tree)}", path)
                if len(found) >= _MOST_FILES:
                    break
        return tuple(SourceFile(inside, str(path)) for inside, path in found.items())

    def read(self, path: str, place: str) -> str | None:
        """A file's text by `files`' place of it; without one, a file of the launcher."""
        return _text(Path(place or path))

    def config(self, note: Note) -> str:
        """The text of the configuration file that a process opened; empty where it cannot be had."""
        found = opened_now(self._home, note)
        return found.text if found is not None else ""

    def defaults(self, app_id: str, function: str, entry: str) -> dict[str, str]:
        """Values of a function's parameters where a call gives none."""
        found = self._defaults_in(Path(entry), function) if entry else {}
        if found:
            return found
        for definition in self._definitions(app_id):
            module = definition.function.module_name.replace(".", "/")
            if definition.tag.partition(".")[0] == function.partition(".")[0] and module:
                places = (tree / f"root/{module}.py" for tree in self.trees(app_id))
                file = next((place for place in places if place.is_file()), None)
                return self._defaults_in(file, function) if file is not None else {}
        return {}

    def _defaults_in(self, file: Path, function: str) -> dict[str, str]:
        """Asked for each call: a file is parsed again only where it was changed."""
        try:
            changed = file.stat().st_mtime_ns
        except OSError:
            return {}
        key = str(file), function
        known = self._defaults.get(key)
        if known is None or known[0] != changed:
            if len(self._defaults) >= _MOST_DEFAULTS:
                self._defaults.clear()
            known = self._defaults[key] = (changed, defaults(_text(file) or "", function))
        return known[1]

    # ---- inside

    def _definitions(self, app_id: str) -> list[Definition]:
        with suppress(HomeportError):
            found = [self._functions.get(each) for each, _ in self._functions.handles(app_id)]
            return [definition for definition in found if definition.app_id == app_id]
        return []

    def trees(self, app_id: str) -> list[Path]:
        """The folders of what the app's mounts brought."""
        mounts = {each: None for d in self._definitions(app_id) for each in d.function.mount_ids}
        found = []
        for mount_id in mounts:
            with suppress(HomeportError):
                if (tree := self._tree(mount_id)) is not None:
                    found.append(tree)
        return found


def _walk(tree: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(tree):
        for name in names:
            if name.endswith(_SUFFIXES):
                yield Path(folder) / name


def _text(path: Path) -> str | None:
    try:
        if path.is_file() and path.stat().st_size <= _LARGEST:
            return path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        pass
    return None
