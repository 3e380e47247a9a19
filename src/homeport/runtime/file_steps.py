"""Steps of an image that only move files: COPY, ADD, WORKDIR, and what a registry's archives hold.

No program of the image is needed: inside/files.py does the work, in a container of its own. What a step is
made from and its key is control's matter.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError, InvalidError, ResourceExhaustedError
from homeport.runtime.commands import Bind, CommandSpec, View
from homeport.runtime.host import run_step
from homeport.runtime.kept_files import forget_machine
from homeport.runtime.layers import LayerStore

_FROM = "/run/homeport/from"  # /run is no part of an image
_TO = "/run/homeport/to"
_WRONG, _FULL = 2, 3  # exit statuses of inside/files.py
_PLAIN_ENV = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

Output = Callable[[str], None]


@dataclass(frozen=True)
class Ground:
    """An image as far as it is made: its layers (topmost first), and whether this machine's /usr lies under
    them."""

    layers: tuple[Path, ...]
    host_usr: bool


@dataclass(frozen=True)
class Source:
    """Where a COPY takes from, and the paths there: a folder of this machine, or another image."""

    place: Path | Ground
    names: tuple[str, ...]
    origin: str  # what to call it in an error
    are_patterns: bool = True


@dataclass(frozen=True)
class Copying:
    """What a COPY or ADD does with its sources."""

    target: str  # a folder where it ends in a slash
    verb: str = "COPY"
    mode: int | None = None
    owner: str | None = None
    excludes: tuple[str, ...] = ()
    keeps_parents: bool = False
    unpacks: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


class FileSteps:
    """Makes layers of files."""

    def __init__(self, store: LayerStore) -> None:
        self._store = store

    async def folder(self, key: str, ground: Ground, path: str, owner: str | None = None) -> Path:
        """The layer of a WORKDIR, which makes its folder. Raises InvalidError where a file is in its way."""
        return await self._make(key, ground, {"kind": "folder", "root": "/", "path": path, "owner": owner})

    async def copy(
        self, key: str, ground: Ground, sources: Sequence[Source], copying: Copying, log: Output
    ) -> Path:
        """The layer of a COPY or ADD. Raises InvalidError for what cannot be copied."""
        binds: list[Bind] = []
        views: list[View] = []
        named = []
        for number, source in enumerate(sources):
            place = f"{_FROM}/{number}"
            if isinstance(source.place, Ground):
                views.append(View(source.place.layers, source.place.host_usr, place))
            else:
                binds.append(Bind(source.place, place))
            for name in source.names:
                named.append(
                    {
                        "place": place,
                        "name": name,
                        "origin": source.origin,
                        "is_pattern": source.are_patterns,
                        "follows": isinstance(source.place, Ground),
                    }
                )
        work = {
            "kind": "copy",
            "root": "/",
            "sources": named,
            "target": copying.target,
            "verb": copying.verb,
            "mode": copying.mode,
            "owner": copying.owner,
            "excludes": list(copying.excludes),
            "keeps_parents": copying.keeps_parents,
            "unpacks": copying.unpacks,
        }
        return await self._make(key, ground, work, tuple(binds), tuple(views), log)

    async def unpack(self, blobs: Path, names: Sequence[str], tree: Path, below: Path, log: Output) -> None:
        """Unpacks an image's layers, files of the folder `blobs`, lowest first, into a tree. `below` is any
        tree that a container can stand on. Raises InvalidError for archives that are broken or mean harm."""
        scratch = tree.with_name("unpacking")
        work = {"kind": "image", "root": _TO, "layers": [f"{_FROM}/0/{name}" for name in names]}
        binds = (Bind(blobs, f"{_FROM}/0"), Bind(tree, _TO, read_only=False))
        await _run(CommandSpec((), (below,), scratch, _PLAIN_ENV, binds=binds, work=work), log)

    async def _make(
        self,
        key: str,
        ground: Ground,
        work: Mapping[str, Any],
        binds: tuple[Bind, ...] = (),
        views: tuple[View, ...] = (),
        log: Output = lambda text: None,
    ) -> Path:
        async def fill(tree: Path) -> dict[str, Any]:
            await _run(
                CommandSpec(
                    (),
                    ground.layers,
                    tree,
                    _PLAIN_ENV,
                    host_usr=ground.host_usr,
                    binds=binds,
                    views=views,
                    work=work,
                    becomes=self._store.path(key),
                ),
                log,
            )
            await asyncio.to_thread(
                forget_machine, tree, [bind.target for bind in binds] + [view.target for view in views]
            )
            return {"kind": "step"}

        return await self._store.make(key, fill)


async def _run(spec: CommandSpec, log: Output) -> None:
    output: list[bytes] = []

    def take(data: bytes) -> None:
        output.append(data)
        log(data.decode("utf-8", "replace"))

    status = await run_step(spec, take)
    if status == 0:
        return
    lines = b"".join(output).decode("utf-8", "replace").strip().splitlines()
    said = lines[-1] if lines else f"exit status {status}"
    if status == _WRONG:
        raise InvalidError(said)
    if status == _FULL:
        raise ResourceExhaustedError(
            f"{said}. Free some space, or set HOMEPORT_HOME to a folder on another disk. Nothing was kept."
        )
    raise FailedPreconditionError(f"Files of the image could not be written: {said}.")
