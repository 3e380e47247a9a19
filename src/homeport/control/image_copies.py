"""What a COPY or ADD takes: files of the build context, of another image, here-documents, addresses.

Looking is apart from taking: the key of a step needs a hash of what it takes, and only a step that is not
there yet takes anything.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from homeport.model.errors import InvalidError
from homeport.plan.instructions import Add, Copy
from homeport.plan.layer_key import layer_key
from homeport.plan.recipe import ROOT, ImageState, copy_paths, inline_text
from homeport.runtime.context import Context
from homeport.runtime.downloads import fetch, file_name, is_address
from homeport.runtime.file_steps import Copying, Source
from homeport.runtime.identity import own
from homeport.runtime.uv import Log


@dataclass(frozen=True)
class Origin:
    """Another image that a COPY --from names."""

    source: Callable[[], Awaitable[Source]]  # without the names
    key: str


class Copies:
    """Of one definition. `contents`: hashes of what COPYs take, by mount and sources, kept by the engine."""

    def __init__(self, context: Context, contents: dict[tuple[str, tuple[str, ...]], str]) -> None:
        self._context = context
        self._contents = contents

    async def content(self, state: ImageState, step: Copy, origin: Origin | None) -> str:
        """A hash of what the step takes. Raises InvalidError for what is not there."""
        sources, _ = copy_paths(state, step)
        if origin is not None:
            return origin.key
        local = tuple(source for source in sources if not _is_fetched(step, source))
        parts = [source for source in sources if _is_fetched(step, source)]
        for address in parts:
            file_name(address)  # refused before anything runs
        if isinstance(step, Add) and step.checksum is not None:
            if len(parts) != 1 or local:
                raise InvalidError("ADD --checksum takes one address.")
            parts.append(step.checksum)
        found = await self._local_content(local, step) if local else ""
        return layer_key(found, *parts) if parts else found

    async def sources(
        self, state: ImageState, step: Copy, origin: Origin | None, scratch: Path, log: Log
    ) -> list[Source]:
        """Where the files are; what has to be fetched or written first is put into `scratch`."""
        sources, _ = copy_paths(state, step)
        if origin is not None:
            return [replace(await origin.source(), names=sources)]
        local = tuple(source for source in sources if not _is_fetched(step, source))
        verb = _verb(step)
        found = [
            Source(root, names, "the build context", are_patterns=False)
            for root, names in (self._context.placed(local, verb) if local else [])
        ]
        made: list[str] = []
        for file in step.files:
            (scratch / file.name).write_text(inline_text(state, file), encoding="utf-8")
            (scratch / file.name).chmod(0o644)
            made.append(file.name)
        for address in sources:
            if _is_fetched(step, address):
                log(f"Fetching {address} …\n")
                checksum = step.checksum if isinstance(step, Add) else None
                made.append((await fetch(address, scratch, checksum)).name)
        if made:
            own(scratch)
            found.append(Source(scratch, tuple(made), "what was fetched", are_patterns=False))
        return found

    async def _local_content(self, sources: tuple[str, ...], step: Copy) -> str:
        context = self._context
        if context.contents:
            return await asyncio.to_thread(context.digest, sources, _verb(step))
        known = self._contents.get((context.checksum, sources))
        if known is None:
            known = await asyncio.to_thread(context.digest, sources, _verb(step))
            self._contents[context.checksum, sources] = known
        return known


def copying(state: ImageState, step: Copy) -> Copying:
    """What the step does with what it takes."""
    _, target = copy_paths(state, step)
    return Copying(
        target=target,
        verb=_verb(step),
        mode=step.mode,
        owner=None if step.owner in (None, *ROOT) else step.owner,
        excludes=step.excludes,
        keeps_parents=step.keeps_parents,
        unpacks=isinstance(step, Add),
    )


def _verb(step: Copy) -> str:
    return "ADD" if isinstance(step, Add) else "COPY"


def _is_fetched(step: Copy, source: str) -> bool:
    return isinstance(step, Add) and is_address(source)
