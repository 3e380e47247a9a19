"""Ports of web functions: who holds them, and until when."""

import asyncio
import socket
from pathlib import Path
from typing import Any, cast

from homeport.model.home import Home
from homeport.store.database import Database
from homeport.web.endpoints import Endpoints


class NothingPublished:
    """Functions of apps whose clients left before they published anything."""

    web_url: Any = None

    def published(self, app_id: str) -> list[Any]:
        return []


def is_free(url: str) -> bool:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", int(url.rsplit(":", 1)[1])))
        except OSError:
            return False
    return True


def test_an_app_that_stops_unpublished_gives_its_ports_back(tmp_path: Path) -> None:
    Home(tmp_path).create()
    db = Database(Home(tmp_path).database)
    functions = NothingPublished()
    endpoints = Endpoints(db, cast(Any, functions), cast(Any, None), ("", ""))

    async def use() -> None:
        stopped = functions.web_url("ap-1", "fu-1", "")
        other = functions.web_url("ap-2", "fu-2", "")
        assert not is_free(stopped)
        await endpoints.stop("ap-1")
        assert is_free(stopped)
        assert not is_free(other)
        assert functions.web_url("ap-1", "fu-1", "") == stopped, "should it come back"
        await endpoints.close()
        assert is_free(other)

    asyncio.run(use())
    db.close()
