"""A container without namespaces: proot translates its paths, and this file puts its root together.

Its own files are copies in the task's folder; what is large and the same for all containers of an image is
bound from a merged copy of the layers. Nothing isolates processes, so the supervisor makes itself the parent
of orphans, to find and end them. What the kernel still holds back is in confinement.py; which trees and binds
a container consists of is decided in runtime/proot_trees.py.
"""

from __future__ import annotations

import glob
import os
import select
import signal
import socket
import time
from typing import Any, Callable

from . import changes, confinement, copies, entry, kernel, memory, merge, messages, plain
from .heaps import Heaps
from .host import HostPaths
from .rooted import Root

MAIN = "/__modal/homeport/__main__.py"
TEMPORARY = "/tmp"  # proot's own choice; it puts its loader and its mount points there
_END_S = 1.0  # proot ends by itself when all is gone that it traces
_PROOT_SAW_A_SIGNAL = 255 << 8  # its own wait status when a signal ended what it started
_LINKS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)


class Started(plain.Started):
    """A container under proot. `pid` is the init inside of it, which passes signals on."""

    def __init__(self, pid: int, channel: socket.socket, proot: int, heaps: Heaps | None) -> None:
        super().__init__(pid, channel)
        self.proot = proot
        self.heaps = heaps
        self.end = os.pidfd_open(pid)
        self.keep_files: Callable[[], None] = lambda: None
        self._proot_ends_at = float("inf")

    def hear_end(self, _: object) -> bool:
        """The init has ended; takes what it said before."""
        while select.select([self.channel], [], [], 0)[0] and self.handle_message():
            pass
        return False

    def kill(self) -> None:
        """What proot traces first: without proot, a process would see this machine's paths."""
        is_late = time.monotonic() > self._proot_ends_at
        for pid in memory.descendants(os.getpid()):
            if pid != self.proot or is_late:
                plain.kill(pid)

    def reap(self) -> int:
        """The wait status of the user's process. Ends every process that the container left."""
        self._proot_ends_at = time.monotonic() + _END_S
        status = self.reap_all(self.proot)
        for path in _leftovers(self.proot):
            merge.remove(path)
        self.keep_files()
        if self.user_status is not None:
            return self.user_status
        return signal.SIGKILL if status == _PROOT_SAW_A_SIGNAL else status


def start(spec: dict[str, Any], paths: HostPaths, output: tuple[int, int]) -> Started:
    """Puts the container's root together and starts proot in it; in the supervisor."""
    kernel.adopt_orphans()
    assemble(spec)
    for volume in spec["volumes"]:
        if not volume["bind"]:
            copies.fill(volume)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    handover = Handover()
    request = messages.memory_file(spec)
    root = spec["proot"]["root"]
    before = changes.scan(root) if spec["proot"]["keeps_files"] else {}
    proot = os.fork()
    if proot == 0:
        words = os.open(spec["folder"] + "/proot.log", os.O_WRONLY | os.O_CREAT, 0o600)  # its own, if any
        passed = [request, theirs.fileno(), *output]
        init = [spec["python"], "-I", "-S", "-B", MAIN, "init", *map(str, passed)]
        become(spec, init, passed, (words, words), handover)
    theirs.close()
    os.close(request)
    started = _await_init(spec, ours, proot, handover.take())
    if before:
        started.keep_files = lambda: changes.extract(root, before, spec["folder"] + "/upper")
    return started


def _await_init(spec: dict[str, Any], channel: socket.socket, proot: int, heaps: Heaps | None) -> Started:
    """Gives the init, once it is there, what it cannot open itself and must not close: what proot has made
    for itself, and the folders of volumes' copies, whose places a reload changes."""
    await_answering(channel, heaps)
    message, _ = messages.receive(channel)
    started = Started(message["init"] if message else proot, channel, proot, heaps)
    if message is None:
        status = os.waitstatus_to_exitcode(started.reap())
        with open(spec["folder"] + "/proot.log", encoding="utf-8", errors="replace") as file:
            said = " ".join(file.read(500).split())
        raise OSError(0, "proot ended with status {}: {}".format(status, said))
    own = _leftovers(proot)
    paths = [*own, *_volume_folders(spec, read_only=True), *_volume_folders(spec, read_only=False)]
    opened = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in paths]
    readable = len(paths) - len(_volume_folders(spec, read_only=False))
    messages.send(channel, {"readable": readable}, opened)
    for number in opened:
        os.close(number)
    return started


def _volume_folders(spec: dict[str, Any], *, read_only: bool) -> list[str]:
    volumes = [each for each in spec["volumes"] if not each["bind"] and each["read_only"] == read_only]
    return [os.path.dirname(volume["upper"]) for volume in volumes]


def _leftovers(proot: int) -> list[str]:
    return glob.glob("{}/prooted-{}-*".format(TEMPORARY, proot)) + glob.glob(
        "{}/proot-{}-*".format(TEMPORARY, proot)
    )


class Handover:
    """Brings the filter's listener from the process that installed it to the one that answers there."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    @property
    def number(self) -> int:
        return self._theirs.fileno()

    def give(self, listener: int | None) -> None:
        messages.send(self._theirs, {}, [] if listener is None else [listener])
        self._theirs.close()
        if listener is not None:
            os.close(listener)

    def take(self) -> Heaps | None:
        """None where there is none, or the other process has ended."""
        self._theirs.close()
        _, opened = messages.receive(self._ours)
        self._ours.close()
        return Heaps(opened[0]) if opened else None


def await_answering(channel: socket.socket | int, heaps: Heaps | None) -> None:
    """Waits until the channel is readable; meanwhile programs may start."""
    while True:
        watched = [channel] if heaps is None else [channel, heaps.listener]
        ready, _, _ = select.select(watched, [], [])
        if channel in ready:
            return
        if heaps is not None:
            heaps.answer()


def become(
    spec: dict[str, Any],
    command: list[str],
    passed: list[int],
    output: tuple[int, int],
    handover: Handover,
) -> None:
    """In a fork: becomes proot, with no more rights than the container is to have."""
    try:
        kernel.die_with_parent()
        for number in spec.get("cgroup_fds", ()):
            os.write(number, b"0")
        nothing = os.open("/dev/null", os.O_RDONLY)
        for target, number in enumerate((nothing, *output)):
            os.dup2(number, target)
        entry.close_all_but({*passed, handover.number})
        for kept in passed:
            os.set_inheritable(kept, True)
        handover.give(confine(spec, is_listening=True))
        view = spec["proot"]
        arguments = [view["binary"], "-v", "-1", "-0", "-r", view["root"], "-w", view["workdir"]]
        for source, place, _ in binds(spec):
            arguments += ["-b", "{}:{}".format(source, place)]
        entry.reset_signals()
        os.execve(view["binary"], arguments + command, view["env"])
    except BaseException as error:
        os.write(2, "proot: {}\n".format(entry.describe(error)).encode())
    finally:
        os._exit(126)


def confine(spec: dict[str, Any], *, is_listening: bool = False) -> int | None:
    """The outer ring, around proot too: rights, unknown calls, and writing outside of the container. proot
    needs /tmp; init.py closes that for the container's processes."""
    if os.geteuid() == 0:
        confinement.drop_rights()
    confinement.forbid_new_rights()
    view = spec["proot"]
    if view["is_confined"]:
        writable = [source for source, _, read_only in binds(spec) if not read_only]
        writable += _volume_folders(spec, read_only=False)
        confinement.restrict_files(["/"], [view["root"], TEMPORARY, *writable])
    return confinement.filter_calls(is_listening=is_listening)


def binds(spec: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(place on this machine, place in the container, whether it is read-only), in the order of mounting."""
    found = [tuple(bind) for bind in spec["proot"]["binds"]]
    found += [tuple(bind) for bind in spec["binds"]]
    for volume in spec["volumes"]:
        found.append((volume["bind"] or volume["upper"], volume["path"], volume["read_only"]))
    return found


def assemble(spec: dict[str, Any]) -> list[str]:
    """Copies the container's own files, and makes places for what is bound; returns those."""
    view = spec["proot"]
    root = view["root"]
    marks = ("usr",) if view["host_usr"] else ()
    merged = merge.Merge(bound=view["bound_bytes"], keeps_marks=marks)
    merged.run(view["copied"], root, frozenset(view["shared"]))
    view["binds"] += [[source, target[len(root) :], True] for source, target in merged.binds]
    view["binds"] += _usr(view)
    inside = Root(root)
    if view["shm"]:
        os.makedirs(view["shm"], mode=0o700, exist_ok=True)
    for folder in ("dev", "proc", "sys", "tmp", "run"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    for name, target in _LINKS:
        if not os.path.lexists("{}/dev/{}".format(root, name)):
            os.symlink(target, "{}/dev/{}".format(root, name))
    for name, text in spec["etc"].items():
        path = inside.resolve("/etc")
        os.makedirs(path, exist_ok=True)
        _replace("{}/{}".format(path, name), text)
    made: list[str] = []
    for source, target, _ in binds(spec):
        made += _make_place(root, source, target)
    os.makedirs(inside.resolve(spec["workdir"]), exist_ok=True)
    return made


def _usr(view: dict[str, Any]) -> list[list[Any]]:
    """Binds that make /usr: of a merged tree or, where the tree is the container's own root, of that."""
    root, tree = view["root"], view["tree"] or view["root"]
    is_shared = tree != root
    found: list[list[Any]] = []
    lowers = []
    if view["host_usr"]:
        lowers = ["/usr"]
        found = [["/usr", "/usr", True], *_parts(tree, "", lowers, root, is_shared)]
    elif is_shared:
        found = [[tree + "/usr", "/usr", True]]
    if is_shared:
        for overlay in view["overlays"]:
            found += _parts(overlay, "", [tree + "/usr", *lowers], root, True)
    return found


def _parts(tree: str, part: str, lowers: list[str], root: str, read_only: bool) -> list[list[Any]]:
    """Binds of what a tree has below /usr, over the folders that lie under it."""
    found: list[list[Any]] = []
    folder = "{}/usr{}".format(tree, part)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        here, inner = "{}/{}".format(folder, name), "{}/{}".format(part, name)
        if merge.is_whiteout(os.lstat(here)):
            if any(os.path.lexists(lower + inner) for lower in lowers):
                found.append([_nothing(root), "/usr" + inner, True])
        elif os.path.islink(here):
            source = _linked(tree, lowers, here)
            if source is not None:
                found.append([source, "/usr" + inner, True])
        elif not os.path.isdir(here) or merge.is_opaque(here):
            found.append([here, "/usr" + inner, read_only])
        elif any(os.path.isdir(lower + inner) for lower in lowers):
            found += _parts(tree, inner, lowers, root, read_only)
        else:
            found.append([here, "/usr" + inner, read_only])
    return found


def _nothing(root: str) -> str:
    """An empty folder, bound over what an image deletes: it cannot be made to be not there."""
    path = root + ".none"
    os.makedirs(path, exist_ok=True)
    return path


def _linked(tree: str, lowers: list[str], link: str) -> str | None:
    """The file that a link in a tree's /usr names: proot binds files, not links."""
    target = os.path.join("/", os.path.dirname(link[len(tree) :]), os.readlink(link))
    target = os.path.normpath(target)
    below = [lower + target[len("/usr") :] for lower in lowers] if target.startswith("/usr/") else []
    places = [tree + target, *below]
    return next((place for place in places if os.path.exists(place)), None)


def _replace(path: str, text: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _make_place(root: str, source: str, target: str) -> list[str]:
    """A mount point; where a bound folder is in the way, proot makes do without. Returns what was made for
    it, the innermost first."""
    place = Root(root).resolve(target)
    missing = []
    above = place
    while not os.path.lexists(above):
        missing.append(above)
        above = os.path.dirname(above)
    try:
        if os.path.isdir(source):
            os.makedirs(place, exist_ok=True)
        elif missing:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "ab"):
                pass
    except OSError:
        pass
    return missing


def remove_places(made: list[str]) -> None:
    """Removes mount points that are still empty."""
    for path in made:
        try:
            if os.path.isdir(path):
                os.rmdir(path)
            elif os.path.getsize(path) == 0:
                os.unlink(path)
        except OSError:
            pass
