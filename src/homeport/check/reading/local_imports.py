"""Finds the app's own modules, as an import where `modal run` is typed does, and follows them once."""

import ast
import os
import sys
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from homeport.check.facts import Module
from homeport.check.reading.scope import LocalModule, Scope, World
from homeport.check.values import External

INSTALLED = ("site-packages", "dist-packages")
MOST_MODULES = 400
MOST_BYTES = 2_000_000  # of the modules that are followed
PROJECT_SIGNS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


class Importer:
    """Gives what `import name` and `from . import name` bind."""

    def __init__(self, world: World, entry: Path, follow: Callable[[Scope], None]) -> None:
        self.world = world
        self.follow = follow
        self.entry = entry
        self._folders: dict[str, frozenset[str]] = {}
        self._bytes = 0
        self._project: tuple[str, ...] | None = None
        self._searched: dict[str, str | None] = {}

    def module(self, name: str, scope: Scope | None = None) -> LocalModule | External | None:
        """The module of a dotted name; None where it is not the app's own (nor a module in that package)."""
        top = name.split(".", 1)[0]
        if top in sys.stdlib_module_names or top == "modal":  # loaded before anything of the app's own
            return None
        found: LocalModule | None = None
        for end in range(1, name.count(".") + 2):
            dotted = ".".join(name.split(".")[:end])
            place = self.place(dotted, found)
            if place is None:
                return None
            found = self.loaded(place, dotted)
        return found

    def place(self, dotted: str, parent: LocalModule | None) -> Path | None:
        name = dotted.rpartition(".")[2]
        if parent is not None:
            path = parent.scope.module.path
            folder = path if path.name != "__init__.py" and path.is_dir() else path.parent
            if path.name != "__init__.py" and not path.is_dir():
                return None
            return self.in_folder(str(folder), name)
        namespace: Path | None = None
        for entry in self.world.search_path:
            if not isinstance(entry, str | PurePath):
                continue
            folder_path = self.searched(str(entry))
            if folder_path is None:
                continue
            found = self.in_folder(folder_path, name)
            if found is not None and found.suffix == ".py":
                return found
            namespace = namespace or found
        return namespace or self.in_project(name)

    def in_project(self, name: str) -> Path | None:
        """In the project around the entry file, which may be installed where `modal run` is typed (as
        `pip install -e .` does).
        """
        if self._project is None:
            self._project = ()
            for folder in self.entry.parents[:8] if self.world.side.is_local else ():
                if any((folder / sign).exists() for sign in PROJECT_SIGNS):
                    self._project = (str(folder / "src"), str(folder))
                    break
        places = (self.in_folder(folder, name) for folder in self._project)
        return next((place for place in places if place is not None and place.suffix == ".py"), None)

    def searched(self, entry: str) -> str | None:
        """The launcher's folder of an entry of sys.path, None where nothing of the app's own lies."""
        if entry not in self._searched:
            folder = self.world.side.disk(PurePath(entry))
            is_own = folder is not None and not any(part in INSTALLED for part in folder.parts)
            self._searched[entry] = str(folder) if is_own else None
        return self._searched[entry]

    def in_folder(self, folder: str, name: str) -> Path | None:
        """`name.py`, a package, or a folder of that name."""
        names = self.listed(folder)
        if name in names:
            inner = self.listed(os.path.join(folder, name))  # noqa: PTH118
            if "__init__.py" in inner:
                return Path(folder, name, "__init__.py")
        if f"{name}.py" in names:
            return Path(folder, f"{name}.py")
        if name in names and any(file.endswith(".py") or "." not in file for file in inner):
            return Path(folder, name)
        return None

    def listed(self, folder: str) -> frozenset[str]:
        found = self._folders.get(folder)
        if found is None:
            try:
                found = frozenset(os.listdir(folder))  # noqa: PTH208 (names are all that is needed)
            except (OSError, ValueError):
                found = frozenset()
            self._folders[folder] = found
        return found

    def loaded(self, path: Path, dotted: str) -> LocalModule:
        """The module, followed if it was not yet; one that is being followed is given as it is by now."""
        key = str(path)
        scope = self.world.modules.get(key)
        if scope is None:
            if path.suffix == ".py":
                module = self.world.sources.read(path, dotted)
            else:
                module = Module(path, dotted, "", ast.Module(body=[], type_ignores=[]))
            scope = new_scope(module, self.world)
            self.world.modules[key] = scope
            self._bytes += len(scope.module.text)
            if len(self.world.modules) < MOST_MODULES and self._bytes < MOST_BYTES:
                self.world.import_within(lambda: self.follow(scope))
        return LocalModule(dotted, scope)


def new_scope(module: Module, world: World) -> Scope:
    scope = Scope(module, world)
    file = world.side.file_of(module)
    is_package = module.path.name == "__init__.py"
    package = module.name if is_package else module.name.rpartition(".")[0]
    scope.names.update({"__file__": file, "__name__": module.name, "__package__": package, "__doc__": None})
    return scope


def absolute_name(node: ast.ImportFrom, scope: Scope) -> str:
    """The dotted name that `from ..a import b` is about."""
    if not node.level:
        return node.module or ""
    package: Any = scope.top().names.get("__package__") or ""
    parts = str(package).split(".") if package else []
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])
