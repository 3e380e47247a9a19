"""Images: asking for one, waiting for its build, and what containers need of it.

An image that was built before is answered at once; another is built in the background while clients follow
its log. How a definition becomes layers is image_recipes.py's.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path

from modal_proto import api_pb2

from homeport.control.image_builds import Builds
from homeport.control.image_cache import ImageCache, Removal
from homeport.control.image_definition import (
    BuildFailedError,
    ContextMounts,
    FunctionRunner,
    ImageDefinition,
    Result,
)
from homeport.control.image_facts import describe_image, find_python, image_metadata
from homeport.control.image_logs import ImageLog, log_path, read_log
from homeport.control.image_recipes import Base, Recipes
from homeport.control.protocols import SecretSource
from homeport.control.torch_builds import TorchBuilds
from homeport.model.errors import FailedPreconditionError, HomeportError, NotFoundError, NotServedError
from homeport.model.home import Home
from homeport.model.ids import IMAGE, new_id
from homeport.plan.log_records import Record
from homeport.runtime.base_tree import base_key
from homeport.runtime.client_bundle import ensure_client_bundle
from homeport.runtime.engine import ImageView
from homeport.runtime.image_builder import ImageBuilder
from homeport.runtime.layers import LayerStore
from homeport.runtime.package_caches import PackageCaches
from homeport.runtime.pythons import PythonLayer, ensure_python
from homeport.runtime.uv import Log
from homeport.store.database import Database

logger = logging.getLogger(__name__)

BUILDING, BUILT, FAILED, INTERRUPTED = range(4)
_LATELY_S = 60.0


@dataclass(frozen=True)
class Image:
    """How an image stands. `metadata` is serialised api_pb2.ImageMetadata, of a built image only."""

    image_id: str
    state: int
    error: str = ""
    exit_status: int = 0
    metadata: bytes | None = None


class Images:
    """Makes, finds and shows images."""

    def __init__(
        self,
        home: Home,
        db: Database,
        mounts: ContextMounts,
        secrets: SecretSource,
        base: Base = "auto",
        torch: TorchBuilds | None = None,
    ) -> None:
        self._home = home
        self._db = db
        self._store = LayerStore(home)
        self.functions: FunctionRunner | None = None  # serves Image.run_function
        self._torch = torch or TorchBuilds(home, has_gpu=True)
        self._recipes = Recipes(
            home, db, self._store, mounts, secrets, self._function_runner, self._torch, base
        )
        self.aliases = self._recipes.aliases
        self._builder = ImageBuilder(home, self._store)
        self._builds = Builds(home, self._make_room)
        self._views: dict[str, ImageView] = {}
        self.named: Callable[[float], frozenset[str]] = lambda before: frozenset()  # what functions name
        self.cache = ImageCache(home, db, self._store, self._forget)
        self._records: dict[str, dict[str, object]] = {}
        self._bundles: dict[tuple[str, str], tuple[Path, ...]] = {}
        self._interpreters: dict[tuple[str, ...], str] = {}
        self._room: set[asyncio.Task[None]] = set()
        self._base = Path()
        self._base_until = 0.0

    def _function_runner(self) -> FunctionRunner:
        if self.functions is None:
            raise NotServedError("This engine calls no functions, so Image.run_function is not served.")
        return self.functions

    async def open(self) -> None:
        """Clears away what an engine that was killed left half made. Once, before anything else."""
        self._db.run("images_interrupted", now=time.time())
        await asyncio.to_thread(self._store.sweep)
        await asyncio.to_thread(PackageCaches(self._home).sweep)
        await asyncio.to_thread(self._recipes.registry.sweep)

    async def close(self) -> None:
        """Ends running builds; clients are told to try again."""
        await self._builds.close()
        for task in self._room:
            task.cancel()
        await asyncio.gather(*self._room, return_exceptions=True)
        await self._store.close()

    async def get_or_create(self, definition: ImageDefinition) -> Image:
        """The image of a definition: built, or being built, in which case `follow` tells how it goes.

        Raises NotServedError by name, InvalidError, NotFoundError before anything runs.
        """
        with self._store.guard():
            image = await self._find_or_start(definition)
            self.cache.note_use(image.image_id, definition.app_id)
        return image

    async def _find_or_start(self, definition: ImageDefinition) -> Image:
        self._recipes.check(definition)
        digest = self._recipes.digest(definition)
        is_forced = definition.force_build or definition.ignore_cache
        if not is_forced and (running := self._builds.image_of(digest)):
            return self.get(running)
        result = await self._recipes.resolve(definition)
        known = result and self._db.one("built_image_by_key", key=result.state.key)
        if known:
            return Image(known["image_id"], BUILT, metadata=known["metadata"])
        if not is_forced and (running := self._builds.image_of(digest)):  # another request was faster
            return self.get(running)
        image_id = self._add(definition)
        work = partial(self._run, image_id, definition)
        self._builds.start(image_id, definition.app_id, None if is_forced else digest, work)
        return Image(image_id, BUILDING)

    def get(self, image_id: str) -> Image:
        """Raises NotFoundError."""
        row = self._row(image_id)
        return Image(image_id, row["state"], row["error"], row["exit_status"], row["metadata"])

    async def follow(
        self, image_id: str, offset: int, timeout_s: float, *, replay: bool
    ) -> AsyncIterator[list[Record] | Image]:
        """Records of the build's log from an offset on, then how it ended; without that at the timeout.

        `replay` gives the log of a build that ended long ago, too. Raises NotFoundError.
        """
        deadline = time.monotonic() + timeout_s
        finished_at = self._row(image_id)["finished_at"]
        # whoever was told of a build may come a moment after its end, or come back to the rest of its log
        shows_log = replay or offset > 0 or finished_at is None or finished_at > time.time() - _LATELY_S
        build = self._builds.get(image_id)
        with build.followed() if build else contextlib.nullcontext():
            while True:
                image = self.get(image_id)  # before reading: what it ended with is in the log then
                while shows_log and (records := list(read_log(self._home, image_id, offset))):
                    offset = records[-1].end
                    yield records
                if image.state == BUILDING and self._builds.get(image_id) is None:
                    image = self._lost(image_id)
                if image.state != BUILDING:
                    yield image
                    return
                remaining = deadline - time.monotonic()
                if build is None or remaining <= 0:
                    return
                if self.get(image_id).state == BUILDING:
                    await build.log.wait(remaining)

    def _lost(self, image_id: str) -> Image:
        """A build that ended, and whose end could not be written down; unless it was, a moment ago."""
        image = self.get(image_id)
        if image.state != BUILDING:
            return image
        return replace(
            image, state=INTERRUPTED, error="How it ended could not be written down: is the disk full?"
        )

    def view(self, image_id: str) -> ImageView:
        """Raises NotFoundError, or FailedPreconditionError while it is not built."""
        self.cache.note_use(image_id)
        view = self._views.get(image_id)
        if view is None:
            view = self._views[image_id] = self._make_view(image_id)
        base = self._current_base()
        if not view.host_usr or base == view.layers[-1] or not base.is_dir():
            return view
        # programs or certificates were installed on this machine since the image was built
        return replace(view, layers=(*view.layers[:-1], base))

    def _current_base(self) -> Path:
        """The base tree of this machine as it is now, looked up once a second at most."""
        now = time.monotonic()
        if now >= self._base_until:
            self._base = self._store.path(base_key())
            self._base_until = now + 1
        return self._base

    def chain(self, image_id: str) -> list[sqlite3.Row]:
        """The image and those that it was built on, as far as they are known, the lowest first. Raises
        NotFoundError."""
        rows = [self._row(image_id)]
        while bases := api_pb2.Image.FromString(rows[0]["definition"]).base_images:
            below = self._db.one("image_by_id", image_id=bases[0].image_id)
            if below is None:
                break
            rows.insert(0, below)
        return rows

    def env_origins(self, image_id: str) -> dict[str, str]:
        """Which instruction set each variable of the image. Raises NotFoundError."""
        return {name: set_by for name, _, set_by in json.loads(self._row(image_id)["env"])}

    def record(self, image_id: str) -> dict[str, object]:
        """What the image is made of, for the record of a container. Raises NotFoundError."""
        known = self._records.get(image_id)
        if known is None:
            known = self._records[image_id] = describe_image(self._row(image_id), self._db, self._store)
        return known

    def notes(self, image_id: str) -> list[str]:
        """Where the image differs from what was asked for. Raises NotFoundError."""
        notes: list[str] = json.loads(self._row(image_id)["notes"])
        return notes

    async def client_bundle(self, image_id: str, client_version: str) -> tuple[Path, ...]:
        """Trees with /pkg, /__modal/deps and /__modal/homeport for this image's Python, topmost first."""
        known = self._bundles.get((image_id, client_version))
        if known is None:
            row = self._row(image_id)
            if not row["python_series"]:
                raise FailedPreconditionError(
                    f"Image {image_id} has no `python` on its PATH, which a function's container needs. Give "
                    'Image.from_registry or from_dockerfile add_python="3.12", or install one in the image.'
                )
            known = await self._bundle(
                row["python_series"], client_version, row["builder_version"], logger.info
            )
            self._bundles[image_id, client_version] = known
        return known

    def app_stopped(self, app_id: str) -> None:
        """Ends the app's builds, unless clients of others follow them."""
        self._builds.app_stopped(app_id)

    async def sweep(self, before: float, named: frozenset[str]) -> int | None:
        """Removes images that nothing used since `before`, with their logs and the layers that only they had,
        and what is too much for the cache. Returns how many images."""
        removal = await self.cache.remove_unused(before, named)
        more = await self.cache.enforce(named)
        return len(removal.image_ids) + len(more.image_ids)

    async def prune(self, before: float, *, dry_run: bool) -> Removal:
        """As `sweep`, asked for by the user."""
        return await self.cache.remove_unused(before, self.named(before), dry_run=dry_run)

    async def clear_packages(self, *, dry_run: bool) -> int:
        """Removes what builds fetched of packages; how many bytes that frees."""
        return await self.cache.clear_packages(dry_run=dry_run)

    async def delete(self, image_id: str) -> None:
        """Raises NotFoundError, or FailedPreconditionError where something uses it."""
        self.get(image_id)
        await self.cache.delete(image_id, self.named(time.time()))

    def _make_room(self) -> None:
        """After a build: the cache may be over its limit."""

        async def enforce() -> None:
            await self.cache.enforce(self.named(time.time()))

        task = asyncio.create_task(enforce(), name="image cache")
        self._room.add(task)
        task.add_done_callback(self._room.discard)

    def _forget(self, image_id: str) -> None:
        self._views.pop(image_id, None)
        self._records.pop(image_id, None)
        for key in [key for key in self._bundles if key[0] == image_id]:
            del self._bundles[key]
        log_path(self._home, image_id).unlink(missing_ok=True)

    async def _bundle(
        self, series: str, client_version: str, builder_version: str, log: Log
    ) -> tuple[Path, ...]:
        version = client_version or metadata.version("modal")
        python: PythonLayer = await ensure_python(self._home, self._store, series, log)
        return await ensure_client_bundle(self._home, self._store, python, version, builder_version, log)

    async def _run(self, image_id: str, definition: ImageDefinition, log: ImageLog) -> None:
        """A build's whole life; ends by writing how it went into the image's row."""
        try:
            with self._store.guard():
                await self._build(image_id, definition, log)
        except BuildFailedError as error:
            self._end(image_id, FAILED, str(error), error.status)
        except HomeportError as error:
            log.say(f"{error}\n")
            self._end(image_id, FAILED, str(error), 1)
        except asyncio.CancelledError as error:
            self._end(image_id, INTERRUPTED, str(error) or "The engine was stopped.", 0)
            raise
        except Exception as error:
            logger.exception("the build of %s failed", image_id)
            message = (
                f"Homeport's engine failed ({type(error).__name__}: {error}); engine.log has the details."
            )
            self._end(image_id, FAILED, message, 1)

    async def _build(self, image_id: str, definition: ImageDefinition, log: ImageLog) -> None:
        result = await self._recipes.build(definition, log.write, log.say)
        python, series = await self._python(result)
        if series and not definition.base_images:  # a first image: a container of it comes next
            await self._bundle(series, definition.client_version, definition.builder_version, log.say)
        await self._finish(image_id, definition, result, python, series)

    def _add(self, definition: ImageDefinition) -> str:
        image_id = new_id(IMAGE)
        self._db.run(
            "add_image",
            image_id=image_id,
            definition=definition.serialized,
            builder_version=definition.builder_version,
            build_function_id=definition.function.function_id if definition.function else "",
            app_id=definition.app_id,
            created_at=time.time(),
        )
        return image_id

    async def _python(self, result: Result) -> tuple[str, str]:
        """The image's interpreter and its series; both empty where it has none."""
        layers = tuple(self._home.layers / name for name in result.layers)
        env = result.state.plain_env
        ask = partial(self._builder.ask, layers, env=env, host_usr=result.host_usr)
        return await find_python(ask, layers, env, result.python_series)

    async def _finish(
        self, image_id: str, definition: ImageDefinition, result: Result, python: str, series: str
    ) -> None:
        state = result.state
        layers = tuple(self._home.layers / name for name in result.layers)
        ask = partial(self._builder.ask, layers, env=state.plain_env, host_usr=result.host_usr)
        if result.from_base is not None:
            facts = api_pb2.ImageMetadata.FromString(result.from_base)
        else:
            facts = await image_metadata(ask, layers, python, self._interpreters)
        if note := self._torch.note(facts.python_packages):
            result = result.noting(note)
        facts.image_builder_version = definition.builder_version
        if state.workdir is not None:
            facts.workdir = state.workdir
        self._db.run(
            "image_built",
            image_id=image_id,
            key=state.key,
            layers=json.dumps(result.layers),
            env=json.dumps([(name, v.value, v.set_by) for name, v in state.env.items()]),
            workdir=state.workdir,
            shell=json.dumps(state.shell),
            entrypoint=json.dumps(state.entrypoint),
            cmd=json.dumps(state.cmd),
            python=python,
            python_series=series,
            notes=json.dumps(result.notes, ensure_ascii=False),
            metadata=facts.SerializeToString(),
            host_usr=result.host_usr,
            user=state.user,
            finished_at=time.time(),
        )

    def _end(self, image_id: str, state: int, error: str, exit_status: int) -> None:
        self._db.run(
            "image_ended",
            image_id=image_id,
            state=state,
            error=error,
            exit_status=exit_status,
            finished_at=time.time(),
        )

    def _make_view(self, image_id: str) -> ImageView:
        row = self._row(image_id)
        if row["state"] != BUILT:
            why = f": {row['error']}" if row["error"] else "."
            raise FailedPreconditionError(f"Image {image_id} is not built{why} Run the app again.")
        layers = tuple(self._home.layers / name for name in json.loads(row["layers"]))
        gone = [layer.name for layer in layers if not layer.is_dir()]
        if gone:
            raise FailedPreconditionError(
                f"Layer {gone[0]} of image {image_id} is no longer in {self._home.layers}. Run or deploy the "
                "app again, which builds it."
            )
        env = {name: value for name, value, _ in json.loads(row["env"])}
        entrypoint = tuple(json.loads(row["entrypoint"]))
        return ImageView(
            image_id,
            layers,
            env,
            row["workdir"],
            row["python"],
            bool(row["host_usr"]),
            command=entrypoint + tuple(json.loads(row["cmd"])),
            entrypoint=entrypoint,
        )

    def _row(self, image_id: str) -> sqlite3.Row:
        row = self._db.one("image_by_id", image_id=image_id)
        if row is None:
            raise NotFoundError(
                f"There is no image {image_id}. Run or deploy the app again, which builds it."
            )
        return row
