"""What FROM stands for: an image that was built here, nothing at all, or a base image."""

import json

from homeport.control.image_definition import NotThereError, Result, Voice
from homeport.model.errors import FailedPreconditionError, NotFoundError
from homeport.model.home import Home
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import ImageState, Variable
from homeport.runtime.base_image import BaseImage, ensure_base_image, ready_base_image
from homeport.runtime.layers import LayerStore
from homeport.store.database import Database


class Bases:
    """Finds base images, and makes those that are missing."""

    def __init__(self, home: Home, db: Database, store: LayerStore) -> None:
        self._home = home
        self._db = db
        self._store = store

    async def find(self, name: str, voice: Voice | None) -> Result:
        """The image of that name. Raises NotThereError where it has to be made and there is no voice."""
        if name == "scratch":
            return await self._scratch()
        return await self._local(name, voice)

    def derived(self, image_id: str) -> Result:
        """An image that was built here. Raises NotFoundError, or FailedPreconditionError."""
        row = self._db.one("image_by_id", image_id=image_id)
        if row is None:
            raise NotFoundError(f"There is no image {image_id}. Run the app again, which builds it.")
        if row["state"] != 1:
            raise FailedPreconditionError(f"Image {image_id}, from which this one is derived, is not built.")
        env = {name: Variable(value, set_by) for name, value, set_by in json.loads(row["env"])}
        state = ImageState(
            key=row["key"],
            env=env,
            workdir=row["workdir"],
            shell=tuple(json.loads(row["shell"])),
            entrypoint=tuple(json.loads(row["entrypoint"])),
            cmd=tuple(json.loads(row["cmd"])),
            user=row["user"],
        )
        layers = tuple(json.loads(row["layers"]))
        notes = tuple(json.loads(row["notes"]))
        return Result(state, layers, row["python_series"], notes, row["metadata"], bool(row["host_usr"]))

    async def _scratch(self) -> Result:
        async def nothing(tree: object) -> dict[str, str]:
            return {"kind": "empty"}

        empty = await self._store.make("scratch", nothing)
        return Result(ImageState(layer_key("", "FROM scratch")), (empty.name,), "", (), host_usr=False)

    async def _local(self, tag: str, voice: Voice | None) -> Result:
        base = await ready_base_image(self._home, self._store, tag)
        if base is None:
            if voice is None:
                raise NotThereError
            base = await ensure_base_image(self._home, self._store, tag, voice.say)
        if voice is not None:
            for note in base.notes:
                voice.say(f"{note}\n")
        return _result(tag, base)


def _result(tag: str, base: BaseImage) -> Result:
    env = {name: Variable(value, f"FROM {tag}") for name, value in base.env.items()}
    key = layer_key("", "FROM", tag, base.identity)
    return Result(
        ImageState(key, env), tuple(layer.name for layer in base.layers), base.python.series, base.notes
    )
