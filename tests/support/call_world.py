"""An engine's calls and containers over a real database, with containers that a test plays itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

from modal_proto import api_pb2

from homeport.control import deployments
from homeport.control.calls import Calls
from homeport.control.chunks import Chunks
from homeport.control.containers import Containers
from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.starting import Sources, Starter
from homeport.model.errors import ContainerStartError
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.runtime.engine import (
    ContainerEvents,
    ContainerExit,
    ContainerSpec,
    ImageView,
    VolumeAttachment,
)
from homeport.store.database import Database

SYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
ASYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC
UNARY, MAP = api_pb2.FUNCTION_CALL_TYPE_UNARY, api_pb2.FUNCTION_CALL_TYPE_MAP
SUCCESS = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
FAILURE = api_pb2.GenericResult.GENERIC_STATUS_FAILURE
TERMINATED = api_pb2.GenericResult.GENERIC_STATUS_TERMINATED
TIMEOUT = api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT
APP = "ap-test"


class Play(Protocol):
    """Runs a scene against a fresh engine, on the given machine."""

    def __call__(
        self, scene: Callable[["CallWorld"], Awaitable[None]], machine: Machine | None = None
    ) -> None: ...


class PlayedRuntime:
    """Containers that exist by name only; a test ends them."""

    copies_volumes = False

    def __init__(self) -> None:
        self.specs: dict[str, ContainerSpec] = {}
        self.alive: set[str] = set()
        self.killed: dict[str, str] = {}
        self.graces: dict[str, tuple[float, bool]] = {}
        self.fails = ""
        self.ended_meanwhile: list[ContainerExit] = []
        self.events = ContainerEvents()

    async def open(self, events: ContainerEvents) -> None:
        self.events = events
        for end in self.ended_meanwhile:
            events.on_exit(end)

    async def warm(self, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]) -> None:
        return None

    async def start(self, spec: ContainerSpec) -> None:
        if self.fails:
            raise ContainerStartError(self.fails)
        self.specs[spec.task_id] = spec
        self.alive.add(spec.task_id)

    def api_socket(self, task_id: str) -> str:
        return f"unix:{task_id}"

    def share_socket(self, task_id: str) -> None:
        return None

    def running(self) -> set[str]:
        return set(self.alive)

    async def kill(
        self, task_id: str, *, grace_s: float = 0.0, reason: str = "", interrupt: bool = False
    ) -> None:
        self.killed[task_id] = reason
        self.graces[task_id] = grace_s, interrupt
        self.end(task_id, 137, signal=9)

    def end(self, task_id: str, code: int, **facts: object) -> None:
        if task_id in self.alive:
            self.alive.discard(task_id)
            self.events.on_exit(ContainerExit(task_id, code, ended_at=time.time(), **facts))  # type: ignore[arg-type]

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        raise NotImplementedError

    async def forget(self, task_id: str) -> None:
        return None

    async def close(self, *, kill_containers: bool) -> None:
        return None


class NoVolumes:
    """`last_commit`, where a test sets it, is what the last commit of a container waits for."""

    last_commit: asyncio.Event | None = None

    def attach(
        self, task_id: str, volume_id: str, path: str, *, read_only: bool, sub_path: str = ""
    ) -> VolumeAttachment:
        raise NotImplementedError

    async def commit_task(self, task_id: str, volume_id: str | None = None) -> None:
        return None

    def tasks(self) -> set[str]:
        return set()

    async def release_task(self, task_id: str) -> None:
        if self.last_commit is not None:
            await self.last_commit.wait()


class SaidLines:
    """A log that a test can read."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def system(self, app_id: str, task_id: str, text: str) -> None:
        self.lines.append(text)

    def task_output(self, task_id: str) -> None:
        return None

    def task_state(self, task_id: str, state: int) -> None:
        return None


class CallWorld:
    """Calls, functions and containers of one engine; `restart` is what kill -9 and a new start come to."""

    def __init__(self, folder: Path, machine: Machine | None = None) -> None:
        self.home = Home(folder)
        self.home.create()
        self.machine = machine or Machine(cpus=4, memory_mib=16000)
        self.runtime = PlayedRuntime()
        self.log = SaidLines()
        self.volumes = NoVolumes()
        self.db = Database(self.home.database)
        self._build()

    def _build(self) -> None:
        self.functions = Functions(self.db, self.machine)
        self.calls = Calls(self.db, self.functions)
        self.chunks = Chunks(self.db)
        image = ImageView("im-1", (), {}, None, "/usr/local/bin/python3", host_usr=True)

        async def bundle(image_id: str, version: str) -> tuple[Path, ...]:
            return (self.home.layers / f"client-{version}",)

        layout: Mapping[str, str] = {}
        sources = Sources(
            images=SimpleNamespace(view=lambda image_id: image, client_bundle=bundle),
            mounts=SimpleNamespace(tree=lambda mount_id: None),
            secrets=SimpleNamespace(values=lambda secret_id: {"KEY": "hunter2"}),
            volumes=self.volumes,
            apps=SimpleNamespace(
                layout=lambda app_id: SimpleNamespace(function_ids=layout, class_ids=layout)
            ),
            describe=lambda object_id: api_pb2.Object(object_id=object_id),
            image_origins=lambda image_id: {},
            image_record=lambda image_id: {"image_id": image_id},
            secret_name=lambda secret_id: 'Secret "s"',
        )
        starter = Starter(self.home, self.functions, sources, salt=b"salt")
        self.containers = Containers(
            self.home,
            self.db,
            self.machine,
            self.functions,
            self.calls,
            starter,
            self.runtime,
            self.volumes,
            self.log,
        )

        async def open_socket(task_id: str, address: str) -> Callable[[], Awaitable[None]]:
            async def close() -> None:
                return None

            return close

        self.containers.lives.open_socket = open_socket

    async def open(self) -> None:
        self.calls.load()
        await self.containers.open()

    async def restart(self) -> None:
        """A new engine over the same rows. The old one just stops being used."""
        self.calls.close()
        await self.containers.close(kill=False)
        self.db.close()
        self.db = Database(self.home.database)
        self._build()
        await self.open()

    async def close(self) -> None:
        self.calls.close()
        await self.containers.close(kill=False)
        self.db.close()

    def app(self, state: int = api_pb2.APP_STATE_EPHEMERAL, app_id: str = APP) -> str:
        self.db.run(
            "add_app",
            app_id=app_id,
            environment="main",
            name=None,
            description="test",
            state=state,
            detached=False,
            created_at=time.time(),
            heartbeat_at=None,
            tags="{}",
        )
        return app_id

    def define(
        self,
        tag: str = "f",
        app_id: str = APP,
        existing: str = "",
        client_version: str = "1.6.4",
        **fields: object,
    ) -> Definition:
        """A function of the app, which is made where it does not exist."""
        if self.db.one("function_app", app_id=app_id) is None:
            self.app(app_id=app_id)
        function = api_pb2.Function(function_name=tag, image_id="im-1", **fields)  # type: ignore[arg-type]
        return self.functions.create(
            api_pb2.FunctionCreateRequest(app_id=app_id, function=function, existing_function_id=existing),
            client_version,
        )

    def have_image(self, image_id: str) -> None:
        """Writes an image's row: a rollback wants to know that it is there."""
        self.db._connection.execute(
            "INSERT INTO images (image_id, state, definition, builder_version, created_at)"
            " VALUES (?, 1, x'', '', 0)",
            (image_id,),
        )

    def publish(
        self, *definitions: Definition, app_id: str = APP, deployed: bool = False, at: float = 0.0
    ) -> None:
        """Publishes the app with these functions, by their newest definitions."""
        request = api_pb2.AppPublishRequest(
            app_id=app_id, function_ids={d.tag: d.function_id for d in definitions}
        )
        with self.db.transaction():
            add = deployments.add_version if deployed else deployments.put_layout
            add(self.db, request, "1.6.4", at or time.time())
        self.containers.prepare_app(app_id)

    def call(
        self,
        function_id: str,
        *values: int,
        kind: int = UNARY,
        invocation: int = SYNC,
        is_of_spawn_map: bool = False,
    ) -> str:
        """Makes a call with one input for each value; its id."""
        items = [item(idx, value) for idx, value in enumerate(values)]
        made, _ = self.calls.create(function_id, kind, invocation, "", items, is_of_spawn_map=is_of_spawn_map)
        return made.call_id

    async def container(self, count: int = 1) -> str:
        """The id of a container that runs, waiting for one to start."""
        for _ in range(200):
            if len(self.runtime.alive) >= count:
                return max(self.runtime.alive, key=list(self.runtime.specs).index)
            await asyncio.sleep(0.005)
        raise AssertionError(f"no container started; {self.log.lines}")

    async def take(self, task_id: str, limit: int = 1, key: str = "") -> list[tuple[str, int, bytes]]:
        """What a container gets when it asks for inputs: (input id, attempt, arguments)."""
        claimed = await asyncio.wait_for(
            self.containers.next_inputs(task_id, limit=limit, linger_s=0.0, request_key=key), 5.0
        )
        return [
            (c.entry.input_id, c.entry.attempt, api_pb2.FunctionInput.FromString(c.payload).args)
            for c in claimed or ()
        ]

    def answer(
        self,
        task_id: str,
        input_id: str,
        attempt: int = 0,
        status: int = SUCCESS,
        data: bytes = b"",
        **said: str,
    ) -> None:
        """A container's result of an input; `said` of a failure: exception, traceback."""
        result = api_pb2.GenericResult(status=status, data=data, **said)  # type: ignore[arg-type]
        self.containers.put_outputs(
            task_id,
            [api_pb2.FunctionPutOutputsItem(input_id=input_id, result=result, retry_count=attempt)],
        )

    async def results(self, call_id: str, timeout_s: float = 2.0) -> list[api_pb2.FunctionGetOutputsItem]:
        found = await self.calls.outputs(call_id, timeout_s=timeout_s)
        return [api_pb2.FunctionGetOutputsItem.FromString(data) for data in found.items]


def item(idx: int, value: int) -> api_pb2.FunctionPutInputsItem:
    return api_pb2.FunctionPutInputsItem(idx=idx, input=api_pb2.FunctionInput(args=str(value).encode()))
