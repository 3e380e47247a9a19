"""The pages on a loopback port, in a thread, for a real browser."""

import asyncio
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from homeport.web.protocol import TransferProtocol
from homeport.web.server import start_server
from tests.unit.web.pages.browsing import TOKEN, Site


@contextmanager
def served(build: Callable[[], Site]) -> Iterator[tuple[Site, str]]:
    """The site, built in the loop that serves it, and its address."""
    ready = threading.Event()
    found: list[tuple[Site, str]] = []
    stops: list[Callable[[], None]] = []

    async def serve() -> None:
        site = build()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        close = start_server(site.app, listener, http=TransferProtocol)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stopping.set))
        found.append((site, f"http://127.0.0.1:{listener.getsockname()[1]}"))
        ready.set()
        await stopping.wait()
        await close()
        site.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="pages")
    thread.start()
    try:
        assert ready.wait(20), "the pages are not served"
        yield found[0]
    finally:
        for stop in stops:
            stop()
        thread.join(20)


def link(address: str, path: str) -> str:
    """Where a browser gets in, once."""
    headers = {"x-modal-token-id": TOKEN[0], "x-modal-token-secret": TOKEN[1]}
    body = json.dumps({"path": path}).encode()
    request = urllib.request.Request(f"{address}/homeport/pages/login", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return address + str(json.load(answer)["path"])
