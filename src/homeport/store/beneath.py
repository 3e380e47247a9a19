"""Files below a folder that somebody else may be changing: opened name by name, never through a symbolic
link.

A container that swaps a folder for a link between a check and an open gains nothing here.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_folder(root: str | os.PathLike[str], parts: Sequence[str], *, create_mode: int | None = None) -> int:
    """A descriptor of a folder below `root`. Raises OSError, for a link ENOTDIR.

    With `create_mode`, folders that are missing are made.
    """
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            try:
                below = os.open(part, _FOLDER, dir_fd=fd)
            except FileNotFoundError:
                if create_mode is None:
                    raise
                os.mkdir(part, create_mode, dir_fd=fd)
                below = os.open(part, _FOLDER, dir_fd=fd)
            os.close(fd)
            fd = below
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextmanager
def folder(
    root: str | os.PathLike[str], parts: Sequence[str], *, create_mode: int | None = None
) -> Iterator[int]:
    """`open_folder`, closed at the end."""
    fd = open_folder(root, parts, create_mode=create_mode)
    try:
        yield fd
    finally:
        os.close(fd)


def open_file(root: str | os.PathLike[str], parts: Sequence[str]) -> int:
    """A descriptor to read a file below `root`. Raises OSError, for a link ELOOP."""
    with folder(root, parts[:-1]) as fd:
        # O_NONBLOCK: opening a FIFO must not wait for its writer
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
