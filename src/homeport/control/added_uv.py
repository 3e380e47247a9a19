"""COPY from uv's own image: PyPI's same program, kept here once and put into layers as a hard link."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from homeport.control.image_definition import UV_IMAGE
from homeport.plan.instructions import Copy
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import ImageState, copy_paths
from homeport.runtime.file_steps import Source
from homeport.runtime.image_builder import ImageBuilder
from homeport.runtime.layers import LayerStore
from homeport.runtime.uv import Log


class AddedUv:
    """Of one COPY; `image` is what it names, such as ghcr.io/astral-sh/uv:latest."""

    def __init__(self, store: LayerStore, builder: ImageBuilder, image: str) -> None:
        found = UV_IMAGE.fullmatch(image)
        assert found is not None
        self._store = store
        self._builder = builder
        self._version = None if found[1] in (None, "latest") else found[1]
        self.key = layer_key("", f"uv {found[1]}")

    async def source(self, log: Log) -> Source:
        return Source(await self._builder.uv_folder(self._version, log), (), "uv's image")

    async def link(
        self, key: str, step: Copy, state: ImageState, layers: tuple[Path, ...], log: Log
    ) -> Path | None:
        """The step's layer, where it is the program alone in a new folder, as Image.uv_pip_install has it."""
        sources, target = copy_paths(state, step)
        plain = Copy(step.text, step.sources, step.target, step.image)
        top = target.split("/")[1]
        if step != plain or sources != ("/uv",) or target in (f"/{top}", f"/{top}/"):
            return None
        if target.endswith("/") or any(os.path.lexists(layer / top) for layer in layers):
            return None
        program = await self._builder.uv_folder(self._version, log) / "uv"

        async def fill(tree: Path) -> Mapping[str, str]:
            place = tree / target.lstrip("/")
            place.parent.mkdir(parents=True)
            await asyncio.to_thread(place.hardlink_to, program)
            return {"kind": "step"}

        return await self._store.make(key, fill)
