"""Runs one command in a container of its own: what image builds are made of.

No warm parent, no task, no log file: output goes to a callback, and the files that the command wrote are a
layer when it is done. What is run, on which layers, and what becomes of the layer is for image_builder.py.
"""

import asyncio
import json
import os
import shlex
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from homeport.model.errors import ContainerStartError, NotServedError
from homeport.runtime import isolation, proot_copies, proot_view
from homeport.runtime.host_files import etc_files, mounts_below_usr
from homeport.runtime.identity import container_uid, own, remove_tree
from homeport.runtime.launcher import spawn_launcher

__all__ = ["Bind", "CommandSpec", "own", "remove_tree", "run_command"]

NO_ROOT: Final = (
    "needs a root file system of its own, which --engine process gives none: only steps that install "
    "packages by pip or uv, or copy files, run on this machine itself. To build the image: homeport down && "
    "homeport up --engine auto"
)
_READ_BYTES: Final = 65536
_GRACE_S: Final = 10.0
_EMULATED: Final = "chown to other users was emulated: all files are the image's root's"

OnMachine = Callable[[Callable[[str], str]], tuple[str, ...] | None]


@dataclass(frozen=True)
class Bind:
    """A file or folder of this machine, shown at `target`. As root it must be readable by the containers' uid
    (`own`, or for everybody); the folders above it need not be."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class View:
    """Another image, or a part of one, shown read-only at `target`."""

    layers: tuple[Path, ...]  # topmost first
    host_usr: bool
    target: str


@dataclass(frozen=True)
class CommandSpec:
    """A command and the container that it runs in.

    After the run `upper` holds, as one tree that starts at /, what the command wrote: with overlayfs's
    whiteouts and opaque folders as `userxattr` writes them. It must be empty or a layer begun earlier, on a
    file system that can be an overlay's upper one; folders beside it, named after it, are used meanwhile.
    """

    argv: tuple[str, ...]
    layers: tuple[Path, ...]  # topmost first
    upper: Path
    env: Mapping[str, str]  # complete
    workdir: str = "/"
    host_usr: bool = False  # whether this machine's /usr lies under the layers' usr/
    binds: tuple[Bind, ...] = field(default=())
    views: tuple[View, ...] = field(default=())
    texts: Mapping[str, str] = field(default_factory=dict)  # files kept in memory, by their paths
    memory_folders: tuple[str, ...] = field(default=())
    work: Mapping[str, Any] | None = None  # of inside/files.py, in place of the command
    becomes: Path | None = None  # where the layer will lie, if it is to be one
    # the command where it runs on this machine itself, given what says where a path of the container's is;
    # None where it cannot
    on_machine: OnMachine | None = None


async def run_command(
    command: CommandSpec, on_output: Callable[[bytes], None], remarks: set[str] | None = None
) -> int:
    """Runs the command and returns its exit status, 128 + n when signal n ended it.

    Output (stdout and stderr as one) goes to `on_output` as it comes; `remarks` gets what an image should say
    of it. Nothing is left running, also when the awaiting task is cancelled. Raises ContainerStartError where
    the container cannot be put together.
    """
    remarks = set() if remarks is None else remarks
    if isolation.chosen() != isolation.NAMESPACES:
        return await _run_in_copy(command, on_output, remarks)
    parts = _UpperParts(command.upper, command.host_usr)
    parts.create()
    try:
        return await _launch(_request(command, parts), on_output, remarks)
    finally:
        await asyncio.to_thread(parts.merge)


async def _run_in_copy(command: CommandSpec, on_output: Callable[[bytes], None], remarks: set[str]) -> int:
    """In a copy of the layers, which is compared with them afterwards: see inside/proot_step.py and
    plain_step.py."""
    root = command.upper.with_name(command.upper.name + ".root")
    etc = command.upper.with_name(command.upper.name + ".etc")
    kept = _MemoryFiles(command)
    try:
        for folder in (command.upper, root, etc):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        begun = [command.upper] if any(command.upper.iterdir()) else []
        stock = command.upper.parent.parent
        is_ready = not begun and proot_copies.take(stock, command.layers, command.host_usr, root)
        copied = [] if is_ready else [str(layer) for layer in (*begun, *command.layers)]
        binds = [[str(bind.source), bind.target, bind.read_only] for bind in command.binds]
        spec: dict[str, Any] = {
            "views": [
                {
                    "layers": [str(layer) for layer in shown.layers],
                    "host_usr": shown.host_usr,
                    "target": shown.target,
                }
                for shown in command.views
            ],
            "work": command.work,
            "volumes": [],
            "etc": {},
            "upper": str(command.upper),
            "keeps_copy": command.becomes is not None and not begun,
        }
        special = _plain if isolation.chosen() == isolation.PROCESS else _prooted
        spec |= special(command, root, etc, [*binds, *kept.binds], copied)
        status = await _launch({"mode": "command", "spec": spec}, on_output, remarks)
        if status == 0 and spec["keeps_copy"]:
            layers = (command.becomes or command.upper, *command.layers)
            await asyncio.to_thread(proot_copies.keep, stock, layers, command.host_usr, root)
        return status
    finally:
        kept.remove()
        for folder in (
            root,
            etc,
            root.with_name(root.name + ".none"),
            *root.parent.glob(f"{root.name}.view-*"),
        ):
            await asyncio.to_thread(remove_tree, folder)


def _prooted(
    command: CommandSpec, root: Path, etc: Path, binds: list[list[Any]], copied: list[str]
) -> dict[str, Any]:
    binary = proot_view.find_proot()
    if binary is None:
        raise ContainerStartError("proot is gone from this machine: apt-get install proot")
    view = proot_view.view(binary, root) | {
        "host_usr": command.host_usr,
        "workdir": command.workdir,
        "env": {**command.env, "PROOT_NO_SECCOMP": "1"},
        "copied": copied,
    }
    return {
        "proot": view,
        "binds": [*binds, *(_cover(etc, name, text) for name, text in etc_files("modal").items())],
        "workdir": command.workdir,
        "command": list(command.argv),
    }


def _plain(
    command: CommandSpec, root: Path, etc: Path, binds: list[list[Any]], copied: list[str]
) -> dict[str, Any]:
    """On this machine itself: a command has the paths of the copy in place of the container's."""
    places = sorted(((target, source) for source, target, _ in binds), reverse=True)

    def place(path: str) -> str:
        for target, source in places:
            if path == target or path.startswith(f"{target}/"):
                return f"{source}{path[len(target) :]}"
        return f"{root}{path}"

    words = command.on_machine(place) if command.on_machine else None
    if words is None and command.work is None:
        raise NotServedError(f"`{shlex.join(command.argv)}` {NO_ROOT}")
    env = {name: place(value) if value.startswith("/run/") else value for name, value in command.env.items()}
    paths = env.get("PATH", "/usr/bin:/bin").split(":")
    own = [f"{root}{path}" for path in paths if path.startswith("/usr/local/")]
    return {
        "binds": binds,
        "plain": {"root": str(root), "copied": copied, "host_usr": command.host_usr},
        "env": {**env, "PATH": ":".join([*own, *paths]), "HOME": f"{root}/root"},
        "workdir": f"{root}{command.workdir}",
        "command": list(words or ()),
    }


class _MemoryFiles:
    """A step's secrets and folders in memory, for proot to bind."""

    def __init__(self, command: CommandSpec) -> None:
        self.binds: list[list[Any]] = []
        self._folder: Path | None = None
        if not command.texts and not command.memory_folders:
            return
        self._folder = Path(tempfile.mkdtemp(prefix="homeport-", dir="/dev/shm"))
        for number, (target, text) in enumerate(command.texts.items()):
            file = self._folder / f"text-{number}"
            file.write_text(text, encoding="utf-8")
            self.binds.append([str(file), target, True])
        for number, target in enumerate(command.memory_folders):
            (self._folder / f"folder-{number}").mkdir()
            self.binds.append([str(self._folder / f"folder-{number}"), target, False])

    def remove(self) -> None:
        if self._folder is not None:
            remove_tree(self._folder)


def _cover(folder: Path, name: str, text: str) -> list[Any]:
    """Bound over the image's own: its layer must not hold this machine's names."""
    (folder / name).write_text(text, encoding="utf-8")
    return [str(folder / name), f"/etc/{name}", True]


class _UpperParts:
    """The writable folders of one run. Over this machine's /usr there are two overlays, which need two, and
    each a work folder; layers with a /usr of their own leave the second one empty."""

    def __init__(self, upper: Path, host_usr: bool) -> None:
        self.upper = upper
        self.host_usr = host_usr
        self.usr = upper.with_name(upper.name + ".usr")
        self.work = upper.with_name(upper.name + ".work")
        self.usr_work = upper.with_name(upper.name + ".usr-work")

    def create(self) -> None:
        for folder in (self.work, self.usr_work):
            shutil.rmtree(folder, ignore_errors=True)
        for folder in (self.upper, self.work, self.usr_work):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if self.host_usr and (self.upper / "usr").is_dir():  # a layer begun earlier
            (self.upper / "usr").rename(self.usr)
        self.usr.mkdir(mode=0o755, exist_ok=True)
        for folder in (self.upper, self.usr, self.work, self.usr_work):
            own(folder)

    def merge(self) -> None:
        """Puts usr/ into the layer, where it is not empty, and removes the rest."""
        if any(self.usr.iterdir()):
            (self.upper / "usr").mkdir(exist_ok=True)
            (self.upper / "usr").rmdir()  # the mount point; nothing can have been written below it
            self.usr.rename(self.upper / "usr")
        else:
            self.usr.rmdir()
        for folder in (self.work, self.usr_work):
            remove_tree(folder)


def _request(command: CommandSpec, parts: _UpperParts) -> dict[str, Any]:
    folders = (parts.upper.parent, *command.layers)  # an upper folder and its work folder need one mount
    shown = [layer for view in command.views for layer in view.layers]
    return {
        "mode": "command",
        "container_uid": container_uid(),
        "staged": [str(path) for path in (*folders, *shown, *(bind.source for bind in command.binds))],
        "spec": {
            "kind": "build step",
            "view": {
                "trees": [str(layer) for layer in command.layers],
                "host_usr": command.host_usr,
                "usr_mounts": mounts_below_usr(),
                "volatile": False,
                "upper": str(parts.upper),
                "work": str(parts.work),
                "usr_upper": str(parts.usr),
                "usr_work": str(parts.usr_work),
            },
            "binds": [[str(bind.source), bind.target, bind.read_only] for bind in command.binds],
            "volumes": [volume for view in command.views for volume in _volumes(view)],
            "texts": dict(command.texts),
            "memory_folders": list(command.memory_folders),
            "work": command.work,
            "gpus": [],
            "etc": etc_files("modal"),
            "hostname": "modal",
            "env": dict(command.env),
            "workdir": command.workdir,
            "command": list(command.argv),
        },
    }


def _volumes(view: View) -> list[dict[str, Any]]:
    """An image's root as mounts; its /usr is one of its own where this machine's lies under it."""
    volumes = [_volume(view.target, [str(layer) for layer in view.layers])]
    if view.host_usr:
        parts = [layer / "usr" for layer in view.layers]
        lowers = [str(part) for part in parts if part.is_dir() and not part.is_symlink()]
        volumes.append(_volume(f"{view.target}/usr", [*lowers, "/usr"]))
    return volumes


def _volume(path: str, lowers: list[str]) -> dict[str, Any]:
    return {"path": path, "read_only": True, "lowers": lowers}


async def _launch(request: dict[str, Any], on_output: Callable[[bytes], None], remarks: set[str]) -> int:
    """Hands the request to a launcher, passes its output on, and waits until it is gone."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        spawning = asyncio.create_task(spawn_launcher(request, theirs, stdout=asyncio.subprocess.PIPE))
        try:
            process = await asyncio.shield(spawning)
            assert process.stdout is not None
            while chunk := await process.stdout.read(_READ_BYTES):
                on_output(chunk)
            await process.wait()
        finally:
            await asyncio.shield(_end(spawning, ours, theirs))
        return _status(ours.recv(_READ_BYTES), process.returncode, remarks)


async def _end(
    spawning: asyncio.Task[asyncio.subprocess.Process], ours: socket.socket, theirs: socket.socket
) -> None:
    """Ends the command if it still runs: at the end of its channel the launcher ends the container, waits for
    it, and ends."""
    with theirs:
        process = await spawning
    if process.returncode is None:
        ours.shutdown(socket.SHUT_RDWR)
        await _wait_or_kill(process)


async def _wait_or_kill(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _status(answer: bytes, returncode: int | None, remarks: set[str]) -> int:
    if not answer:
        raise ContainerStartError(f"the container's launcher ended with status {returncode} and said nothing")
    message = json.loads(answer)
    if "error" in message:
        raise ContainerStartError(f"the container could not be put together: {message['error']}")
    if message.get("emulated"):
        remarks.add(_EMULATED)
    code = os.waitstatus_to_exitcode(message["ended"])
    return code if code >= 0 else 128 - code
