"""Mounts: local files that a client sent, each list of them once on disk as a tree that starts at `/`.

The same files give the same tree and the same mount. The client's own package and its other global mounts are
known by name only: their files come from the runtime's client bundle, or are not served.
"""

import asyncio
import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from homeport.control.ownership import container_owner
from homeport.model.errors import AlreadyExistsError, InvalidError, NotFoundError, NotServedError
from homeport.model.home import Home
from homeport.model.ids import MOUNT, new_id
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from homeport.store.trees import TreeFile, absolute_path, build_tree

CLIENT_MOUNT_PREFIX = "modal-client-mount-"
PYTHON_MOUNT_PREFIX = "python-build-standalone."
_GLOBAL = ""  # the environment of what Modal itself provides to everybody


@dataclass(frozen=True)
class Mount:
    """What is known of a mount. `checksum` is of its list of files, empty for a global mount."""

    mount_id: str
    name: str
    checksum: str


class Mounts:
    """Makes and finds mounts."""

    def __init__(
        self, database: Database, home: Home, store: BlobStore, owner_uid: int | None = None
    ) -> None:
        self._db = database
        self._home = home
        self._store = store
        self._owner = container_owner() if owner_uid is None else owner_uid
        self._asked: dict[str, float] = {}  # when a mount was last asked for
        self._making = 0
        self._building = asyncio.Lock()  # the same files asked for twice at once are one tree
        _sweep(home.mounts, {row["folder"] for row in database.all("mount_tree_folders")})

    def missing(self, sha256s: Iterable[str]) -> list[str]:
        """Those of the hashes whose content is not stored; the others are kept from the next clean-up."""
        return [sha256 for sha256 in sha256s if not self._store.touch(sha256)]

    async def put_file(self, sha256: str, data: bytes) -> None:
        """Stores a file's content. Raises InvalidError when it has another hash."""
        if len(data) < 1 << 16:
            self._store.put(data, sha256)
        else:
            await asyncio.to_thread(self._store.put, data, sha256)

    def by_name(self, name: str, environment: str) -> Mount:
        """A deployed mount, or one of the global ones. Raises NotFoundError."""
        row = self._db.one("mount_by_name", environment=environment, name=name)
        if (
            row is None
            and environment == _GLOBAL
            and name.startswith((CLIENT_MOUNT_PREFIX, PYTHON_MOUNT_PREFIX))
        ):
            return self._add(name, _GLOBAL, "")
        if row is None:
            raise NotFoundError(
                f"There is no mount named {name!r}. Homeport provides the client's own "
                f"({CLIENT_MOUNT_PREFIX}…); deploy another with Mount.deploy."
            )
        return _mount(row)

    async def create(
        self,
        files: list[TreeFile],
        *,
        name: str | None = None,
        environment: str = "",
        fail_if_exists: bool = False,
    ) -> Mount:
        """The mount of these files, made if need be; a named one is made to hold them.

        Raises AlreadyExistsError, InvalidError for paths that cannot be, FailedPreconditionError where
        content has not been uploaded.
        """
        self._making += 1
        try:
            mount = await self._create(files, name, environment, fail_if_exists)
        finally:
            self._making -= 1
        self._asked[mount.mount_id] = time.time()
        return mount

    async def _create(
        self, files: list[TreeFile], name: str | None, environment: str, fail_if_exists: bool
    ) -> Mount:
        known = self._db.one("mount_by_name", environment=environment, name=name) if name else None
        if known is not None and fail_if_exists:
            raise AlreadyExistsError(f"There is a mount named {name!r} already.")
        checksum = await self._materialise(files)
        if name:
            known = self._db.one("mount_by_name", environment=environment, name=name)
        else:
            known = self._db.one("unnamed_mount_by_checksum", checksum=checksum)
        if known is None:
            return self._add(name, environment, checksum)
        if known["checksum"] != checksum:
            self._db.run("set_mount_checksum", mount_id=known["mount_id"], checksum=checksum)
        return Mount(known["mount_id"], known["name"] or "", checksum)

    def get(self, mount_id: str) -> Mount:
        """Raises NotFoundError."""
        row = self._db.one("mount_by_id", mount_id=mount_id)
        if row is None:
            raise NotFoundError(f"There is no mount {mount_id}. Run the app again, which makes it.")
        self._asked[mount_id] = time.time()
        return _mount(row)

    def tree(self, mount_id: str) -> Path | None:
        """The mount's files as a tree that starts at /; None for the client's own global mount.

        Raises NotFoundError, and NotServedError for a global mount that Homeport does not hold.
        """
        mount = self.get(mount_id)
        if mount.checksum:
            return self._tree(mount.checksum)
        if mount.name.startswith(CLIENT_MOUNT_PREFIX):
            return None
        raise NotServedError(
            f"The files of Modal's global mount {mount.name} (a Python of add_python=…) are in no container: "
            "they are for images."
        )

    def standalone_python(self, mount_id: str) -> str:
        """The release and version of the Python that a global mount holds (add_python), such as
        20230826.3.11.5; else empty."""
        name = self.get(mount_id).name
        if not name.startswith(PYTHON_MOUNT_PREFIX):
            return ""
        return name.removeprefix(PYTHON_MOUNT_PREFIX).rpartition("-")[0]

    def checksum(self, mount_id: str) -> str:
        """A hash of the mount's files, their places and modes: a part of the keys of image layers."""
        mount = self.get(mount_id)
        return mount.checksum or hashlib.sha256(mount.name.encode()).hexdigest()

    async def sweep(self, before: float, named: frozenset[str]) -> int | None:
        """Removes unnamed mounts that nothing used since `before`, and trees that no mount has.

        Returns how many mounts; None while one is being made."""
        if self._making:
            return None
        kept = named | {mount_id for mount_id, at in self._asked.items() if at >= before}
        rows = self._db.all("unnamed_mounts_before", before=before)
        unused = [row["mount_id"] for row in rows if row["mount_id"] not in kept]
        with self._db.transaction():
            for mount_id in unused:
                self._db.run("delete_mount", mount_id=mount_id)
                self._asked.pop(mount_id, None)
            folders = [row["folder"] for row in self._db.all("unused_mount_trees")]
            for folder in folders:
                self._db.run("delete_mount_tree", folder=folder)
        # a number is never used twice, so nobody makes these folders again
        for folder in folders:
            await asyncio.to_thread(shutil.rmtree, self._folder(folder), ignore_errors=True)
        return len(unused)

    async def _materialise(self, files: list[TreeFile]) -> str:
        unique = sorted({file.path: file for file in files}.values(), key=lambda file: str(file.path))
        listing = [[str(file.path), file.sha256, file.mode] for file in unique]
        checksum = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        row = self._db.one("mount_tree", checksum=checksum)
        number = row["folder"] if row else self._db.run("add_mount_tree", checksum=checksum).lastrowid
        assert isinstance(number, int)
        async with self._building:
            await asyncio.to_thread(build_tree, self._folder(number), unique, self._store, self._owner)
        return checksum

    def _tree(self, checksum: str) -> Path:
        row = self._db.one("mount_tree", checksum=checksum)
        assert row is not None, "a mount is recorded after its tree"
        return self._folder(row["folder"])

    def _folder(self, number: int) -> Path:
        return self._home.mounts / str(number)

    def _add(self, name: str | None, environment: str, checksum: str) -> Mount:
        mount_id = new_id(MOUNT)
        self._db.run(
            "add_mount",
            mount_id=mount_id,
            name=name,
            environment=environment,
            checksum=checksum,
            created_at=time.time(),
        )
        return Mount(mount_id, name or "", checksum)


def tree_file(name: str, sha256: str, mode: int | None) -> TreeFile:
    """A file of a mount as a client describes it. Raises InvalidError for a path that leaves the tree."""
    if len(name.encode("utf-8", "surrogateescape")) > 4000:
        raise InvalidError(f"The path {name[:80]}… is longer than a path may be.")
    return TreeFile(absolute_path(name), sha256, 0o644 if mode is None else mode & 0o777)


def _mount(row: sqlite3.Row) -> Mount:
    return Mount(row["mount_id"], row["name"] or "", row["checksum"])


def _sweep(root: Path, known: set[int]) -> None:
    """Removes trees that were being built when an earlier engine was killed."""
    for folder in root.iterdir():
        if not (folder.name.isdecimal() and int(folder.name) in known):
            shutil.rmtree(folder, ignore_errors=True)
