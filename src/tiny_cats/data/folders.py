"""Folders that are whole or absent: filled below a hidden one beside their own, then renamed."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tiny_cats.errors import DataError
from training_kit.files import try_lock


@contextmanager
def working_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target`, for one process at a time; it stays until `finish`, or the next try.

    Raises DataError where `target` holds something, another process is at work, or the disk is full.
    """
    work = target.absolute().with_name(f".{target.absolute().name}.part")
    try:
        check_free(target)
        work.mkdir(parents=True, exist_ok=True)
        with (work / ".lock").open("w") as lock:
            if not try_lock(lock):
                raise DataError(f"another process is filling {target}: wait for it, or name another")
            check_free(target)  # again: the one waited for may have filled it
            yield work
    except OSError as error:
        raise disk_error(error, target) from None


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder to fill, which becomes `target` at the end; after an error or a kill there is none."""
    with working_folder(target) as work:
        try:
            pictures = work / "whole"
            if pictures.exists():  # of a killed process
                shutil.rmtree(pictures)
            pictures.mkdir()
            yield pictures
            finish(pictures, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def finish(pictures: Path, target: Path) -> None:
    """Gives a filled folder its name."""
    os.sync()  # what is in it, before its name
    pictures.rename(target)


def check_free(target: Path) -> None:
    """Raises DataError where `target` holds something already."""
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise DataError(f"{target} is there and is no folder: name another")
        if target.is_dir() and any(target.iterdir()):
            raise DataError(f"{target} holds something already: name a new folder, nothing is overwritten")
    except OSError as error:
        raise DataError(f"{target} cannot be read ({error.strerror}): name another folder") from None


def disk_error(error: OSError, target: Path) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(f"the disk is full at {target}: make room and run the command again")
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return DataError(f"{target} is a mount, whose place no folder can take: name one below it")
    what = error.filename or target
    return DataError(f"{what} cannot be used ({error.strerror or error}): name another folder")
