"""An engine's life from start to end. What it is made of is build.py's.

`python -m homeport.main --home DIR --port N` runs it until SIGTERM or SIGINT. Its first and only line on
stdout is JSON: what engine.json holds once it is ready, or `{"error": sentence}`.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modal_proto import api_pb2

from homeport import __version__
from homeport.api.grpc_server import GrpcServer
from homeport.build import Engine, Parts, build, default_parts
from homeport.control.apps import HEARTBEAT_LIMIT_S
from homeport.control.machine import this_machine
from homeport.model.errors import EngineUnavailableError, HomeportError
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.runtime import choice, isolation
from homeport.runtime.keeping import Keeper
from homeport.store import home_files
from homeport.store.settings import choose_settings
from homeport.web.server import start_server

logger = logging.getLogger("homeport.main")  # also when it runs as __main__

_READS_BYTES = (
    16 << 20
)  # of files of runs that are kept for their pages: two hundred containers leave half of it
_EXIT_GRACE_S = 8.0  # for exit handlers when the engine is stopped: who stops it waits


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
    http_socket = _http_socket(home)
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
        engine.runs.open(isolation.chosen())
        stack.push_async_callback(engine.runs.close)
        stack.push_async_callback(engine.contracts.close)
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


def _bind(server: GrpcServer, port: int) -> int:
    try:
        return server.listen(f"127.0.0.1:{port}")
    except OSError:
        raise EngineUnavailableError(
            f"Port {port} is taken by another program. Choose another one: homeport up --port PORT"
        ) from None


def _http_socket(home: Home) -> socket.socket:
    """At the port of the last start where that is free, so that addresses of pages stay good."""
    # with its protocol named, or asyncio leaves Nagle's delay on for what it accepts
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", int(home.http_port_file.read_text())))
    except (OSError, ValueError, OverflowError):
        listener.bind(("127.0.0.1", 0))
    listener.listen()  # before anybody is told the address
    home.http_port_file.write_text(f"{listener.getsockname()[1]}\n")
    return listener


def _serve_http(engine: Engine, listener: socket.socket) -> Callable[[], Awaitable[None]]:
    """Serves blobs, volume blocks and the run pages; answers how to end that."""
    from homeport.control.image_aliases import ImageAliases
    from homeport.control.runs.known import known
    from homeport.control.runs.reads import Reads
    from homeport.control.runs.records import RunRecords
    from homeport.web.app import build_app
    from homeport.web.pages.sources import Sources
    from homeport.web.protocol import TransferProtocol

    app = build_app(
        engine.blobs,
        engine.volumes,
        engine.apps.environments,
        engine.links,
        engine.images,
        ImageAliases(engine.db),
        runs=engine.runs.writer,
        token_id=engine.token.token_id,
        token_secret=engine.token.token_secret,
        pages=Sources(
            home=engine.home,
            records=RunRecords(engine.home, Reads(_READS_BYTES)),
            logs=engine.logs,
            apps=engine.apps,
            calls=engine.calls,
            volumes=engine.volumes,
            secrets=engine.secrets,
            environments=engine.apps.environments,
            database=engine.db,
            known=partial(known, engine.home),
            server_url=lambda: engine.starter.server_url,
            token=engine.token,
        ),
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
