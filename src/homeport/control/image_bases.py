"""What FROM stands for: an image that was built here, nothing at all, or a base image."""

import json

from homeport.control.image_aliases import ImageAliases
from homeport.control.image_definition import NotThereError, Result, Voice
from homeport.control.registry_images import Asked, RegistryImages
from homeport.model.errors import FailedPreconditionError, NotFoundError, NotServedError
from homeport.model.home import Home
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import ImageState, Variable
from homeport.plan.references import LOCAL_DEBIAN, Reference, parse_reference
from homeport.plan.registry_errors import RegistryUnreachableError
from homeport.runtime import isolation
from homeport.runtime.apt import release_here
from homeport.runtime.base_image import (
    BASE_ENV,
    BaseImage,
    base_identity,
    describe_base,
    ensure_base_image,
    is_local_tag,
    ready_base_image,
)
from homeport.runtime.base_tree import ensure_base_tree
from homeport.runtime.commands import NO_ROOT
from homeport.runtime.debian_root import ensure_root, ready_root
from homeport.runtime.layers import LayerStore
from homeport.store.database import Database


class Bases:
    """Finds base images, and makes or pulls those that are missing."""

    def __init__(
        self, home: Home, db: Database, store: LayerStore, registries: RegistryImages, aliases: ImageAliases
    ) -> None:
        self._home = home
        self._db = db
        self._store = store
        self._registries = registries
        self._aliases = aliases

    async def find(self, name: str, asked: Asked, voice: Voice | None) -> Result:
        """The image of that name: what its alias says, its registry's, or a local base that stands for it.

        Raises NotThereError where it has to be made and there is no voice, other HomeportErrors for what
        cannot be had.
        """
        if name == "scratch":
            return await self._scratch()
        alias = self._aliases.find(name)
        if alias is None:
            return await self._pulled(name, asked, voice)
        pattern, target = alias
        if target == LOCAL_DEBIAN:
            result = await self._debian(asked, voice)
        else:
            result = await self._pulled(target, asked, voice)
        note = f"{name} was asked for, {target} is used: homeport image alias '{pattern}' {target}"
        if voice is not None:
            voice.say(f"{note}\n")
        return result.noting(note)

    async def local(self, tag: str, asked: Asked, voice: Voice | None) -> Result:
        """This machine's base for a tag such as python:3.11.12-slim-bookworm. Raises NotServedError."""
        base = await ready_base_image(self._home, self._store, tag, own_root=asked.own_root)
        if base is None:
            if voice is None:
                raise NotThereError
            base = await ensure_base_image(self._home, self._store, tag, voice.say, own_root=asked.own_root)
        if voice is not None:
            for note in base.notes:
                voice.say(f"{note}\n")
        return _result(tag, base)

    async def _pulled(self, name: str, asked: Asked, voice: Voice | None) -> Result:
        if isolation.chosen() == isolation.PROCESS:
            if is_local_tag(name):
                return await self.local(name, asked, voice)
            raise NotServedError(f"`FROM {name}` {NO_ROOT}")
        reference = parse_reference(name)
        known = None if asked.is_forced else self._registries.known(reference)
        if isinstance(known, Result):
            return known
        if known is not None and is_local_tag(name) and not self._registries.may_be_had_now(known):
            return (await self.local(name, asked, voice)).noting(known)
        try:
            return await self._registries.get(reference, asked, voice)
        except RegistryUnreachableError as error:
            if not is_local_tag(name):
                raise FailedPreconditionError(
                    f"The image {reference.familiar} cannot be pulled: {error}. Or let this machine's base "
                    f"stand for it: homeport image alias '{_pattern(reference)}' {LOCAL_DEBIAN}"
                ) from None
            note = f"this machine's base stands for {reference.familiar}: {error}"
            self._registries.note_local(reference, note)
            if voice is not None:
                voice.say(f"{note}\n")
            return (await self.local(name, asked, voice)).noting(note)

    async def _debian(self, asked: Asked, voice: Voice | None) -> Result:
        """This machine's base, without a Python of its own."""
        if asked.own_root:
            return await self._root(voice)
        base = await ensure_base_tree(self._store)
        key = layer_key("", "FROM", LOCAL_DEBIAN, base_identity())
        env = {name: Variable(value, f"FROM {LOCAL_DEBIAN}") for name, value in BASE_ENV.items()}
        return Result(ImageState(key, env), (base.name,), "", (describe_base(),))

    async def _root(self, voice: Voice | None) -> Result:
        """A root file system of this machine's own release."""
        root = ready_root(self._store, release_here())
        if root is None:
            if voice is None:
                raise NotThereError
            root = await ensure_root(self._home, self._store, release_here(), voice.say)
        key = layer_key("", "FROM", LOCAL_DEBIAN, root.tree.name)
        env = {name: Variable(value, f"FROM {LOCAL_DEBIAN}") for name, value in BASE_ENV.items()}
        return Result(ImageState(key, env), (root.tree.name,), "", (root.note,), host_usr=False)

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
        self._store.touch(*layers)
        notes = tuple(json.loads(row["notes"]))
        return Result(state, layers, row["python_series"], notes, row["metadata"], bool(row["host_usr"]))

    async def _scratch(self) -> Result:
        async def nothing(tree: object) -> dict[str, str]:
            return {"kind": "empty"}

        empty = await self._store.make("scratch", nothing)
        return Result(ImageState(layer_key("", "FROM scratch")), (empty.name,), "", (), host_usr=False)


def _pattern(reference: Reference) -> str:
    """What fits the image whatever its tag."""
    return (
        reference.familiar.partition("@")[0].rpartition(":")[0] + ":*"
        if reference.tag
        else reference.familiar
    )


def _result(tag: str, base: BaseImage) -> Result:
    env = {name: Variable(value, f"FROM {tag}") for name, value in base.env.items()}
    key = layer_key("", "FROM", tag, base.identity)
    return Result(
        ImageState(key, env),
        tuple(layer.name for layer in base.layers),
        base.python.series,
        base.notes,
        host_usr=base.host_usr,
    )
