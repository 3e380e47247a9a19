"""Folder trees made of stored content: a mount's files at their places below `/`, never written once
finished.

A tree is built beside its place and renamed into it, so a half one is never seen. What a tree is for is
`control/mounts.py`'s matter.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from homeport.model.errors import FailedPreconditionError, InvalidError
from homeport.store.blobs import BlobStore

_PLAIN_MODE = 0o644  # of files in the store


@dataclass(frozen=True)
class TreeFile:
    """A file of a tree: where it is, what is in it, its permission bits."""

    path: PurePosixPath  # absolute
    sha256: str
    mode: int


def absolute_path(name: str) -> PurePosixPath:
    """A file's place below `/`. Raises InvalidError for a name that is relative, climbs, or names a
    folder.
    """
    parts = name.split("/")
    if not name.startswith("/") or "\0" in name or parts[-1] in ("", ".") or ".." in parts:
        raise InvalidError(
            f"{name!r} cannot be the path of a file in a container: it has to begin with / and hold no '..'."
        )
    return PurePosixPath("/" + name.lstrip("/"))


def build_tree(target: Path, files: Iterable[TreeFile], store: BlobStore, owner_uid: int | None) -> None:
    """Makes the tree at `target` unless it is there. Slow with many files: for a thread.

    Raises FailedPreconditionError where content is missing, InvalidError where a path is both file and
    folder.
    """
    if target.exists():
        return
    building = target.with_name(f"tmp-{target.name}-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    _make_folder(building, owner_uid)
    made = {PurePosixPath("/")}
    try:
        for file in files:
            _make_folders(building, file.path.parent, made, owner_uid)
            _place(building / file.path.relative_to("/"), file, store, owner_uid)
        try:
            building.rename(target)
        except OSError:
            if not target.exists():  # another thread was faster
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _make_folders(root: Path, folder: PurePosixPath, made: set[PurePosixPath], owner_uid: int | None) -> None:
    if folder in made:
        return
    _make_folders(root, folder.parent, made, owner_uid)
    try:
        _make_folder(root / folder.relative_to("/"), owner_uid)
    except FileExistsError:
        raise InvalidError(f"{folder} is a file and a folder in the same mount.") from None
    made.add(folder)


def _make_folder(path: Path, owner_uid: int | None) -> None:
    path.mkdir()
    path.chmod(0o755)  # whatever the umask
    if owner_uid is not None:
        os.chown(path, owner_uid, owner_uid)


def _place(target: Path, file: TreeFile, store: BlobStore, owner_uid: int | None) -> None:
    content = store.path(file.sha256)
    mode = (file.mode & 0o777 | 0o444) or _PLAIN_MODE
    try:
        if mode == _PLAIN_MODE:
            os.link(content, target)
            return
        # another mode needs an inode of its own
        shutil.copyfile(content, target)
    except FileExistsError:
        raise InvalidError(f"{file.path} is a file and a folder in the same mount.") from None
    except IsADirectoryError:
        raise InvalidError(f"{file.path} is a file and a folder in the same mount.") from None
    except FileNotFoundError:
        raise FailedPreconditionError(
            f"The content of {file.path} ({file.sha256}) has not been uploaded, or was cleaned up meanwhile. "
            "Run the command again."
        ) from None
    target.chmod(mode)
    if owner_uid is not None:
        os.chown(target, owner_uid, owner_uid)
