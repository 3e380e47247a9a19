"""Volumes without overlays: a container gets a copy of the committed state, and notes what it began with.

The notes ("marks") are those by which a commit finds what changed since (store/capture.py); a test holds the
two together. A volume is reloaded by putting a newer copy in the old one's place while nothing in it is open.
"""

from __future__ import annotations

import json
import os
import stat
from typing import Any

from . import entry, memory, merge

FILLING = "filling"  # beside the copy while it is not complete: nothing of it may be committed


def fill(volume: dict[str, Any]) -> None:
    """Copies the volume's stack into its folder `upper`, which is empty, and writes the marks where
    `snapshot` says; the file `filling` beside it goes last."""
    upper = volume["upper"]
    prepare(volume)
    if os.path.isdir(upper):
        os.rmdir(upper)
    os.rename(upper + ".new", upper)
    _forget(os.path.join(os.path.dirname(upper), FILLING))


def prepare(volume: dict[str, Any]) -> None:
    """Makes the copy beside the place of the present one, with its marks."""
    upper = volume["upper"]
    draft = upper + ".new"
    merge.remove(draft)
    os.makedirs(draft)
    merge.Merge().run(volume["lowers"], draft)
    os.chmod(draft, 0o755)
    if volume["snapshot"]:
        _write(volume["snapshot"], marks(draft))


def reload(volume: dict[str, Any], init: int) -> dict[str, Any]:
    """Puts the volume's newer copy in the old one's place, unless something of that is open in a process
    below `init`. Returns an answer for the engine."""
    upper = volume["upper"]
    pids = memory.descendants(init)
    try:
        is_busy = open_in(pids, upper)
        if not is_busy:
            swap(upper)
            if open_in(pids, upper + ".old"):  # opened in this moment
                swap_back(upper)
                is_busy = True
        if volume["snapshot"] is None:  # read-only: nobody looks at the old one any more
            merge.remove(upper + ".old")
    except OSError as error:
        return {"error": entry.describe(error)}
    return {"error": "files are open", "busy": True} if is_busy else {"done": True}


def swap(upper: str) -> None:
    """Puts the newer copy in the old one's place, which becomes `upper`.old."""
    os.rename(upper, upper + ".old")
    os.rename(upper + ".new", upper)


def swap_back(upper: str) -> None:
    os.rename(upper, upper + ".new")
    os.rename(upper + ".old", upper)


def _copy(lowers: list[str], draft: str, like: str) -> None:
    merge.remove(draft)
    os.mkdir(draft)
    merge.Merge().run(lowers, draft)
    os.chmod(draft, stat.S_IMODE(os.stat(like).st_mode))


def marks(folder: str) -> dict[str, list[Any]]:
    """As store/capture.py notes them: a letter for the kind of entry, then what changes when it does."""
    found: dict[str, list[Any]] = {}
    todo = [(folder, "")]
    while todo:
        path, prefix = todo.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                about = entry.stat(follow_symlinks=False)
                name = prefix + entry.name
                if stat.S_ISDIR(about.st_mode):
                    found[name] = ["d", stat.S_IMODE(about.st_mode), about.st_ino, 0]
                    todo.append((entry.path, name + "/"))
                elif stat.S_ISREG(about.st_mode):
                    found[name] = ["f", about.st_mtime_ns, about.st_size, about.st_ino, about.st_ctime_ns]
                elif stat.S_ISLNK(about.st_mode):
                    found[name] = ["l", about.st_ino, os.readlink(entry.path)]
                elif stat.S_ISFIFO(about.st_mode) or stat.S_ISSOCK(about.st_mode):
                    found[name] = ["o", about.st_ino]
    return found


def open_in(pids: list[int], folder: str) -> bool:
    """Whether one of the processes has something below the folder open or mapped."""
    inside = folder + "/"
    for pid in pids:
        try:
            for name in os.listdir("/proc/{}/fd".format(pid)):
                try:
                    target = os.readlink("/proc/{}/fd/{}".format(pid, name))
                except OSError:
                    continue
                if target == folder or target.startswith(inside):
                    return True
            with open("/proc/{}/maps".format(pid), encoding="utf-8", errors="surrogateescape") as file:
                if any(" " + inside in line for line in file):
                    return True
        except OSError:  # it has ended
            continue
    return False


def _write(path: str, content: dict[str, list[Any]]) -> None:
    draft = path + ".tmp"
    with open(draft, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(content, file, separators=(",", ":"))
    os.rename(draft, path)


def _forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
