"""The files side of an engine on loopback ports, in a thread, for the real client in processes of its own."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from homeport.api.blobs import BlobServicer
from homeport.api.client import ClientServicer
from homeport.api.environments import EnvironmentServicer
from homeport.api.gateway import Gateway
from homeport.api.mounts import MountServicer
from homeport.api.secrets import SecretServicer
from homeport.api.volumes import VolumeServicer
from homeport.api.volumes_v1 import VolumeV1Servicer
from homeport.control.blobs import Blobs
from homeport.control.environments import Environments
from homeport.control.image_aliases import ImageAliases
from homeport.control.links import Links
from homeport.control.mounts import Mounts
from homeport.control.ownership import container_owner
from homeport.control.secrets import Secrets
from homeport.control.volume_service import VolumeService
from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.runtime.engine import VolumeAttachment
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from homeport.web.app import build_app
from homeport.web.protocol import TransferProtocol
from tests.support.process_runtime import FakeImages

TOKEN = ("ak-test", "as-test")
T = TypeVar("T")


class FakeRuntime:
    """Remembers remounts; refuses them while `is_busy`, as a runtime does while files are open."""

    copies_volumes = False

    def __init__(self) -> None:
        self.remounts: list[VolumeAttachment] = []
        self.is_busy = False

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        if self.is_busy:
            raise FailedPreconditionError("there are open files preventing the operation")
        self.remounts.append(attachment)


class Served:
    """One home's blobs, mounts, secrets and volumes, answering on gRPC and HTTP."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "home")
        self.home.create()
        self.client_home = root / "client"
        self.client_home.mkdir(exist_ok=True)
        self.runtime = FakeRuntime()
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="served")

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._ready.wait(20)
        if self._failed is not None:
            raise self._failed
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        if self._failed is not None:
            raise self._failed

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the engine's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def do(self, function: Any, *arguments: Any, **named: Any) -> Any:
        """Calls a function in the engine's loop."""

        async def run() -> Any:
            return function(*arguments, **named)

        return self.call(run())

    def client(self, *command: str, check: bool = True, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Runs a Python command line with the client pointed here."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.client_home),
            "MODAL_SERVER_URL": self.server_url,
            "MODAL_TOKEN_ID": TOKEN[0],
            "MODAL_TOKEN_SECRET": TOKEN[1],
            "PYTHONWARNINGS": "default",
            "COLUMNS": "200",
        }
        return subprocess.run(
            [sys.executable, *command],
            env=environment,
            check=check,
            text=True,
            capture_output=True,
            timeout=120,
            cwd=self.client_home,
            **more,
        )

    def modal(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`modal ARGUMENTS`."""
        done = self.client("-m", "modal", *arguments, check=False)
        if check:
            assert done.returncode == 0, f"modal {arguments}: {done.stdout}{done.stderr}"
        return done

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        database = Database(self.home.database)
        self.database = database
        store = BlobStore(self.home.blobs, container_owner())
        links = Links(database)
        self.blobs = Blobs(database, store, links)
        self.volumes = VolumeService(database, self.home, links, self.runtime, container_owner())
        environments = Environments(database)
        gateway = Gateway(
            [
                ClientServicer(),
                EnvironmentServicer(environments),
                BlobServicer(self.blobs),
                MountServicer(Mounts(database, self.home, store), self.blobs, environments),
                SecretServicer(Secrets(database), environments),
                VolumeServicer(self.volumes, environments),
                VolumeV1Servicer(self.volumes, self.blobs),
            ],
            *TOKEN,
        )
        server = gateway.server()
        self.server_url = f"http://127.0.0.1:{server.listen('127.0.0.1:0')}"
        await server.start()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # before anybody is told the address
        links.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.http_url = links.base_url
        self.links = links
        app = build_app(
            self.blobs,
            self.volumes,
            environments,
            links,
            FakeImages(),
            ImageAliases(database),
            token_id=TOKEN[0],
            token_secret=TOKEN[1],
        )
        config = uvicorn.Config(
            app, http=TransferProtocol, log_config=None, access_log=False, lifespan="off", ws="none"
        )
        http = _Http(config)
        http_task = asyncio.create_task(http.serve([listener]))
        self.volumes.open()
        await http.listening.wait()
        self._ready.set()
        await self._stop.wait()
        await server.stop(0)
        http.should_exit = True
        await http_task
        await self.volumes.close()
        database.close()


class _Http(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
