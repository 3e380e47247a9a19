"""The packages of an image that is built, as they lie in its layers: nothing about them is a guess."""

import os
import stat
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from homeport.check.container.distributions import distribution_of
from homeport.check.container.requirements import normalise
from homeport.check.facts import FoundModule


class SitePackages:
    """`folders` of the layers, the topmost first."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders

    def find(self, module: str) -> FoundModule | None:
        """None where there surely is no such module. What lies inside of a package may be made by it, and so
        is taken to be there; not what lies in a folder that distributions share.
        """
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            if not self._has(path):
                return None
            if self._has(f"{path}/__init__") or not self._has_folder(path):
                break  # a package of its own, or a module
        top = distribution_of(module) or distribution_of(parts[0])
        return FoundModule(top if top in self._names else parts[0], kind="distribution")

    def is_installed(self, name: str) -> bool:
        return normalise(name) in self._names

    @cached_property
    def leads_elsewhere(self) -> bool:
        """Whether a .pth file puts another folder on the path, of which this knows nothing."""
        return any(self._leads(folder / name) for folder, name in self._entries() if name.endswith(".pth"))

    def _has(self, path: str) -> bool:
        above, _, name = path.rpartition("/")
        for folder in self._folders:
            for entry in self._list(folder / above if above else folder):
                is_file = entry.partition(".")[0] == name and entry.endswith((".py", ".so", ".pyc"))
                if entry == name or is_file:
                    return not _is_removed(folder / above / entry)
        return False

    def _has_folder(self, path: str) -> bool:
        return any(self._list(folder / path) for folder in self._folders)

    @cached_property
    def _names(self) -> frozenset[str]:
        """Distributions: a layer that upgrades one hides the folder of the other version."""
        names: dict[str, bool] = {}
        for folder, entry in self._entries():
            if entry.endswith((".dist-info", ".egg-info")):
                name = normalise(entry.rpartition(".")[0].rpartition("-")[0])
                names[name] = names.get(name, False) or not _is_removed(folder / entry)
        return frozenset(name for name, is_there in names.items() if is_there)

    def _entries(self) -> Iterator[tuple[Path, str]]:
        return ((folder, name) for folder in self._folders for name in self._list(folder))

    def _list(self, folder: Path) -> list[str]:
        if folder not in self._lists:
            try:
                self._lists[folder] = os.listdir(folder)  # noqa: PTH208  # texts are quicker
            except OSError:
                self._lists[folder] = []
        return self._lists[folder]

    @cached_property
    def _lists(self) -> dict[Path, list[str]]:
        return {}

    def _leads(self, path: Path) -> bool:
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return False
        return any(line.strip() and not line.startswith(("#", "import ", "import\t")) for line in lines)


def _is_removed(path: Path) -> bool:
    """Whether a layer says that the path is gone, as overlay file systems do."""
    try:
        found = path.lstat()
    except OSError:
        return True
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
