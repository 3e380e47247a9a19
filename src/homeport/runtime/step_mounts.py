"""What a RUN's --mount options show to its step: caches, parts of the context or of other images, secrets.

Nothing of it is part of the step's layer. A secret is a file in memory.
"""

import asyncio
import hashlib
import posixpath
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from homeport.model.errors import InvalidError, NotServedError
from homeport.model.home import Home
from homeport.plan.instructions import RunMount
from homeport.plan.recipe import ImageState, resolve
from homeport.plan.words import expand
from homeport.runtime.commands import Bind, View, own
from homeport.runtime.context import Context
from homeport.runtime.file_steps import Ground

_locks: dict[Path, asyncio.Lock] = {}


@dataclass(frozen=True)
class StepMounts:
    """`caches`: folders that only one step at a time may have."""

    binds: tuple[Bind, ...] = ()
    views: tuple[View, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    memory_folders: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    locks: tuple[asyncio.Lock, ...] = ()

    @property
    def targets(self) -> list[str]:
        """Where mounts were made, and folders for them."""
        places = [bind.target for bind in self.binds] + [view.target for view in self.views]
        return [*places, *self.texts, *self.memory_folders]

    def held(self) -> AbstractAsyncContextManager[object]:
        return _Held(self.locks)


class _Held(AsyncExitStack):
    def __init__(self, locks: Sequence[asyncio.Lock]) -> None:
        super().__init__()
        self._locks = locks

    async def __aenter__(self) -> "_Held":
        await super().__aenter__()
        for lock in self._locks:
            await self.enter_async_context(lock)
        return self


def step_mounts(
    home: Home,
    mounts: Sequence[RunMount],
    state: ImageState,
    context: Context,
    secrets: Mapping[str, str],
    ground: Callable[[str], Ground],
) -> StepMounts:
    """`ground` gives the image that a mount's `from` names. Raises InvalidError, NotServedError."""
    binds: list[Bind] = []
    views: list[View] = []
    texts: dict[str, str] = {}
    variables: dict[str, str] = {}
    folders: list[str] = []
    locks: set[Path] = set()
    for mount in mounts:
        target = resolve(state, expand(mount.target, state.variables)) if mount.target else ""
        if mount.kind == "tmpfs":
            folders.append(target)
        elif mount.kind == "cache":
            folder = _cache(home, expand(mount.id, state.variables) or target, mount.mode)
            binds.append(Bind(folder, target, read_only=False))
            if mount.is_locked:
                locks.add(folder)
        elif mount.kind == "secret":
            value = _secret(mount, secrets)
            if value is not None and target:
                texts[target] = value
            if value is not None and mount.variable:
                variables[mount.variable] = value
        elif mount.image is None:
            binds.append(Bind(_of_context(context, mount.source), target))
        else:
            _show(ground(mount.image), mount, target, binds, views)
    held = tuple(_locks.setdefault(folder, asyncio.Lock()) for folder in sorted(locks))
    return StepMounts(tuple(binds), tuple(views), texts, tuple(folders), variables, held)


def _cache(home: Home, name: str, mode: int | None) -> Path:
    """A folder that outlives builds; the same for the same id, or target without one."""
    parent = home.cache / "steps"
    parent.mkdir(mode=0o755, exist_ok=True)
    folder = parent / hashlib.sha256(name.encode()).hexdigest()[:32]
    if not folder.is_dir():
        folder.mkdir(mode=0o755)
        if mode is not None:
            folder.chmod(mode)
        own(folder)
    return folder


def _secret(mount: RunMount, secrets: Mapping[str, str]) -> str | None:
    """The variable of the build's Secrets that has the id's name."""
    value = secrets.get(mount.id)
    if value is None and mount.is_required:
        raise InvalidError(
            f"RUN --mount=type=secret,id={mount.id} needs a secret that this build was not given. Give the "
            f'image secrets=[modal.Secret.from_dict({{"{mount.id}": …}})].'
        )
    return value


def _of_context(context: Context, source: str) -> Path:
    if not source or posixpath.normpath("/" + source) == "/":
        if context.tree is None:
            raise InvalidError(
                "RUN --mount=type=bind shows the build context, which is empty: the modal client sends only "
                "what COPY names. Use COPY."
            )
        return context.tree
    try:
        ((found, _),) = context.find((source,))
    except (InvalidError, ValueError):
        raise InvalidError(
            f"RUN --mount=type=bind shows {source!r}, which is not in the build context: the modal client "
            "sends only what COPY names. Use COPY."
        ) from None
    return found


def _show(ground: Ground, mount: RunMount, target: str, binds: list[Bind], views: list[View]) -> None:
    path = posixpath.normpath("/" + mount.source)
    if path == "/":
        views.append(View(ground.layers, ground.host_usr, target))
        return
    parts = [layer / path.lstrip("/") for layer in ground.layers]
    if ground.host_usr and path.startswith("/usr/"):
        parts.append(Path(path))
    there = [part for part in parts if part.exists() and not part.is_symlink()]
    if not there:
        raise InvalidError(
            f"RUN --mount=type=bind shows {path} of {mount.image}, which holds no such file or folder."
        )
    if there[0].is_dir():
        views.append(View(tuple(part for part in there if part.is_dir()), False, target))
    elif there[0].is_file():
        binds.append(Bind(there[0], target))
    else:
        raise NotServedError(
            f"Homeport does not serve RUN --mount=type=bind of {path}: it is no file or folder."
        )
