"""Pulls images from registries: fetched by skopeo, unpacked into one layer, named by its digest.

What of an image came whole stays in a folder of the cache if the rest fails. What an image's name stands for
is control/image_bases.py's.
"""

import asyncio
import hashlib
import os
import shutil
import time
import urllib.parse
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError, HomeportError
from homeport.model.home import Home
from homeport.plan.references import Reference
from homeport.plan.registry_auth import Login
from homeport.plan.registry_errors import RegistryUnreachableError, explain
from homeport.runtime import oci, skopeo
from homeport.runtime.file_steps import FileSteps
from homeport.runtime.identity import own, remove_tree
from homeport.runtime.layers import LayerStore
from homeport.runtime.userland import architecture
from homeport.runtime.uv import Log

_KEPT_S = 7 * 86400.0  # of an image that was not pulled whole


class SkopeoMissingError(RegistryUnreachableError):
    """The program that pulls images is not on this machine."""


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds: for a connection, for an answer about an image, for more of a layer;
    and how long a registry that did not answer is not asked again."""

    connect_s: float = 4.0
    answer_s: float = 30.0
    silence_s: float = 60.0
    unreachable_s: float = 60.0


@dataclass(frozen=True)
class PulledImage:
    """An image of a registry as a layer. `config` is what its author said of it."""

    digest: str
    layer: str
    config: dict[str, Any]


@dataclass
class _Pull:
    """A pull that several builds may wait for; it ends when none does any more."""

    task: asyncio.Task[PulledImage]
    logs: list[Log] = field(default_factory=list)


class Registry:
    """All registries, as one engine asks them."""

    def __init__(
        self, home: Home, store: LayerStore, files: FileSteps, patience: Patience | None = None
    ) -> None:
        self._cache = home.cache / "registry"
        self._store = store
        self._files = files
        self._patience = patience or Patience()
        self._pulls: dict[str, _Pull] = {}
        self._unreachable: dict[str, tuple[float, str]] = {}

    async def pull(self, reference: Reference, login: Login | None, log: Log) -> PulledImage:
        """The image, pulled if it is not there. Raises RegistryUnreachableError, other HomeportErrors with
        what the registry says."""
        digest, manifest = await self._resolve(reference, login)
        known = self.stored(digest)
        if known is not None:
            return known
        pull = self._pulls.get(digest)
        if pull is None:
            logs: list[Log] = []
            task = asyncio.create_task(self._fetch(reference, digest, manifest, login, _to_all(logs)))
            pull = self._pulls[digest] = _Pull(task, logs)
            task.add_done_callback(lambda _: self._pulls.pop(digest, None))
        else:
            log("(another build is pulling it)\n")
        pull.logs.append(log)
        try:
            return await asyncio.shield(pull.task)
        finally:
            pull.logs.remove(log)
            if not pull.logs and not pull.task.done():
                pull.task.cancel()
                await asyncio.wait([pull.task])

    def stored(self, digest: str) -> PulledImage | None:
        """The image with this digest, if it is here."""
        layer = self._store.path(_key(digest))
        if not layer.is_dir():
            return None
        return PulledImage(digest, layer.name, self._store.facts(layer).get("config", {}))

    def sweep(self) -> None:
        """Removes what was fetched of images that nobody asked for again."""
        for folder in self._cache.glob("*"):
            if folder.stat().st_mtime < time.time() - _KEPT_S:
                shutil.rmtree(folder, ignore_errors=True)

    async def _resolve(self, reference: Reference, login: Login | None) -> tuple[str, oci.Manifest]:
        """The digest of the image for this machine, and what it consists of."""
        if skopeo.program() is None:
            raise SkopeoMissingError(
                f"images are pulled by skopeo, which is not on this machine: {skopeo.INSTALL}"
            )
        await self._check_reachable(reference)
        raw = await self._inspect(reference, login)
        try:
            found = oci.read_manifest(raw)
            if "manifests" not in found:
                return f"sha256:{hashlib.sha256(raw).hexdigest()}", oci.parse_manifest(found)
            digest = oci.pick_platform(found, architecture())
            chosen = Reference(reference.registry, reference.repository, "", digest)
            return digest, oci.parse_manifest(oci.read_manifest(await self._inspect(chosen, login)))
        except HomeportError as error:
            text = str(error)
            raise type(error)(
                f"{reference.familiar} {text}." if text[:3] in ("has", "is ") else text
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise FailedPreconditionError(
                f"{reference.familiar} could not be pulled: {reference.registry} answers with what is no "
                f"image ({error})."
            ) from None

    async def _check_reachable(self, reference: Reference) -> None:
        """Finds out within seconds that there is no network, once a minute at most."""
        registry = reference.registry
        until, reason = self._unreachable.get(registry, (0.0, ""))
        if time.monotonic() < until:
            raise RegistryUnreachableError(reason)
        if skopeo.has_proxy() or skopeo.has_mirrors() or (reference.is_loopback and ":" not in registry):
            return  # another machine, or port, than the registry's own may answer
        place = urllib.parse.urlsplit(f"//{reference.host}")
        try:
            connecting = asyncio.open_connection(place.hostname, place.port or 443)
            _, writer = await asyncio.wait_for(connecting, self._patience.connect_s)
        except (OSError, TimeoutError, ValueError) as error:  # a port that no machine has
            cause = getattr(error, "strerror", None) or f"no connection in {self._patience.connect_s:.0f} s"
            raise self._note_unreachable(registry, f"{registry} does not answer ({cause})") from None
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def _note_unreachable(self, registry: str, reason: str) -> RegistryUnreachableError:
        self._unreachable[registry] = (time.monotonic() + self._patience.unreachable_s, reason)
        return RegistryUnreachableError(reason)

    async def _inspect(self, reference: Reference, login: Login | None) -> bytes:
        """The manifest as the registry keeps it."""
        arguments = [
            "inspect",
            "--raw",
            f"--tls-verify={skopeo.verifies(reference)}",
            f"docker://{reference.address}",
        ]
        status, output, errors = await skopeo.run(arguments, login, reference, self._patience.answer_s)
        if status == 0:
            found = f"sha256:{hashlib.sha256(output).hexdigest()}"
            if reference.digest and found != reference.digest:  # `inspect` does not check it
                raise explain(f"manifest: digest mismatch, got {found}", reference, has_secret=False)
            return output
        error = explain(errors, reference, has_secret=login is not None)
        if isinstance(error, RegistryUnreachableError):
            raise self._note_unreachable(reference.registry, str(error))
        raise error

    async def _fetch(
        self, reference: Reference, digest: str, manifest: oci.Manifest, login: Login | None, log: Log
    ) -> PulledImage:
        self._cache.mkdir(exist_ok=True)
        folder = self._cache / digest.removeprefix("sha256:")
        for half in folder.glob("blobs/sha256/oci-put-blob*"):  # of a pull that was killed
            half.unlink()
        started = time.monotonic()
        size = _megabytes(manifest.size_bytes)
        log(f"Pulling {reference.familiar}: {len(manifest.layers)} layers, {size}\n")
        await self._copy(reference, digest, manifest, folder, login, log)
        image = await self._unpack(reference, digest, folder, log)
        await asyncio.to_thread(remove_tree, folder)
        log(f"Pulled {reference.familiar} ({digest[:19]}…) in {time.monotonic() - started:.1f} s\n")
        return image

    async def _copy(
        self,
        reference: Reference,
        digest: str,
        manifest: oci.Manifest,
        folder: Path,
        login: Login | None,
        log: Log,
    ) -> None:
        source = Reference(reference.registry, reference.repository, "", digest)
        arguments = [
            *("copy", "--quiet", "--remove-signatures", f"--src-tls-verify={skopeo.verifies(reference)}"),
            *(f"docker://{source.address}", f"oci:{folder}:image"),
        ]
        running = asyncio.create_task(skopeo.run(arguments, login, reference, None))
        try:
            await self._watch(running, reference, manifest, folder, log)
        finally:
            if not running.done():
                running.cancel()
                await asyncio.wait([running])
        status, _, errors = running.result()
        if status != 0:
            error = explain(errors, reference, has_secret=login is not None)
            if isinstance(error, RegistryUnreachableError):  # it did answer before
                raise FailedPreconditionError(
                    f"{reference.familiar} could not be pulled: {error}. Try again."
                )
            raise error

    async def _watch(
        self,
        running: "asyncio.Task[tuple[int, bytes, str]]",
        reference: Reference,
        manifest: oci.Manifest,
        folder: Path,
        log: Log,
    ) -> None:
        """Tells how far it is, and gives up on a registry that sends nothing more."""
        seen, moved, told = -1, time.monotonic(), time.monotonic()
        while not running.done():
            await asyncio.wait([running], timeout=0.5)
            size, whole = await asyncio.to_thread(_progress, folder, manifest)
            now = time.monotonic()
            if size != seen:
                seen, moved = size, now
            elif now - moved > self._patience.silence_s and not running.done():
                raise FailedPreconditionError(
                    f"{reference.familiar} could not be pulled: {reference.registry} sent nothing for "
                    f"{self._patience.silence_s:.0f} s. Try again: what came whole is kept."
                )
            if now - told > 3:
                told = now
                parts = f"{whole} of {len(manifest.layers)} layers"
                log(f"  {_megabytes(size)} of {_megabytes(manifest.size_bytes)}, {parts}\n")

    async def _unpack(self, reference: Reference, digest: str, folder: Path, log: Log) -> PulledImage:
        manifest, config = await asyncio.to_thread(oci.read_layout, folder)
        blobs = folder / "blobs/sha256"
        await self._expand_zstd(manifest, blobs)
        scratch = self._store.scratch()
        try:
            tree = scratch / "tree"
            tree.mkdir(mode=0o755)
            below = scratch / "below"
            below.mkdir(mode=0o755)
            own(scratch)
            await asyncio.to_thread(own, blobs)
            names = [layer.file + (".tar" if layer.is_zstd else "") for layer in manifest.layers]
            await self._files.unpack(blobs, names, tree, below, log)
            facts = {
                "kind": "registry",
                "reference": str(reference),
                "digest": digest,
                "size_bytes": manifest.size_bytes,
                "config": config,
            }
            final = self._store.path(_key(digest))
            await asyncio.to_thread(self._store.keep, tree, final, facts)
            return PulledImage(digest, final.name, config)
        finally:
            await asyncio.to_thread(remove_tree, scratch)

    async def _expand_zstd(self, manifest: oci.Manifest, blobs: Path) -> None:
        for layer in manifest.layers:
            if not layer.is_zstd:
                continue
            zstd = shutil.which("zstd")
            if zstd is None:
                raise FailedPreconditionError(
                    "The image's layers are compressed by zstd, which is not here: apt-get install zstd"
                )
            target = blobs / f"{layer.file}.tar"
            process = await asyncio.create_subprocess_exec(
                zstd, "-q", "-d", "-f", str(blobs / layer.file), "-o", str(target)
            )
            if await process.wait() != 0:
                raise FailedPreconditionError(
                    "A layer of the image cannot be unpacked: zstd says it is broken."
                )


def _to_all(logs: list[Log]) -> Log:
    def tell(text: str) -> None:
        for log in logs:
            log(text)

    return tell


def _key(digest: str) -> str:
    return f"registry image {digest}"


def _progress(folder: Path, manifest: oci.Manifest) -> tuple[int, int]:
    """Bytes that came, and layers that are whole."""
    size, files = 0, set()
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder / "blobs/sha256"):
            with suppress(FileNotFoundError):
                size += entry.stat().st_size
                files.add(entry.name)
    return size, sum(layer.file in files for layer in manifest.layers)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes < 1e7 else f"{size_bytes / 1e6:.0f} MB"
