"""HTTP servers within the engine's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

_GRACE_S = 1


def start_server(app: Any, listener: socket.socket, **options: Any) -> Callable[[], Awaitable[None]]:
    """Serves an ASGI app on a bound socket, with uvicorn's options over ours; answers how to end that."""
    import uvicorn  # after the signal handlers are ours

    settings = {
        "log_config": None,
        "date_header": False,
        "server_header": False,
        "access_log": False,
        "lifespan": "off",
        "ws": "none",
        "timeout_graceful_shutdown": _GRACE_S,
        **options,
    }
    stopping = asyncio.Event()

    class Server(uvicorn.Server):
        """Without uvicorn's tick ten times a second, which an idle engine need not pay for, and without its
        signal handlers."""

        async def main_loop(self) -> None:
            await stopping.wait()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    server = Server(uvicorn.Config(app, **settings))
    task = asyncio.create_task(server.serve([listener]), name="http")

    async def close() -> None:
        stopping.set()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()

    return close
