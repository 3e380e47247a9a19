"""The folder of layers: finished trees under short names, made once, appearing whole or not at all.

A layer's folder name is the beginning of its key, so the same work is found again without a table. It is
made under a temporary name and renamed when finished: a killed engine leaves only `tmp-…` folders, which
`sweep` removes at the next start. Facts about a layer lie beside it (`NAME.json`), since the folder itself is
a container's `/`. What goes into a layer is for base_tree.py, pythons.py, client_bundle.py and
image_builder.py to say.
"""

import asyncio
import hashlib
import json
import logging
import os
import secrets
from base64 import b32encode
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from homeport.model.home import Home
from homeport.runtime.commands import remove_tree
from homeport.runtime.discards import discard
from homeport.runtime.identity import own

logger = logging.getLogger(__name__)

_NAME_LENGTH = 13  # 65 bits of the key: short, because an overlay's options hold 4 KiB


def layer_name(key: str) -> str:
    """The folder name of the layer with this key: 13 lower-case letters and digits."""
    digest = hashlib.sha256(key.encode()).digest()
    return b32encode(digest).decode().lower()[:_NAME_LENGTH]


def tree_bytes(tree: Path, *, freed: bool = False) -> int:
    """Disk space that a tree takes; hard links count once each. With `freed`, what its removal gives back:
    files without another name."""
    total, pending = 0, [str(tree)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                found = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder or not freed or found.st_nlink == 1:
                    total += found.st_blocks * 512
                if is_folder:
                    pending.append(entry.path)
    return total


class LayerStore:
    """Layers of one home. Concurrent requests for one key share one build."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._root = self.root = home.layers
        self._building: dict[str, asyncio.Task[Path]] = {}
        self._waiting: Counter[asyncio.Task[Path]] = Counter()
        self._tick = 0
        self._guards: list[int] = []
        self._touched: dict[str, int] = {}

    def path(self, key: str) -> Path:
        return self._root / layer_name(key)

    def folder(self, name: str) -> Path:
        """The place of the layer with this folder name."""
        return self._root / name

    def exists(self, key: str) -> bool:
        return self.path(key).is_dir()

    def facts(self, layer: Path) -> dict[str, Any]:
        """What was written about the layer when it was made; empty where nothing was."""
        try:
            return cast(dict[str, Any], json.loads(self._facts_file(layer).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    async def make(self, key: str, fill: Callable[[Path], Awaitable[Mapping[str, Any] | None]]) -> Path:
        """The layer with this key, made by `fill(tree)` if it is not there; `fill` returns facts about it.

        The making goes on when a caller gives up, as long as another waits for it.
        """
        final = self.path(key)
        self.touch(final.name)
        if final.is_dir():
            return final
        task = self._building.get(key)
        if task is None:
            task = asyncio.create_task(self._make(final, fill))
            self._building[key] = task
            task.add_done_callback(lambda ended: self._forget(key, ended))
        self._waiting[task] += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._waiting[task] == 1 and not task.done():
                self._forget(key, task)  # who asks from now on starts anew
                task.cancel()
                await asyncio.wait([task])
            raise
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]

    def _forget(self, key: str, ended: asyncio.Task[Path]) -> None:
        if self._building.get(key) is ended:
            del self._building[key]
        if not ended.done():
            return
        if not ended.cancelled():
            ended.exception()  # whoever waited was told; perhaps nobody waits any more

    async def _make(self, final: Path, fill: Callable[[Path], Awaitable[Mapping[str, Any] | None]]) -> Path:
        scratch = self.scratch()
        tree = scratch / "tree"
        tree.mkdir(mode=0o755)
        try:
            facts = await fill(tree)
            await asyncio.to_thread(self.keep, tree, final, facts)
        finally:
            await asyncio.to_thread(remove_tree, scratch)
        return final

    def scratch(self) -> Path:
        """A new temporary folder on the layers' own file system."""
        folder = self._root / f"tmp-{secrets.token_hex(6)}"
        folder.mkdir(mode=0o755)
        return folder

    def keep(self, tree: Path, final: Path, facts: Mapping[str, Any] | None) -> None:
        """Gives the tree to the containers' root and moves it to its name, facts first."""
        own(tree)
        temporary = tree.parent / "facts.json"
        content = {**(facts or {}), "size_bytes": tree_bytes(tree)}
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        temporary.replace(self._facts_file(final))
        try:
            tree.rename(final)
        except OSError:
            if not final.is_dir():  # else another build of the same key was first: the same content
                raise

    def step_sizes(self) -> dict[str, int]:
        """Bytes on disk of each layer that images may give up, by its name. For a thread."""
        sizes = {}
        for folder in self._root.iterdir():
            if folder.suffix or folder.name.startswith("tmp-"):
                continue
            facts = self.facts(folder)
            if facts.get("kind") in ("step", "registry", "debian root"):
                sizes[folder.name] = int(facts.get("size_bytes") or tree_bytes(folder))
        return sizes

    def ages(self) -> dict[str, float]:
        """When each layer came to be, in seconds since the epoch."""
        return {entry.name: entry.stat().st_ctime for entry in os.scandir(self._root) if entry.is_dir()}

    @contextmanager
    def guard(self) -> Iterator[None]:
        """A build: layers that are touched from here on stay until its end."""
        started = self._tick = self._tick + 1
        self._guards.append(started)
        try:
            yield
        finally:
            self._guards.remove(started)

    def touch(self, *names: str) -> None:
        """Layers are part of what is being built."""
        for name in names:
            self._touched[name] = self._tick

    def is_being_made(self, key: str) -> bool:
        return key in self._building

    def is_building(self) -> bool:
        return bool(self._guards)

    def is_guarded(self, name: str) -> bool:
        return bool(self._guards) and self._touched.get(name, 0) >= min(self._guards)

    def take_out(self, names: list[str]) -> list[Path]:
        """Gives layers temporary names: at once they are there no more, and may be removed."""
        taken = []
        for name in names:
            folder = self._root / name
            taken.append(folder.rename(self._root / f"tmp-{name}-{secrets.token_hex(4)}"))
            self._facts_file(folder).unlink(missing_ok=True)
        return taken

    async def close(self) -> None:
        """Stops what is being made."""
        tasks = list(self._building.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def sweep(self) -> None:
        """Removes what a killed engine left half made. Only for the one engine of this home, at its start."""
        for folder in self._root.glob("tmp-*"):
            try:
                discard(self._home, folder)
            except OSError as error:
                logger.warning("%s could not be removed: %s", folder, error)

    def _facts_file(self, layer: Path) -> Path:
        return self._root / f"{layer.name}.json"
