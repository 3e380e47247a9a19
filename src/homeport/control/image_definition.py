"""What a client asks of an image, and what is refused before anything runs.

How a definition becomes layers is image_walk.py's; decoding it from the wire is api/images.py's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from modal_proto import api_pb2

from homeport.model.errors import HomeportError, InvalidError, NotServedError
from homeport.plan.dockerfile import parse
from homeport.plan.instructions import From, Instruction
from homeport.plan.recipe import ImageState
from homeport.plan.references import parse_reference
from homeport.runtime.step_output import Output
from homeport.runtime.uv import Log

SERVED_BUILDERS = ("2025.06", "2026.10")
_NAME_IN_SOURCE = re.compile(r"^\s*(?:async\s+)?def\s+(\w+)", re.MULTILINE)
UV_IMAGE = re.compile(r"ghcr\.io/astral-sh/uv(?::([\w.-]+))?")


class ContextMounts(Protocol):
    """Implemented by control.mounts.Mounts."""

    def tree(self, mount_id: str) -> Path | None: ...

    def checksum(self, mount_id: str) -> str: ...

    def standalone_python(self, mount_id: str) -> str: ...


@dataclass(frozen=True)
class BuildFunction:
    """What Image.run_function asks for: `source` and `captured` (values of globals) tell whether it changed,
    `input` is a serialised api_pb2.FunctionInput, empty for a call without arguments."""

    function_id: str
    source: str
    captured: bytes = b""
    input: bytes = b""

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells one step from another."""
        return (self.source, sha256(self.captured).hexdigest(), sha256(self.input).hexdigest())

    @property
    def name(self) -> str:
        found = _NAME_IN_SOURCE.search(self.source)
        return found[1] if found else "its function"


class FunctionRunner(Protocol):
    """Implemented by control.build_functions.BuildFunctions."""

    def warnings(self, function_id: str) -> tuple[str, ...]: ...

    async def run(self, function_id: str, payload: bytes, tree: Path, log: Output) -> None: ...


@dataclass(frozen=True)
class RunFunction(Instruction):
    """The one step of an image that Image.run_function makes."""

    function: BuildFunction


@dataclass(frozen=True)
class ImageDefinition:
    """What a client asks for, decoded; `serialized` is the message as it came."""

    commands: tuple[str, ...]
    builder_version: str
    client_version: str
    serialized: bytes
    base_images: Mapping[str, str] = field(default_factory=dict)  # name in FROM -> image id
    context_files: Mapping[str, bytes] = field(default_factory=dict)
    context_mount_id: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    secret_ids: tuple[str, ...] = ()
    registry_secret_id: str = ""
    gpu: str = ""
    function: BuildFunction | None = None  # instead of commands
    app_id: str = ""
    force_build: bool = False
    ignore_cache: bool = False


@dataclass(frozen=True)
class Result:
    """An image as far as it is made: its configuration, layers (topmost first, by name), remarks."""

    state: ImageState
    layers: tuple[str, ...]
    python_series: str
    notes: tuple[str, ...]
    from_base: bytes | None = None  # metadata of the image that it is derived from, if no layer was added
    host_usr: bool = True  # whether the layers lie over this machine's /usr, or carry one of their own

    def with_layer(self, name: str, key: str) -> "Result":
        return replace(self, layers=(name, *self.layers), state=replace(self.state, key=key), from_base=None)

    def noting(self, *notes: str) -> "Result":
        return replace(self, notes=(*self.notes, *(note for note in notes if note not in self.notes)))


@dataclass(frozen=True)
class Voice:
    """Where a build talks: `write` takes the steps' output, `say` the engine's own lines."""

    write: Log
    say: Log


class BuildFailedError(HomeportError):
    """A step failed; the message names it, its exit status and the last lines of its output."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotThereError(Exception):
    """Something has to be made, and this was only to look."""


def definition_of(
    image: api_pb2.Image,
    *,
    builder_version: str,
    client_version: str = "",
    function_id: str = "",
    app_id: str = "",
    force_build: bool = False,
    ignore_cache: bool = False,
) -> ImageDefinition:
    """What a client's message asks for, or asked for when it was stored."""
    gpu = image.gpu_config
    return ImageDefinition(
        commands=tuple(image.dockerfile_commands),
        builder_version=builder_version,
        client_version=client_version,
        serialized=image.SerializeToString(),
        base_images={base.docker_tag: base.image_id for base in image.base_images},
        context_files={file.filename: file.data for file in image.context_files},
        context_mount_id=image.context_mount_id,
        build_args=dict(image.build_args),
        secret_ids=tuple(image.secret_ids),
        registry_secret_id=image.image_registry_config.secret_id,
        gpu=gpu.gpu_type or ("any" if gpu.count else ""),
        function=_function(image, function_id),
        app_id=app_id,
        force_build=force_build,
        ignore_cache=ignore_cache,
    )


def _function(image: api_pb2.Image, function_id: str) -> BuildFunction | None:
    if not image.HasField("build_function"):
        return None
    given = image.build_function
    argument = given.input.SerializeToString() if given.HasField("input") else b""
    return BuildFunction(function_id, given.definition, given.globals, argument)


def check_definition(definition: ImageDefinition) -> list[Instruction]:
    """The definition's instructions. Raises NotServedError by name, or InvalidError."""
    if definition.builder_version not in SERVED_BUILDERS:
        raise NotServedError(
            f"Homeport does not serve image builder version {definition.builder_version!r}, only "
            f"{' and '.join(SERVED_BUILDERS)}: remove image_builder_version from the client's "
            "configuration."
        )
    if definition.function is not None:
        return _function_steps(definition, definition.function)
    instructions = parse(definition.commands)
    bases = [entry.image for entry in instructions if isinstance(entry, From)]
    for name in bases:
        if "$" not in name:
            parse_reference(name)
    return instructions


def _function_steps(definition: ImageDefinition, function: BuildFunction) -> list[Instruction]:
    if len(definition.base_images) != 1 or definition.commands:
        raise InvalidError("An image with a build function has one base image and no commands.")
    base = next(iter(definition.base_images))
    return [From(f"FROM {base}", base), RunFunction(f"run_function({function.name})", function)]
