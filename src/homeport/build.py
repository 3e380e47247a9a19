"""What an engine is made of: the composition root, the only place that builds everything.

Its life from start to end is main.py's.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modal_proto import api_pb2

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
from homeport.api.image_names import ImageNameServicer
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
from homeport.control.contracts.service import ContractService
from homeport.control.dicts import Dicts
from homeport.control.environments import Environments
from homeport.control.exec_requests import ExecRequests
from homeport.control.execs import Execs
from homeport.control.expiry import Expiry
from homeport.control.functions import Functions
from homeport.control.image_cache import Removal
from homeport.control.image_definition import FunctionRunner
from homeport.control.image_names import ImageNames
from homeport.control.image_recipes import Base, as_base
from homeport.control.images import Images
from homeport.control.large_values import LargeValues
from homeport.control.links import Links
from homeport.control.logs import Logs
from homeport.control.lookups import Lookups
from homeport.control.machine import this_machine
from homeport.control.mounts import Mounts
from homeport.control.ownership import container_owner
from homeport.control.protocols import ImageSource
from homeport.control.queue_objects import QueueObjects
from homeport.control.runs.launchers import Launchers
from homeport.control.runs.service import RunService
from homeport.control.runs.task_record import TaskRecords
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
from homeport.model.errors import EngineUnavailableError
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.runtime import isolation
from homeport.runtime.engine import ContainerRuntime
from homeport.runtime.plain import PlainSandbox
from homeport.runtime.proot import ProotSandbox
from homeport.runtime.sandbox import Sandbox
from homeport.store import home_files
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from homeport.store.settings import Settings, image_cache_limit, read_settings
from homeport.store.value_files import ValueFiles
from homeport.web.endpoints import Endpoints


class ImageParts(ImageSource, Protocol):
    """Images as the engine's life needs them."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def env_origins(self, image_id: str) -> dict[str, str]: ...

    def record(self, image_id: str) -> dict[str, object]: ...

    async def sweep(self, before: float, named: frozenset[str]) -> int | None: ...

    def app_stopped(self, app_id: str) -> None: ...

    async def prune(self, before: float, *, dry_run: bool) -> Removal: ...

    async def clear_packages(self, *, dry_run: bool) -> int: ...

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
    secrets: Secrets
    images: ImageParts
    builds: BuildFunctions
    sweep: Sweep
    schedules: Schedules
    endpoints: Endpoints
    stored: "Stored"
    runs: RunService
    contracts: ContractService


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
    task_records = TaskRecords(machine, functions, volumes.states, _secret_name(secrets))
    runs = RunService(home, db, machine, functions, task_records, Launchers(home, salt).find)
    runs.connect(apps, calls, containers, starter)
    contracts = ContractService(home, db, functions, mounts, runs.runs, salt=salt)
    contracts.connect(apps, calls, containers, logs)
    schedules = Schedules(db, functions, calls)
    execs = Execs(runtime)
    containers.on_exec = execs.changed
    execs.on_started = runs.note_command
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
            AppServicer(apps, db, _page_url(links), functions.warnings, runs.runs),
            BlobServicer(blobs),
            CallServicer(calls, chunks, containers, CallRecords(db, functions), runs.runs),
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
        secrets=secrets,
        images=images,
        builds=builds,
        sweep=sweep,
        schedules=schedules,
        endpoints=endpoints,
        stored=stored,
        runs=runs,
        contracts=contracts,
    )


def default_parts(chosen: isolation.Isolation) -> Parts:
    """Real containers and images."""
    isolation.choose(chosen)
    runtimes: dict[str, Callable[[Home], ContainerRuntime]] = {
        isolation.PROOT: ProotSandbox,
        isolation.PROCESS: PlainSandbox,
    }
    return Parts(runtimes.get(chosen, Sandbox), _images)


def _images(home: Home, db: Database, mounts: Mounts, secrets: Secrets) -> tuple[ImageParts, list[object]]:
    settings = read_settings(home)
    torch = TorchBuilds(home, has_gpu=bool(this_machine().gpus))
    images = Images(home, db, mounts, secrets, _base(settings), torch)
    images.cache.limit_bytes = image_cache_limit(home, settings)
    names = ImageNames(db, Environments(db), images)
    return images, [ImageServicer(images), ImageNameServicer(names, images)]


def _base(settings: Settings) -> Base:
    """Plain processes have no other root than this machine's."""
    base = as_base(settings.base)
    if isolation.chosen() != isolation.PROCESS:
        return base
    if base == "debian":
        raise EngineUnavailableError(
            "--base debian gives images a root file system of their own, which --engine process cannot show: "
            "homeport up --engine process --base auto"
        )
    return "host"


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


def _page_url(links: Links) -> Callable[[str], str]:
    """Where an app's run is shown; the port is known once the engine serves."""
    return lambda app_id: f"{links.base_url}/runs/{app_id}"


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
