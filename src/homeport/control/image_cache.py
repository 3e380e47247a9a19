"""The cache of images: what each takes, what is in use, and what is given up for room or for its age.

A layer is removed only when no image has it and no build under way came by it (LayerStore.guard). In use is
an image that a container has, that an app that is not stopped asked for, or that its functions name.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modal_proto import api_pb2

from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.plan.eviction import Cached, evict, freed
from homeport.runtime.discards import discard
from homeport.runtime.layers import LayerStore, tree_bytes
from homeport.runtime.package_caches import PackageCaches
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_NOTED_EVERY_S = 60.0
_DEPLOYING_S = 3600.0  # between the first image that a client asks for and its app's publication
_RUNS = 1e12  # images_by_use says so of an image that a container has


@dataclass(frozen=True)
class Removal:
    """What went, or would go: images by id, the bytes of layers that only they had."""

    image_ids: tuple[str, ...]
    freed_bytes: int


class ImageCache:
    """Of one engine. `forget` is told of images that are gone; `limit_bytes` is None for no limit."""

    def __init__(self, home: Home, db: Database, store: LayerStore, forget: Callable[[str], None]) -> None:
        self._home = home
        self._db = db
        self._store = store
        self._forget = forget
        self.limit_bytes: int | None = None
        self._used: dict[str, float] = {}  # when a use was last written down
        self._askers: dict[str, set[str]] = {}  # apps that asked for an image

    def note_use(self, image_id: str, app_id: str = "") -> None:
        """An image was asked for, by an app or for a container."""
        if app_id:
            self._askers.setdefault(image_id, set()).add(app_id)
        now = time.time()
        if now - self._used.get(image_id, 0.0) >= _NOTED_EVERY_S:
            self._used[image_id] = now
            self._db.run("note_image_use", image_id=image_id, now=now)

    async def remove_unused(self, before: float, named: frozenset[str], *, dry_run: bool = False) -> Removal:
        """Gives up what nothing used since `before` (seconds since the epoch)."""
        sizes = await asyncio.to_thread(self._store.step_sizes)
        entries = self._entries(named, sizes)
        given_up = [entry for entry in entries if not entry.is_held and entry.used_at < before]
        return await self._remove(entries, given_up, sizes, dry_run=dry_run)

    async def clear_packages(self, *, dry_run: bool) -> int:
        """Removes what pip and uv fetched and what was compiled; how many bytes that frees. Raises
        FailedPreconditionError while something is built, since it may read there."""
        folders = PackageCaches(self._home).folders()
        size = sum([await asyncio.to_thread(tree_bytes, folder, freed=True) for folder in folders])
        if dry_run:
            return size
        if self._store.is_building():
            raise FailedPreconditionError(
                "An image is being built, which uses the packages' cache. Try again when it is done."
            )
        taken = [folder.rename(self._store.scratch() / folder.name) for folder in folders]
        for folder in taken:
            discard(self._home, folder.parent)
        return size

    async def delete(self, image_id: str, named: frozenset[str]) -> None:
        """Removes one image. Raises FailedPreconditionError where something uses it."""
        sizes = await asyncio.to_thread(self._store.step_sizes)
        entries = self._entries(named, sizes)
        entry = next(entry for entry in entries if entry.image_id == image_id)
        if entry.is_held:
            raise FailedPreconditionError(
                f"Image {image_id} is in use: a container, an app that runs or is deployed, or a name has it."
            )
        await self._remove(entries, [entry], sizes)

    async def enforce(self, named: frozenset[str]) -> Removal:
        """Gives up what was used the longest ago, until the steps' layers take the limit at most."""
        if self.limit_bytes is None:
            return Removal((), 0)
        sizes = await asyncio.to_thread(self._store.step_sizes)
        if sum(sizes.values()) <= self.limit_bytes:
            return Removal((), 0)
        entries = self._entries(named, sizes)
        removal = await self._remove(entries, evict(entries, sizes, self.limit_bytes), sizes)
        logger.info(
            "the image cache was over its limit: %d images given up, %d MB freed",
            len(removal.image_ids),
            removal.freed_bytes // 1_000_000,
        )
        return removal

    def _entries(self, named: frozenset[str], sizes: dict[str, int]) -> list[Cached]:
        apps = self._db.all("unstopped_apps")
        live = {row["app_id"] for row in apps if row["state"] != api_pb2.APP_STATE_DEPLOYED}
        deployed = {row["app_id"] for row in apps} - live
        lately = time.time() - _DEPLOYING_S
        named = named | {row["image_id"] for row in self._db.all("published_images")}
        entries: list[Cached] = []
        owned: set[str] = set()
        for row in self._db.all("images_by_use"):
            image_id = row["image_id"]
            askers = self._askers.get(image_id, set()) | {row["app_id"]}
            # of a deployed app's images those count that its functions name, or will in a moment
            is_asked = bool(askers & live) or (row["used_at"] >= lately and bool(askers & deployed))
            is_held = row["state"] == 0 or row["used_at"] >= _RUNS or image_id in named or is_asked
            layers = tuple(json.loads(row["layers"]))
            owned.update(layers)
            entries.append(Cached(image_id, row["used_at"], layers, is_held))
        ages = self._store.ages()
        for name in sizes.keys() - owned:
            entries.append(Cached("", ages.get(name, 0.0), (name,)))
        return entries

    async def _remove(
        self,
        entries: Sequence[Cached],
        given_up: Sequence[Cached],
        sizes: dict[str, int],
        *,
        dry_run: bool = False,
    ) -> Removal:
        # nothing else runs in between: rows and folders go together. Another removal may have been faster
        # while the sizes were looked at.
        layers = [
            name
            for name in freed(entries, given_up, sizes)
            if not self._store.is_guarded(name) and self._store.folder(name).is_dir()
        ]
        image_ids = tuple(entry.image_id for entry in given_up if entry.image_id)
        removal = Removal(image_ids, sum(sizes[name] for name in layers))
        if dry_run:
            return removal
        trees = self._store.take_out(layers)
        with self._db.transaction():
            for name in layers:
                self._db.run("delete_steps_of_layer", layer=name)
            for image_id in image_ids:
                self._db.run("delete_image", image_id=image_id)
        for image_id in image_ids:
            self._used.pop(image_id, None)
            self._askers.pop(image_id, None)
            self._forget(image_id)
        for tree in trees:
            discard(self._home, tree)
        return removal
