"""From a function's definition to what the runtime starts: image, mounts, volumes, environment, arguments.

Nothing here starts anything. Slow steps (building a client bundle) belong to the sources that are asked.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from modal_proto import api_pb2

from homeport.control import classes
from homeport.control.definitions import AppFacts, Definition
from homeport.control.exec_requests import terminal_of, terminal_variables
from homeport.control.functions import Functions
from homeport.control.protocols import ImageSource, MountSource, SecretSource, VolumeSource
from homeport.model.home import Home
from homeport.plan import environment
from homeport.record.masking import is_secret_name
from homeport.runtime.engine import ContainerSpec, ImageView

logger = logging.getLogger(__name__)

_API_SOCKET_INSIDE = "/__modal/run/api.sock"
_ARGUMENTS_INSIDE = "/__modal/run/arguments.pb"
_MAIN_INSIDE = "/__modal/homeport/__main__.py"
_DEFAULT_WORKDIR = "/root"
_SLEEP = ("sleep", "172800")  # of an image without a command, as of Modal's own


OnRecording = Callable[[Path, Definition, ContainerSpec], None]  # the folder of a container that will be
OnComposed = Callable[[str, Definition, Mapping[str, environment.Variable]], Awaitable[None]]


class AppLayoutSource(Protocol):
    """The tags of an app's functions and classes; control.apps.Apps has it."""

    def layout(self, app_id: str) -> "LayoutView":
        """Raises NotFoundError."""


class LayoutView(Protocol):
    @property
    def function_ids(self) -> Mapping[str, str]: ...

    @property
    def class_ids(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class Sources:
    """Where the parts of a container come from. `describe` gives the handle metadata of a secret, volume or
    image as api_pb2.Object, for the container's own handles. `image_origins` tells which instruction set each
    variable of an image, `image_record` what an image is made of, `secret_name` what to call a secret."""

    images: ImageSource
    mounts: MountSource
    secrets: SecretSource
    volumes: VolumeSource
    apps: AppLayoutSource
    describe: Callable[[str], api_pb2.Object]
    image_origins: Callable[[str], Mapping[str, str]]
    image_record: Callable[[str], Mapping[str, object]]
    secret_name: Callable[[str], str]


@dataclass(frozen=True)
class Ground:
    """What containers of one definition have in common: what a warm parent is made for."""

    image: ImageView
    overlays: tuple[Path, ...]
    variables: dict[str, environment.Variable]


class Starter:
    """Composes containers' specifications."""

    def __init__(self, home: Home, functions: Functions, sources: Sources, *, salt: bytes) -> None:
        self._home = home
        self._functions = functions
        self._sources = sources
        self._salt = salt
        self.server_url = ""  # the engine's, once it listens
        self.has_notes = True  # of containers' processes
        self.on_recording: OnRecording = lambda folder, definition, spec: None
        self.on_composed: OnComposed | None = None  # may refuse the start

    async def ground(self, definition: Definition) -> Ground:
        """Raises NotFoundError for a secret, mount or image that is gone."""
        app = self._functions.app(definition.app_id)
        function = definition.function
        image = self._sources.images.view(function.image_id)
        bundle = await self._sources.images.client_bundle(function.image_id, definition.client_version)
        trees = [self._sources.mounts.tree(mount_id) for mount_id in sorted(function.mount_ids)]
        variables = environment.compose(
            image.env,
            self._sources.image_origins(function.image_id),
            [
                (self._sources.secret_name(secret_id), self._sources.secrets.values(secret_id))
                for secret_id in function.secret_ids
            ],
            self._platform(app, definition),
        )
        return Ground(image, (*(tree for tree in trees if tree is not None), *bundle), variables)

    async def spec(self, definition: Definition, task_id: str, gpu_devices: tuple[int, ...]) -> ContainerSpec:
        """Everything that starts one container; attaches the volumes, so release_task must follow."""
        ground = await self.ground(definition)
        function = definition.function
        volumes = tuple(
            self._sources.volumes.attach(
                task_id,
                mount.volume_id,
                mount.mount_path,
                read_only=mount.read_only,
                sub_path=mount.sub_path,
            )
            for mount in function.volume_mounts
        )
        self._record(task_id, ground)
        if self.on_composed is not None:
            await self.on_composed(task_id, definition, ground.variables)
        limit_mib = definition.grant.memory_limit_mib
        spec = ContainerSpec(
            task_id=task_id,
            image=ground.image,
            overlays=ground.overlays,
            env=environment.values(ground.variables),
            workdir=ground.image.workdir or _DEFAULT_WORKDIR,
            container_arguments=b"",
            volumes=volumes,
            memory_limit_bytes=limit_mib * 1024 * 1024 if limit_mib else None,
            cpu_limit=definition.grant.cpu_limit,
            gpu_devices=gpu_devices,
            keeps_files=definition.is_build_step,
        )
        self.on_recording(self._home.tasks / task_id, definition, spec)
        if definition.sandbox is not None:
            return of_sandbox(spec, definition.sandbox)
        return replace(
            spec,
            container_arguments=self._arguments(definition, task_id).SerializeToString(),
            command=_by_entrypoint(ground.image),
            notes_key=self._salt if self.has_notes and not definition.is_build_step else b"",
        )

    def _arguments(self, definition: Definition, task_id: str) -> api_pb2.ContainerArguments:
        app = self._functions.app(definition.app_id)
        return api_pb2.ContainerArguments(
            task_id=task_id,
            function_id=definition.function_id,
            app_id=definition.app_id,
            function_def=definition.function,
            serialized_params=definition.params,
            environment_name=app.environment,
            app_layout=self._layout(definition),
        )

    def _layout(self, definition: Definition) -> api_pb2.AppLayout:
        """The app as its containers see it: every function, and every object that the function depends on."""
        layout = self._sources.apps.layout(definition.app_id)
        objects: dict[str, api_pb2.Object] = {}
        function_ids = dict(layout.function_ids)
        for function_id, handle in self._functions.handles(definition.app_id):
            objects[function_id] = api_pb2.Object(object_id=function_id, function_handle_metadata=handle)
            function_ids.setdefault(handle.function_name, function_id)
        for dependency in definition.function.object_dependencies:
            object_id = dependency.object_id
            if object_id not in objects:
                objects[object_id] = self._sources.describe(object_id)
        class_ids = classes.class_ids(function_ids, layout.class_ids)
        objects.update((class_id, classes.described(class_id)) for class_id in class_ids.values())
        return api_pb2.AppLayout(objects=objects.values(), function_ids=function_ids, class_ids=class_ids)

    def _record(self, task_id: str, ground: Ground) -> None:
        """Writes down, before the container exists, where its variables came from and what its image is."""
        folder = self._home.tasks / task_id
        folder.mkdir(exist_ok=True)
        facts = {
            "environment.json": environment.record(ground.variables, self._salt, is_secret_name),
            "image.json": self._sources.image_record(ground.image.image_id),
        }
        try:
            for name, found in facts.items():
                (folder / name).write_text(json.dumps(found, indent=1), encoding="utf-8")
        except OSError as error:  # no reason not to start it
            logger.warning("environment and image of %s were not recorded: %s", task_id, error)

    def _platform(self, app: AppFacts, definition: Definition) -> dict[str, str]:
        """MODAL_TASK_ID is added by the runtime: a warm parent does not know it yet."""
        variables = {
            "MODAL_IMAGE_ID": definition.function.image_id,
            "MODAL_ENVIRONMENT": app.environment,
            "MODAL_CLOUD_PROVIDER": "CLOUD_PROVIDER_UNSPECIFIED",
            "MODAL_REGION": "local",
        }
        if definition.sandbox is not None:
            # the engine's own door: only who was given a token gets in
            return variables | {
                "MODAL_SERVER_URL": self.server_url,
                "MODAL_SANDBOX_ID": definition.function_id,
            }
        return variables | {
            "MODAL_SERVER_URL": f"unix://{_API_SOCKET_INSIDE}",
            "MODAL_CONTAINER_ARGUMENTS_PATH": _ARGUMENTS_INSIDE,
            "MODAL_IS_REMOTE": "1",
        }


def _by_entrypoint(image: ImageView) -> tuple[str, ...] | None:
    """A function's process as arguments of its image's ENTRYPOINT, which has to exec them, as on Modal; None
    without one."""
    return (*image.entrypoint, image.python, _MAIN_INSIDE, "entrypoint") if image.entrypoint else None


def of_sandbox(spec: ContainerSpec, sandbox: api_pb2.Sandbox) -> ContainerSpec:
    """The container with the sandbox's command in place of a function's entrypoint."""
    arguments = tuple(sandbox.entrypoint_args)
    has_terminal = sandbox.HasField("pty_info") and sandbox.pty_info.enabled
    env = spec.env | (terminal_variables(sandbox.pty_info) if has_terminal else {})
    return replace(
        spec,
        command=spec.image.entrypoint + arguments if arguments else spec.image.command or _SLEEP,
        env=env | dict(sandbox.environment_variables.contents),
        workdir=sandbox.workdir or spec.workdir,
        has_stdin=True,
        terminal=terminal_of(sandbox.pty_info) if has_terminal else None,
    )
