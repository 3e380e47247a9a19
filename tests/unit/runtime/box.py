"""What the tests of containers share: a small image, and a runtime that is opened and closed around a test.

The image's entrypoint stands where Modal's does, and runs the Python source that it finds where Modal's finds
its arguments. So a test says what happens inside a container in one string.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from homeport.model.home import Home
from homeport.model.ids import TASK, new_id
from homeport.runtime import inside, isolation
from homeport.runtime.engine import ContainerEvents, ContainerExit, ContainerSpec, ImageView, VolumeAttachment
from homeport.runtime.identity import own
from homeport.runtime.launcher import WarmParents
from homeport.runtime.plain import PlainSandbox
from homeport.runtime.proot import ProotSandbox
from homeport.runtime.sandbox import Sandbox

ENTRYPOINT = """
import json, os
if __name__ == "__main__":
    with open(os.environ["MODAL_CONTAINER_ARGUMENTS_PATH"]) as file:
        source = file.read()
    exec(compile(source, "arguments", "exec"))
"""
ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PYTHONPATH": "/root:/pkg",
    "MODAL_CONTAINER_ARGUMENTS_PATH": "/__modal/run/arguments.pb",
}


def system_python() -> str:
    """A Python below /usr, which the image shows."""
    found = shutil.which("python3", path="/usr/bin")
    if found is None:
        pytest.skip("there is no /usr/bin/python3 for containers to run")
    return os.path.realpath(found)


def make_sandbox(home: Home, **parents: Any) -> Sandbox:
    """The runtime of the isolation that was chosen."""
    if isolation.chosen() == isolation.PROOT:
        return ProotSandbox(home)
    if isolation.chosen() == isolation.PROCESS:
        return PlainSandbox(home)
    return Sandbox(home, WarmParents(**parents))


@dataclass(frozen=True)
class Place:
    """A home with one image."""

    home: Home
    image: ImageView
    bundle: tuple[Path, ...]

    def run(self, check: "Callable[[Box], Awaitable[None]]", **parents: Any) -> None:
        """Runs the check with an open runtime, then ends everything and forgets every task."""

        async def whole() -> None:
            box = Box(self, make_sandbox(self.home, **parents))
            await box.sandbox.open(ContainerEvents(box.grown.append, box.note_exit))
            try:
                await check(box)
            finally:
                await box.sandbox.close(kill_containers=True)
                for folder in self.home.tasks.glob("ta-*"):
                    await box.sandbox.forget(folder.name)

        asyncio.run(whole())

    def mount(self, files: dict[str, str]) -> Path:
        """A mount's tree with these files."""
        tree = self.home.mounts / f"m{len(list(self.home.mounts.iterdir()))}"
        return write_tree(tree, files)


@dataclass
class Box:
    """An open runtime in a place."""

    place: Place
    sandbox: Sandbox
    grown: list[str] = field(default_factory=list)
    exits: dict[str, ContainerExit] = field(default_factory=dict)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def note_exit(self, exit: ContainerExit) -> None:
        self.exits[exit.task_id] = exit
        self._ended.set()

    def spec(self, source: str, **changes: Any) -> ContainerSpec:
        spec = ContainerSpec(
            task_id=new_id(TASK),
            image=self.place.image,
            overlays=self.place.bundle,
            env=ENV,
            workdir="/root",
            container_arguments=source.encode(),
        )
        return replace(spec, **changes)

    async def start(self, source: str, **changes: Any) -> str:
        spec = self.spec(source, **changes)
        await self.sandbox.start(spec)
        return spec.task_id

    async def ended(self, task_id: str) -> ContainerExit:
        while task_id not in self.exits:
            self._ended.clear()
            await asyncio.wait_for(self._ended.wait(), 30)
        return self.exits[task_id]

    async def run(self, source: str, **changes: Any) -> tuple[ContainerExit, str]:
        """The exit and the output of a container that runs `source`."""
        task_id = await self.start(source, **changes)
        exit = await self.ended(task_id)
        return exit, self.output(task_id)

    def output(self, task_id: str) -> str:
        return "".join(text for _, text in self.records(task_id))

    def records(self, task_id: str) -> list[tuple[int, str]]:
        """The log's records, each its stream and its text."""
        rest = (self.place.home.logs / f"{task_id}.log").read_bytes()
        found = []
        while rest:
            header, _, rest = rest.partition(b"\n")
            _, stream, length = header.split()
            found.append((int(stream), rest[: int(length)].decode()))
            rest = rest[int(length) :]
        return found

    async def said(self, task_id: str, text: str) -> None:
        """Waits until the container has printed `text`."""
        async with asyncio.timeout(30):
            while text not in self.output(task_id):  # noqa: ASYNC110 (a file, not an event)
                await asyncio.sleep(0.01)


def write_tree(tree: Path, files: dict[str, str]) -> Path:
    """A tree of the containers' uid."""
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    own(tree)
    return tree


def make_place(root: Path) -> Place:
    home = Home(root)
    home.create()
    base = home.layers / "base"
    for name in ("etc", "root", "tmp", "var/tmp", "usr/local", "proc", "dev", "sys"):
        (base / name).mkdir(parents=True)
    (base / "tmp").chmod(0o1777)
    for name in ("bin", "lib", "lib64", "sbin"):
        if Path(f"/usr/{name}").exists():
            (base / name).symlink_to(f"usr/{name}")
    os.setxattr(base / "usr/local", "user.overlay.opaque", b"y")
    own(base)
    bundle = home.layers / "bundle"
    shutil.copytree(
        Path(inside.__file__).parent,
        bundle / "__modal/homeport",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    write_tree(bundle, {"pkg/modal/__init__.py": "", "pkg/modal/_container_entrypoint.py": ENTRYPOINT})
    return existing_place(root)


def volume(place: Place, name: str, files: dict[str, str], **changes: Any) -> VolumeAttachment:
    """A volume with one committed state, mounted at /data."""
    folder = place.home.volumes / name
    upper, work = folder / "upper", folder / "work"
    for path in (upper, work):
        path.mkdir(parents=True)
        own(path)
    lower = write_tree(folder / "1", {**files, ".keep": ""})
    attachment = VolumeAttachment(
        f"vo-{name}", "/data", False, (lower,), upper, work, snapshot=folder / "seen.json"
    )
    return replace(attachment, **changes)


def existing_place(root: Path) -> Place:
    """The place that `make_place` made there."""
    home = Home(root)
    image = ImageView("im-test", (home.layers / "base",), ENV, "/root", system_python(), host_usr=True)
    return Place(home, image, (home.layers / "bundle",))
