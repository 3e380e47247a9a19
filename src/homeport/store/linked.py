"""Changes to a linked folder: the folder of this machine that is a volume, changed in place.

The counterpart of `store/deltas.py`. Other programs may be changing the folder at the same time, so every
place is opened name by name without following links, and a file appears by rename.
"""

import errno
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from homeport.store import beneath
from homeport.store.deltas import copy_file


class LinkedFolder:
    """Writes below a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add_folder(self, parts: Sequence[str], mode: int | None = None) -> None:
        """Makes a folder and those above it, where they are missing."""
        with beneath.folder(self._root, parts, create_mode=0o777 if mode is None else mode):
            pass

    def take_file(self, staged: Path, parts: Sequence[str], mode: int) -> None:
        """Moves a complete file in, from wherever it lies."""
        staged.chmod(mode & 0o7777)
        with beneath.folder(self._root, parts[:-1], create_mode=0o777) as folder:
            try:
                os.rename(staged, parts[-1], dst_dir_fd=folder)
                return
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
        source = os.open(staged, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.copy_file(source, parts, os.fstat(source), mode)
        finally:
            os.close(source)
        staged.unlink()

    def copy_file(self, source: int, parts: Sequence[str], found: os.stat_result, mode: int) -> None:
        """Copies an open file's content, times and attributes."""
        with beneath.folder(self._root, parts[:-1], create_mode=0o777) as folder:
            beside = f".{parts[-1][:200]}.{os.getpid()}.part"
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            target = os.open(beside, flags, 0o600, dir_fd=folder)
            try:
                copy_file(source, target, found, mode)
                os.rename(beside, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                os.unlink(beside, dir_fd=folder)
                raise
            finally:
                os.close(target)

    def add_link(self, target: str, parts: Sequence[str]) -> None:
        """A symbolic link; what was there under its name is replaced."""
        with beneath.folder(self._root, parts[:-1], create_mode=0o777) as folder:
            try:
                os.unlink(parts[-1], dir_fd=folder)
            except FileNotFoundError:
                pass
            os.symlink(target, parts[-1], dir_fd=folder)

    def delete(self, parts: Sequence[str]) -> None:
        """Removes a file, a link, or a folder with all that it holds."""
        with beneath.folder(self._root, parts[:-1]) as folder:
            found = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(parts[-1], dir_fd=folder)
            else:
                os.unlink(parts[-1], dir_fd=folder)
