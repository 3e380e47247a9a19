"""What a process changed in a copy of a stack of layers, as a layer.

What differs from before goes into the layer's folder, with whiteouts for what is gone, as an overlay would
have left it there.
"""

from __future__ import annotations

import os
import stat

from . import merge

_NOT_OF_IMAGES = frozenset(("dev", "proc", "sys"))


def scan(root: str) -> dict[str, tuple[int, ...]]:
    """What tells whether an entry has changed, by path; times of status changes do not: proot opens modes for
    a moment."""
    found: dict[str, tuple[int, ...]] = {}
    todo = [""]
    while todo:
        prefix = todo.pop()
        with os.scandir("{}/{}".format(root, prefix)) as entries:
            for item in entries:
                path = prefix + item.name
                if path in _NOT_OF_IMAGES:
                    continue
                about = item.stat(follow_symlinks=False)
                if stat.S_ISDIR(about.st_mode):
                    found[path] = (about.st_mode,)
                    todo.append(path + "/")
                else:
                    found[path] = (about.st_mode, about.st_size, about.st_mtime_ns, about.st_ino)
    return found


def extract(root: str, before: dict[str, tuple[int, ...]], upper: str, *, keeps: bool = False) -> None:
    """Moves what is new or changed from `root` into `upper`, and marks there what is gone; `keeps` copies."""
    after = scan(root)
    copier = merge.Merge()
    for path in sorted(after):
        if before.get(path) == after[path]:
            continue
        source, target = "{}/{}".format(root, path), "{}/{}".format(upper, path)
        _make_parents(root, upper, path)
        if stat.S_ISDIR(after[path][0]):
            os.makedirs(target, exist_ok=True)
            os.chmod(target, stat.S_IMODE(after[path][0]))
        elif not stat.S_ISSOCK(after[path][0]):
            merge.remove(target)
            if keeps:
                copier.copy(source, target)
            else:
                os.rename(source, target)
    for path in sorted(before):
        parent = os.path.dirname(path)
        if path not in after and (not parent or stat.S_ISDIR(after.get(parent, (0,))[0])):
            _make_parents(root, upper, path)
            merge.remove("{}/{}".format(upper, path))
            os.mknod("{}/{}".format(upper, path), stat.S_IFCHR, 0)


def _make_parents(root: str, upper: str, path: str) -> None:
    made = ""
    for name in path.split("/")[:-1]:
        made = "{}/{}".format(made, name)
        if not os.path.isdir(upper + made):
            os.mkdir(upper + made)
            os.chmod(upper + made, stat.S_IMODE(os.stat(root + made).st_mode))
