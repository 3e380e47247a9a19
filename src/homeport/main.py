"""The engine: the composition root, the only place that builds everything, and its life from start to end.

`python -m homeport.main --home DIR --port N` runs it until SIGTERM or SIGINT. Its first and only line on
stdout is JSON: what engine.json holds once it is ready, or `{"error": sentence}`.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from modal_proto import api_pb2

from homeport import __version__
from homeport.api.apps import AppServicer
from homeport.api.blobs import BlobServicer
from homeport.api.calls import CallServicer
from homeport.api.classes import ClassServicer
from homeport.api.client import ClientServicer
from homeport.api.command_router import CommandRouterServicer
from homeport.api.containers import ContainerServicer
from homeport.api.dicts import DictServicer
from homeport.api.environments import EnvironmentServicer
from homeport.api.functions import FunctionServicer
from homeport.api.gateway import Gateway, Router
from homeport.api.grpc_server import GrpcServer
from homeport.api.images import ImageServicer
from homeport.api.logs import LogServicer
from homeport.api.mounts import MountServicer
from homeport.api.queues import QueueServicer
from homeport.api.router_access import RouterAccess, RouterAccessServicer
from homeport.api.sandboxes import SandboxServicer
from homeport.api.secrets import SecretServicer
from homeport.api.tasks import TaskServicer
from homeport.api.volumes import VolumeServicer
from homeport.api.volumes_v1 import VolumeV1Servicer
from homeport.control.access import Access
from homeport.control.answers import Answers
from homeport.control.apps import HEARTBEAT_LIMIT_S, Apps
from homeport.control.blobs import Blobs
from homeport.control.build_functions import BuildFunctions
from homeport.control.call_records import CallRecords
from homeport.control.calls import Calls
from homeport.control.chunks import Chunks
from homeport.control.containers import Containers
from homeport.control.contracts import ImageSource
from homeport.control.dicts import Dicts
from homeport.control.environments import Environments
from homeport.control.exec_requests import ExecRequests
from homeport.control.execs import Execs
from homeport.control.expiry import Expiry
from homeport.control.functions import Functions
from homeport.control.image_cache import Removal
from homeport.control.image_definition import FunctionRunner
from homeport.control.image_recipes import as_base
from homeport.control.images import Images
from homeport.control.large_values import LargeValues
from homeport.control.links import Links
from homeport.control.logs import Logs
from homeport.control.lookups import Lookups
from homeport.control.machine import this_machine
from homeport.control.mounts import Mounts
from homeport.control.ownership import container_owner
from homeport.control.queue_objects import QueueObjects
from homeport.control.sandbox_output import SandboxOutput
from homeport.control.sandboxes import Sandboxes
from homeport.control.schedules import Schedules
from homeport.control.secrets import Secrets
from homeport.control.starting import Sources, Starter
from homeport.control.stored_objects import DICTS, EPHEMERAL_S, QUEUES, StoredObjects
from homeport.control.sweep import Sweep
from homeport.control.torch_builds import TorchBuilds
from homeport.control.volume_service import VolumeService
from homeport.control.web_calls import WebCalls
from homeport.model.errors import EngineUnavailableError, HomeportError
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.runtime import choice, isolation
from homeport.runtime.engine import ContainerRuntime
from homeport.runtime.keeping import Keeper
from homeport.runtime.proot import ProotSandbox
from homeport.runtime.sandbox import Sandbox
from homeport.store import home_files
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from homeport.store.settings import choose_settings, image_cache_limit, read_settings
from homeport.store.value_files import ValueFiles
from homeport.web.endpoints import Endpoints
from homeport.web.server import start_server

logger = logging.getLogger("homeport.main")  # also when it runs as __main__

_EXIT_GRACE_S = 8.0  # for exit handlers when the engine is stopped: who stops it waits


class ImageParts(ImageSource, Protocol):
    """Images as the engine's life needs them."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def env_origins(self, image_id: str) -> dict[str, str]: ...

    def record(self, image_id: str) -> dict[str, object]: ...

    async def sweep(self, before: float, named: frozenset[str]) -> int | None: ...

    def app_stopped(self, app_id: str) -> None: ...

    async def prune(self, before: float, *, dry_run: bool) -> Removal: ...

    functions: FunctionRunner | None
    named: Callable[[float], frozenset[str]]


@dataclass(frozen=True)
class Parts:
    """What tests replace: how containers run, and what they run in."""

    runtime: Callable[[Home], ContainerRuntime]
    images: Callable[[Home, Database, Mounts, Secrets], tuple[ImageParts, list[object]]]  # with servicers


@dataclass
class Engine:
    """Everything of one engine, built but not started."""

    home: Home
    token: home_files.Token
    db: Database
    links: Links
    logs: Logs
    apps: Apps
    blobs: Blobs
    functions: Functions
    calls: Calls
    containers: Containers
    execs: Execs
    sandboxes: Sandboxes
    starter: Starter
    runtime: ContainerRuntime
    gateway: Gateway
    volumes: VolumeService
    images: ImageParts
    builds: BuildFunctions
    sweep: Sweep
    schedules: Schedules
    endpoints: Endpoints
    stored: "Stored"


@dataclass
class Stored:
    """Dicts and Queues."""

    expiry: Expiry
    answers: Answers
    dicts: StoredObjects
    queues: StoredObjects
    servicers: list[object]

    def open(self) -> None:
        """Needs the event loop."""
        self.answers.open()
        self.dicts.open()
        self.queues.open()
        self.expiry.open()


def build(
    home: Home,
    machine: Machine,
    parts: Parts,
    *,
    gpu_required: bool,
    heartbeat_limit_s: float = HEARTBEAT_LIMIT_S,
) -> Engine:
    """Puts all parts together. The order is that of the layers: store, control, api."""
    token = home_files.ensure_token(home)
    db = Database(home.database)
    owner = container_owner()
    store = BlobStore(home.blobs, owner)
    links = Links(db)
    environments = Environments(db)
    logs = Logs(home, db)
    apps = Apps(db, environments, logs, heartbeat_limit_s=heartbeat_limit_s)
    blobs = Blobs(db, store, links)
    mounts = Mounts(db, home, store, owner)
    secrets = Secrets(db)
    runtime = parts.runtime(home)
    volumes = VolumeService(db, home, links, runtime, owner)
    images, image_servicers = parts.images(home, db, mounts, secrets)
    functions = Functions(db, machine, gpu_required=gpu_required)
    calls = Calls(db, functions)
    sources = Sources(
        images=images,
        mounts=mounts,
        secrets=secrets,
        volumes=volumes,
        apps=apps,
        describe=_describer(volumes),
        image_origins=images.env_origins,
        image_record=images.record,
        secret_name=_secret_name(secrets),
    )
    salt = hashlib.sha256(token.token_secret.encode()).digest()
    starter = Starter(home, functions, sources, salt=salt)
    builds = BuildFunctions(home, db, functions, calls, mounts, logs)
    images.functions = builds
    containers = Containers(home, db, machine, functions, calls, starter, runtime, volumes, builds)
    containers.lives.on_ended.append(builds.collect)
    schedules = Schedules(db, functions, calls)
    execs = Execs(runtime)
    containers.on_exec = execs.changed
    sandboxes = Sandboxes(db, machine, functions, secrets, containers, execs, gpu_required=gpu_required)
    access = Access(token.token_secret.encode())
    router_access = RouterAccess(containers, access)
    command_router = CommandRouterServicer(
        execs, ExecRequests(secrets), access, SandboxOutput(home, db, execs.change), volumes.mounts
    )
    chunks = Chunks(db)
    web_calls = WebCalls(calls, chunks, blobs.read)
    endpoints = Endpoints(db, functions, web_calls, (token.token_id, token.token_secret))
    _connect(apps, calls, containers, schedules, images, endpoints)
    ephemeral_s = EPHEMERAL_S * heartbeat_limit_s / HEARTBEAT_LIMIT_S
    stored = _stored(home, db, environments, containers, ephemeral_s)
    lookups = Lookups(apps)
    sweep = Sweep(home, db, (images, mounts))
    images.named = sweep.named
    gateway = Gateway(
        [
            AppServicer(apps, db, warnings=functions.warnings),
            BlobServicer(blobs),
            CallServicer(calls, chunks, containers, CallRecords(db, functions)),
            ClassServicer(functions, apps, lookups),
            ClientServicer(),
            ContainerServicer(containers),
            EnvironmentServicer(environments),
            FunctionServicer(functions, containers, lookups),
            LogServicer(logs),
            MountServicer(mounts, blobs, environments),
            RouterAccessServicer(router_access, access),
            SandboxServicer(sandboxes, apps, logs, router_access),
            SecretServicer(secrets, environments),
            TaskServicer(db),
            *image_servicers,
            *stored.servicers,
            VolumeServicer(volumes, environments),
            VolumeV1Servicer(volumes, blobs),
        ],
        token.token_id,
        token.token_secret,
        Router((command_router,), access.subject),
    )
    containers.lives.open_socket = _socket_opener(gateway)
    return Engine(
        home=home,
        token=token,
        db=db,
        links=links,
        logs=logs,
        apps=apps,
        blobs=blobs,
        functions=functions,
        calls=calls,
        containers=containers,
        execs=execs,
        sandboxes=sandboxes,
        starter=starter,
        runtime=runtime,
        gateway=gateway,
        volumes=volumes,
        images=images,
        builds=builds,
        sweep=sweep,
        schedules=schedules,
        endpoints=endpoints,
        stored=stored,
    )


async def serve(
    home: Home,
    port: int,
    machine: Machine,
    parts: Parts,
    *,
    gpu_required: bool = False,
    heartbeat_limit_s: float = HEARTBEAT_LIMIT_S,
    note: str = "",
) -> int:
    """Runs an engine until it is told to stop. Raises EngineUnavailableError where it cannot start."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    engine = build(home, machine, parts, gpu_required=gpu_required, heartbeat_limit_s=heartbeat_limit_s)
    http_socket = _http_socket()
    engine.links.base_url = f"http://127.0.0.1:{http_socket.getsockname()[1]}"
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(engine.db.close)
        http = _serve_http(engine, http_socket)
        stack.push_async_callback(http)
        await engine.images.open()
        stack.push_async_callback(engine.images.close)
        engine.calls.load()
        engine.builds.open()
        stack.callback(engine.calls.close)
        keeper = Keeper(home)
        await keeper.take_sockets()
        engine.sandboxes.open()
        stack.callback(engine.sandboxes.close)
        await engine.containers.open()
        engine.execs.open()
        stack.callback(engine.execs.close)
        await keeper.open()
        stack.push_async_callback(keeper.close)
        engine.volumes.open()  # after the last commits of containers that ended meanwhile
        stack.push_async_callback(engine.volumes.close)
        await engine.apps.open()
        stack.push_async_callback(engine.apps.close)
        engine.blobs.open()
        stack.push_async_callback(engine.blobs.close)
        await engine.endpoints.publish("")
        stack.push_async_callback(engine.endpoints.close)
        engine.schedules.open()
        stack.callback(engine.schedules.close)
        engine.stored.open()
        stack.callback(engine.stored.expiry.close)
        server = engine.gateway.server()
        bound = _bind(server, port)
        engine.starter.server_url = f"http://127.0.0.1:{bound}"
        await server.start()
        engine.calls.start_sweeping()
        engine.sweep.open()
        stack.push_async_callback(engine.sweep.close)
        endpoint = {
            "pid": os.getpid(),
            "server_url": f"http://127.0.0.1:{bound}",
            "blob_url": engine.links.base_url,
            "version": __version__,
            "started_at": time.time(),
            "engine": isolation.chosen(),
            "note": note,
        }
        home_files.publish_endpoint(home, endpoint)
        print(json.dumps(endpoint), flush=True)
        logger.info("ready at %s", endpoint["server_url"])
        await stopping.wait()
        logger.info("stopping")
        home_files.withdraw_endpoint(home)
        engine.containers.lives.exit_grace_s = _EXIT_GRACE_S
        await _stop_apps(engine)
        await engine.containers.close(kill=True)
        await engine.runtime.close(kill_containers=True)
        await server.stop(grace_s=0.5)
    return 0


def main() -> None:
    """The command line. Exits with 1 and a sentence where no engine can run."""
    parser = argparse.ArgumentParser(prog="homeport.main", description="Runs Homeport's engine.")
    parser.add_argument("--home", type=Path, required=True, help="the folder that holds everything")
    parser.add_argument("--port", type=int, default=0, help="for Modal's API on 127.0.0.1; 0 takes any")
    parser.add_argument("--gpu", choices=("auto", "require"), default="auto")
    parser.add_argument("--engine", choices=choice.ASKED, help="how containers are kept apart")
    parser.add_argument("--base", choices=("auto", "host", "debian"), help="what lies below images")
    parser.add_argument("--torch", choices=("cpu", "exact"), help="which builds of PyTorch images get")
    parser.add_argument("--image-cache", type=int, metavar="BYTES", help="what layers of images may take")
    parser.add_argument(
        "--heartbeat-limit",
        type=float,
        default=HEARTBEAT_LIMIT_S,
        metavar="SECONDS",
        help="a client that is silent for so long is gone, and its ephemeral app with it",
    )
    arguments = parser.parse_args()
    run(
        Home(arguments.home.absolute()),
        arguments.port,
        gpu=arguments.gpu,
        engine=arguments.engine,
        chosen={
            "image_cache_bytes": arguments.image_cache,
            "base": arguments.base,
            "torch": arguments.torch,
        },
        heartbeat_limit_s=arguments.heartbeat_limit,
    )


def run(
    home: Home,
    port: int,
    parts: Parts | None = None,
    *,
    gpu: str = "auto",
    engine: choice.Asked | None = None,
    chosen: Mapping[str, Any] = MappingProxyType({}),
    heartbeat_limit_s: float = HEARTBEAT_LIMIT_S,
) -> None:
    """Runs an engine in this process and ends it. `chosen`: settings, None for that of the last time."""
    try:
        home.create()
        lock = home_files.take_home(home)
        os.chdir(home.root)  # containers' sockets have short paths from here
        _log_to(home.engine_log)
        choose_settings(home, **chosen)
        kept_apart = choice.choose(home, engine) if parts is None else choice.Choice(isolation.NAMESPACES)
        status = asyncio.run(
            serve(
                home,
                port,
                this_machine(),
                parts or default_parts(kept_apart.isolation),
                gpu_required=gpu == "require",
                note=kept_apart.note,
                heartbeat_limit_s=heartbeat_limit_s,
            )
        )
        os.close(lock)
    except HomeportError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        print(f"homeport: {error}", file=sys.stderr)
        status = 1
    sys.exit(status)


def default_parts(chosen: isolation.Isolation) -> Parts:
    """Real containers and images."""
    isolation.choose(chosen)
    return Parts(ProotSandbox if chosen == isolation.PROOT else Sandbox, _images)


def _images(home: Home, db: Database, mounts: Mounts, secrets: Secrets) -> tuple[ImageParts, list[object]]:
    settings = read_settings(home)
    torch = TorchBuilds(home, has_gpu=bool(this_machine().gpus))
    images = Images(home, db, mounts, secrets, as_base(settings.base), torch)
    images.cache.limit_bytes = image_cache_limit(home, settings)
    return images, [ImageServicer(images)]


def _stored(
    home: Home, db: Database, environments: Environments, containers: Containers, ephemeral_s: float
) -> Stored:
    expiry = Expiry()
    answers = Answers(db, expiry)
    values = LargeValues(db, ValueFiles(home.values), expiry)
    dicts = StoredObjects(db, environments, expiry, DICTS, ephemeral_s=ephemeral_s)
    queues = StoredObjects(db, environments, expiry, QUEUES, ephemeral_s=ephemeral_s)
    servicers: list[object] = [
        DictServicer(dicts, Dicts(db, dicts, expiry), answers, values),
        QueueServicer(queues, QueueObjects(db, queues, answers, expiry), answers, containers),
    ]
    return Stored(expiry, answers, dicts, queues, servicers)


def _connect(
    apps: Apps,
    calls: Calls,
    containers: Containers,
    schedules: Schedules,
    images: ImageParts,
    endpoints: Endpoints,
) -> None:
    """What happens in one part when something happens in another."""

    async def stop(app_id: str) -> None:
        schedules.forget(app_id)
        images.app_stopped(app_id)
        calls.stop_app(app_id, f"App {app_id} was stopped.")
        await endpoints.stop(app_id)
        await containers.stop_app(app_id)

    async def publish(app_id: str) -> None:
        containers.prepare_app(app_id)
        schedules.publish(app_id)
        await endpoints.publish(app_id)

    async def disconnect(app_id: str) -> None:
        calls.keep_last(app_id)

    apps.on_stop.append(stop)
    apps.on_publish.append(publish)
    apps.on_disconnect.append(disconnect)
    apps.pending = calls.backlog.pending
    calls.backlog.on_idle.append(apps.idle)


def _describer(volumes: VolumeService) -> Callable[[str], api_pb2.Object]:
    """Handle metadata for the objects that a container's code depends on. Secrets and images have none."""

    def describe(object_id: str) -> api_pb2.Object:
        described = api_pb2.Object(object_id=object_id)
        if object_id.startswith("vo-"):
            described.volume_metadata.CopyFrom(volumes.metadata(object_id))
        return described

    return describe


def _secret_name(secrets: Secrets) -> Callable[[str], str]:
    def name(secret_id: str) -> str:
        named = secrets.get(secret_id).name
        return f'Secret "{named}"' if named else f"Secret.from_dict ({secret_id})"

    return name


def _socket_opener(gateway: Gateway) -> Callable[[str, str], Awaitable[Callable[[], Awaitable[None]]]]:
    async def open_socket(task_id: str, address: str) -> Callable[[], Awaitable[None]]:
        path = Path(address.removeprefix("unix:"))
        path.unlink(missing_ok=True)
        server = gateway.server(task_id=task_id)
        server.listen(address)
        await server.start()

        async def close() -> None:
            await server.stop()
            path.unlink(missing_ok=True)

        return close

    return open_socket


def _bind(server: GrpcServer, port: int) -> int:
    try:
        return server.listen(f"127.0.0.1:{port}")
    except OSError:
        raise EngineUnavailableError(
            f"Port {port} is taken by another program. Choose another one: homeport up --port PORT"
        ) from None


def _http_socket() -> socket.socket:
    # with its protocol named, or asyncio leaves Nagle's delay on for what it accepts
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # before anybody is told the address
    return listener


def _serve_http(engine: Engine, listener: socket.socket) -> Callable[[], Awaitable[None]]:
    """Serves blobs and volume blocks; answers how to end that."""
    from homeport.web.app import build_app
    from homeport.web.protocol import TransferProtocol

    app = build_app(
        engine.blobs,
        engine.volumes,
        engine.apps.environments,
        engine.links,
        engine.images,
        token_id=engine.token.token_id,
        token_secret=engine.token.token_secret,
    )
    return start_server(app, listener, http=TransferProtocol)


def _log_to(file: Path) -> None:
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    # HOMEPORT_LOG_LEVEL=debug: every request that is served, by its name
    wanted = logging.getLevelNamesMapping().get(os.environ.get("HOMEPORT_LOG_LEVEL", "").upper())
    logging.basicConfig(level=wanted or logging.INFO, handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


async def _stop_apps(engine: Engine) -> None:
    """Ephemeral apps end with the engine that was told to stop; deployed ones are there at the next start."""
    for row in engine.db.all("unstopped_apps"):
        if row["state"] != api_pb2.APP_STATE_DEPLOYED:
            await engine.apps.stop(row["app_id"], "Homeport was stopped")


if __name__ == "__main__":
    main()
