"""A container's /usr: the `usr/` parts of its trees over this machine's /usr.

One overlay, as a rule. The kernel lays none over a folder in which something else is mounted, as WSL and
NVIDIA's container toolkit mount libraries below /usr. Root can have /usr without those mounts as the lower
layer, and put them over it, read-only. For an ordinary user such a folder is shown as it is, read-only with
what is mounted in it, and the trees' parts of the folders beside those mounts are overlays of their own.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from . import mounts
from .host import PLAIN_USR, SCRATCH, HostPaths


def mount_usr(view: dict[str, Any], host: HostPaths) -> None:
    """Does nothing for an image that brings a /usr of its own."""
    if not view["host_usr"]:
        return
    mounts.ensure_folder("/usr")
    if view["usr_mounts"] and os.path.isdir(PLAIN_USR):
        _Usr(view, host).mount_whole()
    else:
        _Usr(view, host).mount("")


class _Usr:
    def __init__(self, view: dict[str, Any], host: HostPaths) -> None:
        self.view = view
        self.trees = [host(tree) + "/usr" for tree in view["trees"]]
        self.upper = host(view["usr_upper"]) if view.get("usr_upper") else None
        self.work = host(view["usr_work"]) if view.get("usr_work") else None
        self.count = 0

    def mount_whole(self) -> None:
        """Mounts /usr, then over it what this machine has mounted there and no tree hides."""
        lowers = self._lowers("")
        if lowers[-1] == "usr":
            lowers[-1] = PLAIN_USR
        mounts.attach(self._overlay("", lowers), "/usr")
        parts = [path[len("/usr") :] for path in dict.fromkeys(self.view["usr_mounts"])]
        for part in parts:
            is_below_another = any(part.startswith(other + "/") for other in parts)
            if not is_below_another and self._shows(part):
                mounts.attach(mounts.bind("usr" + part, read_only=True), "/usr" + part)

    def _shows(self, part: str) -> bool:
        """Whether it is the machine's own that shows at this part."""
        names = part.split("/")[1:-1]
        folders = ["", *("/" + "/".join(names[: count + 1]) for count in range(len(names)))]
        if any(self._lowers(folder)[-1] != "usr" + folder for folder in folders):
            return False
        if os.path.islink("/usr" + part) or not os.path.exists("/usr" + part):
            return False
        return os.path.isdir("/usr" + part) == os.path.isdir("usr" + part)

    def mount(self, part: str) -> None:
        """Mounts /usr`part`, where `part` is empty or begins with a slash."""
        lowers = self._lowers(part)
        if lowers[-1] == "usr" + part and self._has_mounts(part):
            if not part:
                mounts.attach(mounts.bind("usr", read_only=True), "/usr")
            for name in self._names(part):
                self._mount_entry("{}/{}".format(part, name))
        else:
            mounts.attach(self._overlay(part, lowers), "/usr" + part)

    def _mount_entry(self, part: str) -> None:
        found = next(tree + part for tree in self.trees if os.path.lexists(tree + part))
        if os.path.isdir(found):
            if not os.path.isdir("/usr" + part):
                raise OSError(0, _cannot_show(part), "/usr" + part)
            self.mount(part)
        elif not stat.S_ISCHR(os.lstat(found).st_mode) or os.path.lexists("/usr" + part):
            raise OSError(0, _cannot_show(part), "/usr" + part)

    def _lowers(self, part: str) -> list[str]:
        """The folders that show at this part, topmost first; this machine's last, unless a tree hides it."""
        found = []
        for tree in self.trees:
            if os.path.isdir(tree + part):
                found.append(tree + part)
                if _is_opaque(tree + part):
                    return found
        return [*found, "usr" + part]

    def _overlay(self, part: str, lowers: list[str]) -> int:
        if self.upper is None or self.work is None:
            return mounts.overlay(lowers, scratch=SCRATCH)
        upper, work = self.upper + part, self.work
        if part:
            self.count += 1
            work = "{}/{}".format(self.work, self.count)
            os.makedirs(upper, exist_ok=True)
            os.mkdir(work)
        return mounts.overlay(lowers, upper, work, scratch=SCRATCH, volatile=self.view["volatile"])

    def _has_mounts(self, part: str) -> bool:
        return any(path.startswith("/usr" + part + "/") for path in self.view["usr_mounts"])

    def _names(self, part: str) -> list[str]:
        """What the trees have in this part."""
        return sorted(
            {name for tree in self.trees if os.path.isdir(tree + part) for name in os.listdir(tree + part)}
        )


def _is_opaque(path: str) -> bool:
    try:
        return os.getxattr(path, "user.overlay.opaque") == b"y"
    except OSError:
        return False


def _cannot_show(part: str) -> str:
    parent = os.path.dirname("/usr" + part)
    return "the image changes a folder below which this machine has mounts ({})".format(parent)
