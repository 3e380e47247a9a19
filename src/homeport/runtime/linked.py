"""Folders of this machine that containers see as volumes, when the engine is root.

Containers then have a uid of their own, which may enter neither /root nor write what root owns. So the engine
makes the mount, one that shows the folder's owner as the containers' uid (an id-mapped mount), and hands the
descriptor over. An ordinary user's containers are that user, and need none of this.
"""

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path

from homeport.model.errors import ContainerStartError
from homeport.runtime.identity import container_uid
from homeport.runtime.inside import kernel, mounts
from homeport.runtime.launcher import channel_pair, receive, spawn_launcher, uninterrupted


class LinkedFolders:
    """Makes mounts of linked folders; keeps one user namespace for each pair of owners."""

    def __init__(self) -> None:
        self._namespaces: dict[tuple[int, int], int] = {}

    async def open(self, folder: Path, *, read_only: bool) -> int:
        """A descriptor of a detached mount, to be closed by the caller. Raises ContainerStartError."""
        try:
            about = folder.stat()
            if not stat.S_ISDIR(about.st_mode):
                raise NotADirectoryError(0, "it is no folder")
            mount_fd = kernel.open_tree(str(folder))
        except OSError as error:
            raise ContainerStartError(
                f"The linked folder {folder} cannot be mounted: {error.strerror}. Link another with "
                "`homeport volume link NAME DIR`."
            ) from None
        with suppress(OSError):  # some file systems cannot; then only what everybody may read can be read
            namespace = await self._namespace(about.st_uid, about.st_gid)
            kernel.set_mount_attributes(mount_fd, kernel.MOUNT_ATTR_IDMAP, userns_fd=namespace)
        if read_only:
            mounts.make_read_only(mount_fd)
        return mount_fd

    async def _namespace(self, uid: int, gid: int) -> int:
        key = (uid, gid)
        if key not in self._namespaces:
            self._namespaces[key] = await uninterrupted(_mapping(uid, gid))
        return self._namespaces[key]

    def close(self) -> None:
        for number in self._namespaces.values():
            os.close(number)
        self._namespaces.clear()


async def _mapping(uid: int, gid: int) -> int:
    """A user namespace, as a descriptor, that maps this owner to the containers' uid; no process is in it."""
    ours, theirs = channel_pair()
    with ours:
        with theirs:
            process = await spawn_launcher({"mode": "mapping"}, theirs)
        try:
            if await receive(ours) is None:
                raise OSError(0, "the launcher ended")
            folder = Path(f"/proc/{process.pid}")
            (folder / "uid_map").write_text(f"{uid} {container_uid()} 1")
            (folder / "gid_map").write_text(f"{gid} {container_uid()} 1")
            return os.open(folder / "ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            ours.close()
            await asyncio.shield(process.wait())
