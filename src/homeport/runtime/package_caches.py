"""What build steps keep of packages for each other: caches of uv, pip and bytecode, and hard links into them.

A step sees them in one folder, on one mount. Beside them lies what a step installs by hard links
(inside/packages.py), which `scratch` makes a part of the step's layer. Links are safe there, since a layer is
only ever the lower side of an overlay. Without namespaces containers write to the files themselves: no links.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homeport.model.home import Home
from homeport.runtime import isolation
from homeport.runtime.commands import Bind
from homeport.runtime.discards import discard
from homeport.runtime.identity import container_uid, own, remove_tree

NAMES = ("uv", "pip", "bytecode")
PLACE = "/run/homeport/packages"  # where a step finds them
_SCRATCH = "tmp-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class PackageCaches:
    """The caches of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._root = home.cache / "packages"
        self._before = home.cache

    def folders(self) -> list[Path]:
        """Those that are there."""
        return [folder for name in NAMES if (folder := self._root / name).is_dir()]

    def bind(self) -> Bind:
        """All of them, for a step."""
        self._root.mkdir(exist_ok=True)
        self._root.chmod(0o711)  # no container lists it: one step does not find another's scratch folder
        for name in NAMES:
            folder = self._root / name
            if not folder.exists() and (self._before / name).is_dir():  # an older engine's
                (self._before / name).rename(folder)
            folder.mkdir(mode=0o755, exist_ok=True)
            if folder.stat().st_uid != container_uid():  # new, or an engine's of another isolation
                own(folder)
        return Bind(self._root, PLACE, read_only=False)

    def variables(self) -> dict[str, str]:
        """What tells uv and pip of them in a step."""
        return {
            "UV_CACHE_DIR": f"{PLACE}/uv",
            "UV_LINK_MODE": "copy",  # the cache is on another mount than the layer
            "PIP_CACHE_DIR": f"{PLACE}/pip",
        }

    def new_scratch(self) -> str | None:
        """The name of a folder for hard links, to be made by `scratch`; None where they are not safe."""
        return None if isolation.chosen() != isolation.NAMESPACES else _SCRATCH + secrets.token_hex(16)

    @contextmanager
    def scratch(self, name: str | None, tree: Path) -> Iterator[None]:
        """The folder, while a step runs. What is ready in it at the end becomes part of the layer `tree`."""
        if name is None:
            yield
            return
        folder = self._root / name
        folder.mkdir(mode=0o755)
        own(folder)
        try:
            yield
            if (folder / "ready").exists():
                _take(folder, tree)
        finally:
            remove_tree(folder)

    def sweep(self) -> None:
        """Removes what a killed engine left."""
        for folder in self._root.glob(f"{_SCRATCH}*"):
            discard(self._home, folder)


def _take(folder: Path, tree: Path) -> None:
    """Moves the content of `folder`/ready into the tree. Another container may be writing there: no name is
    followed through a link."""
    above = os.open(folder, _FOLDER)
    try:
        source, target = os.open("ready", _FOLDER, dir_fd=above), os.open(tree, _FOLDER)
        try:
            _move_all(source, target)
        finally:
            os.close(source)
            os.close(target)
    finally:
        os.close(above)


def _move_all(source: int, target: int) -> None:
    for name in os.listdir(source):
        try:
            into = os.open(name, _FOLDER, dir_fd=target)
        except FileNotFoundError:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            continue
        try:
            below = os.open(name, _FOLDER, dir_fd=source)
            try:
                _move_all(below, into)
            finally:
                os.close(below)
        finally:
            os.close(into)
