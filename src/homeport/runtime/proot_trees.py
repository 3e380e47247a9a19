"""What a container or build step under proot is made of: which trees are copied, merged and bound.

An image's layers are merged, by copying, once for each image; its containers see the large parts of that
(/usr, /opt) bound, and get copies of the rest. With Landlock what is bound can only be read. Without it
nothing is bound that the container could write: it gets a copy of everything. inside/prooted.py does as is
said here.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from homeport.model.home import Home
from homeport.runtime import proot_copies
from homeport.runtime.discards import discard
from homeport.runtime.engine import ContainerSpec
from homeport.runtime.inside.merge import Merge
from homeport.runtime.layers import LayerStore
from homeport.runtime.proot_view import devices, is_confined, view

KIND: Final = "merged"
_KEPT: Final = 12  # of the trees that no container uses; making one takes seconds
_USED: Final = "trees"  # in a task's folder: names of what its container sees
_BOUND_BYTES: Final = 64 << 20  # a folder whose own files are larger is bound, not copied
_BUNDLE: Final = ("pkg", "__modal")
_PARTS_OF_BUNDLE: Final = ("pkg", "__modal/deps", "__modal/homeport")
_GPU_DEVICES: Final = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
_DRIVER: Final = Path("/usr/local/nvidia")
_SHARED_MEMORY: Final = Path("/dev/shm")


class MergedTrees:
    """Merged copies of layers in one home, made when first needed. Few are kept that no container uses."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._store = LayerStore(home)

    async def get(
        self,
        layers: tuple[Path, ...],
        *,
        host_usr: bool,
        task_id: str | None = None,
        finish: Callable[[Path, Path], None] | None = None,
    ) -> Path:
        """The layers (topmost first) as one tree; where this machine's /usr lies below, with their marks. It
        stays while the task's folder does. `finish(tree, place)` has the last word on a tree of its own."""

        async def fill(tree: Path) -> dict[str, Any]:
            if not proot_copies.take(self._home.layers, layers, host_usr, tree):
                merge = Merge(keeps_marks=("usr",) if host_usr else ())
                await asyncio.to_thread(merge.run, [str(layer) for layer in layers], str(tree))
            if finish is not None:
                await asyncio.to_thread(finish, tree, path)
            return {"kind": KIND}

        kind = "merged 1" if finish is None else f"merged 1, {finish.__name__}"
        key = "\n".join((kind, str(host_usr), *(str(layer) for layer in layers)))
        path = self._store.path(key)
        if task_id is not None:
            with (self._home.tasks / task_id / _USED).open("a", encoding="utf-8") as file:
                file.write(f"{path.name}\n")
        is_new = not path.is_dir()
        await self._store.make(key, fill)
        os.utime(self._facts(path.name))
        if is_new:
            await asyncio.to_thread(self.clear)
        return path

    def clear(self, kept: int = _KEPT) -> None:
        """Removes those that were not used for longest."""
        used = {
            name
            for file in self._home.tasks.glob(f"*/{_USED}")
            for name in file.read_text(encoding="utf-8").split()
        }
        found = [path.stem for path in self._store.root.glob("*.json") if self._is_merged(path.stem)]
        oldest_first = sorted(found, key=lambda name: self._facts(name).stat().st_mtime)
        for folder in self._store.take_out([name for name in oldest_first[:-kept] if name not in used]):
            discard(self._home, folder)

    def _is_merged(self, name: str) -> bool:
        folder = self._store.folder(name)
        return folder.is_dir() and self._store.facts(folder).get("kind") == KIND

    def _facts(self, name: str) -> Path:
        return self._store.root / f"{name}.json"


async def container_view(home: Home, trees: MergedTrees, spec: ContainerSpec, binary: str) -> dict[str, Any]:
    """The view of one container; merges its image's layers if no container of it was started before."""
    bundle = tuple(tree for tree in spec.overlays if not tree.is_relative_to(home.mounts))
    mounts = [str(tree) for tree in spec.overlays if tree.is_relative_to(home.mounts)]
    image = await trees.get(spec.image.layers, host_usr=spec.image.host_usr, task_id=spec.task_id)
    client = await trees.get(bundle, host_usr=False, task_id=spec.task_id)
    folder = home.tasks / spec.task_id
    found = view(binary, folder / "root")
    found["host_usr"] = spec.image.host_usr
    found["copied"] = [*mounts, str(client), str(image)]
    found["keeps_files"] = spec.keeps_files
    if is_confined():
        found["shared"] += _BUNDLE
        found["binds"] += [[str(client / part), f"/{part}", True] for part in _PARTS_OF_BUNDLE]
    if is_confined() and not spec.keeps_files:
        shared = ["usr", *(["opt"] if _may_share(image / "opt", mounts) else [])]
        found["shared"] += shared
        found["tree"] = str(image)
        found["overlays"] = mounts
        found["bound_bytes"] = _BOUND_BYTES
        found["binds"] += [[str(image / name), f"/{name}", True] for name in shared if name != "usr"]
    found["binds"] += _gpus(spec.gpu_devices)
    if os.access(_SHARED_MEMORY, os.W_OK):
        found["shm"] = str(shared_memory(spec.task_id))
        found["binds"].append([found["shm"], "/dev/shm", False])
    return found


def shared_memory(task_id: str) -> Path:
    """A container's /dev/shm: a folder of its own in this machine's, which limits its size."""
    return _SHARED_MEMORY / f"homeport-{task_id}"


def _may_share(folder: Path, mounts: list[str]) -> bool:
    return (
        folder.is_dir() and any(folder.iterdir()) and not any(Path(tree, "opt").exists() for tree in mounts)
    )


def _gpus(numbers: tuple[int, ...]) -> list[list[Any]]:
    if not numbers:
        return []
    binds = devices((*(f"nvidia{number}" for number in numbers), *_GPU_DEVICES))
    return [*binds, [str(_DRIVER), str(_DRIVER), True]] if _DRIVER.is_dir() else binds
