"""Folders that are whole or absent: filled under a name beside their own, then renamed."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiny_cats.errors import DataError
from training_kit.files import try_lock


@contextmanager
def whole_folder(target: Path, *, keep_on_error: bool = False) -> Iterator[Path]:
    """A folder to fill that becomes `target` at the end; after an error it goes, or stays for the next try.

    What a killed process left is removed first, or found again with `keep_on_error`. Raises DataError where
    `target` holds something, another process fills it, or the disk is full.
    """
    check_free(target)
    part = target.with_name(f".{target.name}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        with (part.with_name(f".{target.name}.lock")).open("w") as lock:
            if not try_lock(lock):
                raise DataError(f"another process is filling {target}: wait for it, or name another folder")
            yield from _fill(part, target, keep_on_error)
            Path(lock.name).unlink(missing_ok=True)
    except OSError as error:
        raise _disk_error(error, target) from None


def _fill(part: Path, target: Path, keep_on_error: bool) -> Iterator[Path]:
    if not keep_on_error:
        _empty(part)
    try:
        yield part
        _sync(part)
        part.rename(target)
    except BaseException:
        if not keep_on_error:
            shutil.rmtree(part, ignore_errors=True)
        raise


def check_free(target: Path) -> None:
    """Raises DataError where `target` holds something already."""
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise DataError(f"{target} is there and is no folder: name another")
        if target.is_dir() and any(target.iterdir()):
            raise DataError(f"{target} holds something already: name a new folder, nothing is overwritten")
    except OSError as error:
        raise DataError(f"{target} cannot be read ({error.strerror}): name another folder") from None


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _sync(folder: Path) -> None:
    """The folder's names on disk, before it gets its own."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _disk_error(error: OSError, target: Path) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(f"the disk is full at {target}: make room and run the command again")
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return DataError(
            f"{target} is a mount of its own, so no folder can take its place: name a folder in it"
        )
    return DataError(
        f"{error.filename or target} cannot be used ({error.strerror or error}): name another folder"
    )
