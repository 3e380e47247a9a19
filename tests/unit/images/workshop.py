"""A home with real layers, and short ways to ask for images in it. Also a program: `workshop.py HOME`.

The program builds an image with a package from the index and prints what its container says; tests run it as
another user.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from modal_proto import api_pb2

from homeport.control.image_definition import ImageDefinition
from homeport.control.image_recipes import Base
from homeport.control.images import BUILDING, BUILT, Image, Images
from homeport.model.home import Home
from homeport.runtime.commands import CommandSpec, run_command
from homeport.store.database import Database

SERIES = f"{sys.version_info[0]}.{sys.version_info[1]}"
PRELUDE = (
    f"FROM python:{SERIES}-slim-bookworm",
    "RUN apt-get update",
    "RUN apt-get install -y gcc gfortran build-essential",
    "RUN pip install --upgrade pip wheel uv",
    "RUN echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections",
    'CMD ["sleep", "172800"]',
)
T = TypeVar("T")


@dataclass
class Mounts:
    """Mounts of a test: trees by their id."""

    trees: dict[str, Path] = field(default_factory=dict)
    pythons: dict[str, str] = field(default_factory=dict)  # versions of what add_python brings

    def tree(self, mount_id: str) -> Path | None:
        return self.trees[mount_id]

    def standalone_python(self, mount_id: str) -> str:
        return self.pythons.get(mount_id, "")

    def checksum(self, mount_id: str) -> str:
        files = sorted(path for path in self.trees[mount_id].rglob("*") if path.is_file())
        return repr([(str(path.relative_to(self.trees[mount_id])), path.read_bytes()) for path in files])


@dataclass
class Secrets:
    """Secrets of a test: values by their id."""

    known: dict[str, dict[str, str]] = field(default_factory=dict)

    def values(self, secret_id: str) -> Mapping[str, str]:
        return self.known[secret_id]


class EndedError(Exception):
    """The build failed."""


class Workshop:
    """A home. Each `run` is an engine of its own, as if it had been started again."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.create()
        self.mounts = Mounts()
        self.secrets = Secrets()

    def run(self, use: Callable[["Shop"], Awaitable[T]], base: Base = "auto") -> T:
        async def life() -> T:
            db = Database(self.home.database)
            images = Images(self.home, db, self.mounts, self.secrets, base)
            await images.open()
            try:
                return await use(Shop(self, images, db))
            finally:
                await images.close()
                db.close()

        return asyncio.run(life())

    def layers(self) -> set[str]:
        return {path.name for path in self.home.layers.iterdir() if path.is_dir()}


@dataclass
class Shop:
    """One engine's life."""

    workshop: Workshop
    images: Images
    db: Database
    output: str = ""  # of the last build

    async def base(self) -> str:
        return (await self.build(*PRELUDE)).image_id

    async def derive(self, *commands: str, base: str | None = None, **changes: object) -> Image:
        """Builds on the base image, or another one."""
        below = base or await self.base()
        return await self.build("FROM base", *commands, base_images={"base": below}, **changes)

    async def build(self, *commands: str, **changes: object) -> Image:
        """Raises EndedError with the build's own words if it fails."""
        image = await self.images.get_or_create(definition(*commands, **changes))
        self.output = ""
        if image.state == BUILDING:
            image = await self.wait(image.image_id)
        if image.state != BUILT:
            raise EndedError(image.error)
        return image

    async def wait(self, image_id: str) -> Image:
        async for event in self.images.follow(image_id, 0, 600, replay=True):
            if isinstance(event, Image):
                return event
            self.output += "".join(record.data.decode() for record in event)
        raise AssertionError("the log ended before the build")

    async def look(self, image: Image, command: str, *overlays: Path) -> str:
        """What a shell command prints in a container of the image."""
        view = self.images.view(image.image_id)
        output: list[bytes] = []
        scratch = self.workshop.home.layers / "tmp-look/tree"
        scratch.parent.mkdir(exist_ok=True)
        env = {"HOME": "/root", **view.env}
        if overlays:
            env["PYTHONPATH"] = "/root:/pkg"
        layers = (*overlays, *view.layers)
        argv = ("/bin/sh", "-c", command)
        spec = CommandSpec(argv, layers, scratch, env, view.workdir or "/", host_usr=view.host_usr)
        await run_command(spec, output.append)
        await asyncio.to_thread(self.images._store.sweep)
        return b"".join(output).decode().strip()


def definition(*commands: str, **changes: object) -> ImageDefinition:
    fields: dict[str, object] = {
        "commands": commands,
        "builder_version": "2025.06",
        "client_version": metadata.version("modal"),
        "serialized": b"",
    }
    made = ImageDefinition(**{**fields, **changes})  # type: ignore[arg-type]
    message = api_pb2.Image(
        dockerfile_commands=made.commands,
        base_images=[api_pb2.BaseImage(docker_tag=k, image_id=v) for k, v in made.base_images.items()],
        context_mount_id=made.context_mount_id,
        build_args=made.build_args,
        secret_ids=made.secret_ids,
    )
    return replace(made, serialized=message.SerializeToString())


async def _main(shop: Shop) -> None:
    image = await shop.derive("RUN python -m pip install six", "RUN echo mine > /opt/mine")
    print(await shop.look(image, "id -u; cat /opt/mine; python -c 'import six; print(six.__file__)'"))
    bundle = await shop.images.client_bundle(image.image_id, metadata.version("modal"))
    print(
        await shop.look(
            image, "python -c 'import modal._container_entrypoint as e; print(e.__name__)'", *bundle
        )
    )


if __name__ == "__main__":
    Workshop(Path(sys.argv[1])).run(_main)
