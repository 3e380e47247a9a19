"""Joins the uppermost deltas of a volume into one, with hard links: short stacks, no copies.

Safe because deltas are never written once finished. What stays below may still need the deletions that the
joined deltas held, so they are kept unless nothing lies below.
"""

# Plain strings: a Path for each entry costs more than the call.
# ruff: noqa: PTH208

import os
import stat
from collections.abc import Sequence

from homeport.store.deltas import Delta
from homeport.store.overlay import is_opaque, is_whiteout

Parts = tuple[str, ...]


def merge(folders: Sequence[str], delta: Delta, *, is_whole: bool) -> None:
    """Fills `delta` with what `folders` (topmost first) show. `is_whole`: nothing lies below them."""
    _merge(list(folders), (), delta, is_whole=is_whole)


def _merge(folders: list[str], parts: Parts, delta: Delta, *, is_whole: bool) -> None:
    names = sorted({name for folder in folders for name in os.listdir(folder)})
    for name in names:
        below: list[str] = []
        hides = False
        for folder in folders:
            path = f"{folder}/{name}"
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode):
                hides = True
                if not below:
                    _take(path, found, (*parts, name), delta, is_whole=is_whole)
                break
            below.append(path)
            if is_opaque(path):
                hides = True
                break
        if below:
            target = delta.add_folder((*parts, name), stat.S_IMODE(os.lstat(below[0]).st_mode))
            _merge(below, (*parts, name), delta, is_whole=is_whole or hides)
            if hides and not is_whole:
                delta.make_opaque((*parts, name))
            times = os.lstat(below[0])
            os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


def _take(path: str, found: os.stat_result, parts: Parts, delta: Delta, *, is_whole: bool) -> None:
    if is_whiteout(found):
        if not is_whole:
            delta.delete(parts)
        return
    delta.link_from(path, parts)
