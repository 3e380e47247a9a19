"""Trees of an image as tar archives: one file system, or layers as the OCI image specification has them.

Layers lie on disk as overlayfs reads them: a character device 0/0 marks what is deleted, an attribute on a
folder that what lies below it is hidden. All files belong to root in an archive, as they do in a container.
"""

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, cast

HOST = Path("/")  # this machine, whose userland images may lie over
_OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")
_HOST_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr where they are links
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_COPY_BYTES = 1024 * 1024

Progress = Callable[[int], None]  # bytes of files that were written since the last call


class Stream(Protocol):
    """What an archive is written to; it need not know where it is, as pipes do not."""

    def write(self, data: bytes, /) -> int: ...


class _Counted:
    """A stream that knows how much was written to it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._written = 0

    def write(self, data: bytes) -> int:
        self._written += len(data)
        return self._stream.write(data)

    def tell(self) -> int:
        return self._written


class TreeTar:
    """Writes trees into one tar stream. `skipped` names files of this machine that may not be read."""

    def __init__(self, stream: Stream, progress: Progress) -> None:
        # GNU's format: long names, and no variable records for times
        self._tar = tarfile.TarFile(
            fileobj=cast(Any, _Counted(stream)), mode="w", format=tarfile.GNU_FORMAT, copybufsize=_COPY_BYTES
        )
        self._progress = progress
        self.skipped: list[str] = []

    def add(self, path: Path, name: str) -> None:
        try:
            info: tarfile.TarInfo | None = self._tar.gettarinfo(str(path), arcname=name)
            if info is None:  # a socket
                return
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            if not info.isreg():
                self._tar.addfile(info)
                return
            with path.open("rb") as file:
                self._tar.addfile(info, file)
            self._progress(info.size)
        except PermissionError:
            self.skipped.append(str(path))

    def add_empty(self, name: str) -> None:
        self._tar.addfile(tarfile.TarInfo(name))

    def close(self) -> None:
        self._tar.close()


def write_root(stream: Stream, layers: Sequence[Path], host_usr: bool, progress: Progress) -> list[str]:
    """The image's root file system as one tar; `layers` topmost first. Returns what could not be read."""
    tar = TreeTar(stream, progress)
    trees = [*layers, *_host_trees(host_usr)]
    _merge(tar, trees, "")
    tar.close()
    return tar.skipped


def _host_trees(host_usr: bool) -> list[Path]:
    return [HOST] if host_usr else []


def _merge(tar: TreeTar, trees: Sequence[Path], folder: str) -> None:
    """What a folder of the stack holds: each name from the topmost tree that has it."""
    seen: set[str] = set()
    below: dict[str, list[Path]] = {}
    for tree in trees:
        here = tree / folder
        if not here.is_dir() or here.is_symlink():
            continue
        for entry in sorted(os.scandir(here), key=lambda entry: entry.name):
            name = f"{folder}/{entry.name}".lstrip("/")
            if tree == HOST and not _is_of_host(name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in seen or name in below:
                    below.setdefault(name, []).append(tree)
            elif entry.name not in seen and not _is_whiteout(entry):
                tar.add(Path(entry.path), name)
            seen.add(entry.name)
        if is_opaque(here):
            break
    for name, holders in below.items():
        tar.add(holders[0] / name, name)
        _merge(tar, holders, name)


def _is_of_host(name: str) -> bool:
    """Of this machine an image has /usr, and what leads there."""
    first = name.split("/", 1)[0]
    return first == "usr" or (first in _HOST_FOLDERS and (HOST / first).is_symlink())


def is_opaque(folder: Path) -> bool:
    """Whether what lies below the folder in lower trees is hidden."""
    for name in _OPAQUE:
        try:
            if os.getxattr(folder, name) == b"y":
                return True
        except OSError:
            continue
    return False


def _is_whiteout(entry: "os.DirEntry[str]") -> bool:
    found = entry.stat(follow_symlinks=False)
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def write_oci(
    file: IO[bytes],
    layers: Sequence[Path],
    host_usr: bool,
    config: Mapping[str, Any],
    ref: str,
    progress: Progress,
) -> list[str]:
    """An OCI image layout as one tar (skopeo's `oci-archive:`), `layers` topmost first; into a file that can
    seek. Returns what could not be read."""
    archive = _Archive(file)
    skipped: list[str] = []
    described = []
    for tree in [*_host_trees(host_usr), *reversed(layers)]:
        with archive.blob() as blob:
            skipped += _write_layer(blob, tree, progress)
        described.append(archive.last(_LAYER))
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in described]}
    config_blob = archive.json({**config, "rootfs": rootfs}, _CONFIG)
    manifest = archive.json(
        {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config_blob, "layers": described}, _MANIFEST
    )
    manifest["annotations"] = {"org.opencontainers.image.ref.name": ref}
    archive.plain("oci-layout", {"imageLayoutVersion": "1.0.0"})
    archive.plain("index.json", {"schemaVersion": 2, "manifests": [manifest]})
    archive.close()
    return skipped


def _write_layer(stream: Stream, tree: Path, progress: Progress) -> list[str]:
    tar = TreeTar(stream, progress)
    for path, name in _walk(tree):
        found = path.lstat()
        parent, _, last = name.rpartition("/")
        if stat.S_ISCHR(found.st_mode) and found.st_rdev == 0:
            tar.add_empty(f"{parent}/.wh.{last}".lstrip("/"))
            continue
        tar.add(path, name)
        if stat.S_ISDIR(found.st_mode) and tree != HOST and is_opaque(path):
            tar.add_empty(f"{name}/.wh..wh..opq")
    tar.close()
    return tar.skipped


def _walk(tree: Path) -> Iterator[tuple[Path, str]]:
    """Every path of a tree with its name in the image, folders before what they hold."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(tree / folder), key=lambda entry: entry.name)
        except PermissionError:
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}".lstrip("/")
            if tree == HOST and not _is_of_host(name):
                continue
            yield Path(entry.path), name
            if entry.is_dir(follow_symlinks=False):
                pending.append(name)


class _Archive:
    """A tar whose members are named by their hashes, which are known when they are written: each header is
    filled in afterwards."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._last: tuple[str, int] = ("", 0)

    def blob(self) -> "_Blob":
        return _Blob(self._file, self._note)

    def _note(self, digest: str, size: int) -> None:
        self._last = digest, size

    def last(self, media_type: str) -> dict[str, Any]:
        digest, size = self._last
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}

    def json(self, content: Mapping[str, Any], media_type: str) -> dict[str, Any]:
        with self.blob() as blob:
            blob.write(json.dumps(content).encode())
        return self.last(media_type)

    def plain(self, name: str, content: Mapping[str, Any]) -> None:
        data = json.dumps(content).encode()
        self._file.write(_header(name, len(data)) + data + bytes(-len(data) % 512))

    def close(self) -> None:
        self._file.write(bytes(1024))


class _Blob:
    """One member of an archive while it is written."""

    def __init__(self, file: IO[bytes], note: Callable[[str, int], None]) -> None:
        self._file = file
        self._note = note
        self._start = file.tell()
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._size += len(data)
        return self._file.write(data)

    def __enter__(self) -> "_Blob":
        self._file.write(bytes(512))  # for the header, which names the hash
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if kind is not None:
            return
        self._file.write(bytes(-self._size % 512))
        end = self._file.tell()
        self._file.seek(self._start)
        self._file.write(_header(f"blobs/sha256/{self._hash.hexdigest()}", self._size))
        self._file.seek(end)
        self._note(self._hash.hexdigest(), self._size)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.GNU_FORMAT)
