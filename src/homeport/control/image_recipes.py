"""Definitions of images: the same one recognised, resolved from what is there, or built.

Rows of images, waiting clients and logs are images.py's; the pass over the instructions is image_walk.py's.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Literal

from modal_proto import api_pb2

from homeport.control.image_aliases import ImageAliases
from homeport.control.image_bases import Bases
from homeport.control.image_definition import (
    ContextMounts,
    FunctionRunner,
    ImageDefinition,
    NotThereError,
    Result,
    Voice,
    check_definition,
    definition_of,
)
from homeport.control.image_walk import Walk, Workplace
from homeport.control.protocols import SecretSource
from homeport.control.registry_images import Asked, RegistryImages
from homeport.control.torch_builds import TorchBuilds
from homeport.model.home import Home
from homeport.plan.instructions import From, Instruction
from homeport.plan.registry_auth import read_login
from homeport.plan.system_packages import check_system_packages, is_client_prelude, needs_own_root
from homeport.runtime import isolation
from homeport.runtime.base_image import is_local_tag
from homeport.runtime.context import Context, write_context_files
from homeport.runtime.file_steps import FileSteps
from homeport.runtime.image_builder import ImageBuilder
from homeport.runtime.layers import LayerStore
from homeport.runtime.registry import Registry
from homeport.runtime.userland import missing_packages
from homeport.runtime.uv import Log
from homeport.store.database import Database

# what lies below images: this machine's userland, a root file system of their own, or the one that serves
Base = Literal["auto", "host", "debian"]


def as_base(value: object) -> Base:
    """A setting that may hold anything; auto for what is none."""
    return "host" if value == "host" else "debian" if value == "debian" else "auto"


class Recipes:
    """Resolves and builds definitions in one home."""

    def __init__(
        self,
        home: Home,
        db: Database,
        store: LayerStore,
        mounts: ContextMounts,
        secret_source: SecretSource,
        functions: Callable[[], FunctionRunner],
        torch: TorchBuilds,
        base: Base = "auto",
    ) -> None:
        self._db = db
        self._base = base
        self._store = store
        files = FileSteps(store)
        self.registry = Registry(home, store, files)
        self.aliases = ImageAliases(db)
        bases = Bases(home, db, store, RegistryImages(home, db, self.registry), self.aliases)
        self._workplace = Workplace(
            home, db, store, ImageBuilder(home, store), files, bases, functions, torch
        )
        self._mounts = mounts
        self._secrets = secret_source

    def digest(self, definition: ImageDefinition) -> str:
        """Tells whether two definitions are the same recipe, whatever the ids of their anonymous Secrets."""
        parts = (
            definition.commands,
            sorted(definition.base_images.items()),
            sorted((name, sha256(data).hexdigest()) for name, data in definition.context_files.items()),
            definition.context_mount_id,
            sorted(definition.build_args.items()),
            sorted(self._secret_values(definition)),
            definition.builder_version,
            # each client's function is its own: what calls it may end with its app
            definition.function and definition.function.function_id,
        )
        return sha256(json.dumps(parts).encode()).hexdigest()

    async def resolve(self, definition: ImageDefinition) -> Result | None:
        """The image if all of it is there; None where something has to be made."""
        if definition.force_build or definition.ignore_cache:
            return None
        try:
            return await self._walk(definition, None)
        except NotThereError:
            return None

    async def build(self, definition: ImageDefinition, write: Log, say: Log) -> Result:
        """Makes what is missing. `write` takes the steps' output, `say` the engine's own lines.

        Raises BuildFailedError for a failed step, other HomeportErrors for what cannot be built.
        """
        return await self._walk(definition, Voice(write, say))

    def check(self, definition: ImageDefinition) -> list[Instruction]:
        """The definition's instructions. Raises NotServedError by name, InvalidError."""
        instructions = check_definition(definition)
        is_own = is_client_prelude(instructions) or self._base != "host"
        if not is_own and self._lies_over_this_machine(definition, instructions):
            option = "--engine auto" if isolation.chosen() == isolation.PROCESS else "--base auto"
            check_system_packages(instructions, missing_packages, option)
        return instructions

    def _wants_own_root(self, instructions: list[Instruction]) -> bool:
        if self._base == "auto":
            return needs_own_root(instructions, missing_packages)
        return self._base == "debian"

    def _lies_over_this_machine(self, definition: ImageDefinition, instructions: list[Instruction]) -> bool:
        """Whether apt would have to write into this machine's userland."""
        rows = (self._db.one("image_by_id", image_id=each) for each in definition.base_images.values())
        bases = {entry.image for entry in instructions if isinstance(entry, From)} - set(
            definition.base_images
        )
        return all(row is None or row["host_usr"] for row in rows) and all(map(is_local_tag, bases))

    async def _walk(
        self, definition: ImageDefinition, voice: Voice | None, *, own_root: bool = False
    ) -> Result:
        instructions = self.check(definition)
        values = self._secret_values(definition)
        asked = self._asked(definition, own_root or self._wants_own_root(instructions))

        async def rebase(image_id: str) -> Result:
            return await self._rebase(image_id, voice)

        with self._context(definition) as context:
            walk = Walk(self._workplace, definition, context, values, asked, voice, rebase)
            return await walk.run(instructions)

    async def _rebase(self, image_id: str, voice: Voice | None) -> Result:
        """An image that lies over this machine's userland, over a root file system of its own: its definition
        was stored, and so were those of the images below it."""
        row = self._db.one("image_by_id", image_id=image_id)
        assert row is not None, "checked when it was derived from"
        image = api_pb2.Image.FromString(row["definition"])
        definition = definition_of(
            image, builder_version=row["builder_version"], function_id=row["build_function_id"]
        )
        return await self._walk(definition, voice, own_root=True)

    def _asked(self, definition: ImageDefinition, own_root: bool) -> Asked:
        secret_id = definition.registry_secret_id
        login = read_login(self._secrets.values(secret_id)) if secret_id else None
        return Asked(login, definition.force_build or definition.ignore_cache, own_root)

    @contextmanager
    def _context(self, definition: ImageDefinition) -> Iterator[Context]:
        tree, checksum = None, ""
        python = (
            self._mounts.standalone_python(definition.context_mount_id) if definition.context_mount_id else ""
        )
        if python:
            yield Context(python=python)
            return
        if definition.context_mount_id:
            tree = self._mounts.tree(definition.context_mount_id)
            checksum = self._mounts.checksum(definition.context_mount_id)
        if not definition.context_files:
            yield Context(tree, checksum)
            return
        folder = self._store.scratch()
        try:
            write_context_files(definition.context_files, folder)
            yield Context(tree, checksum, definition.context_files, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _secret_values(self, definition: ImageDefinition) -> dict[str, str]:
        values: dict[str, str] = {}
        for secret_id in definition.secret_ids:  # later Secrets win
            values.update(self._secrets.values(secret_id))
        return values
