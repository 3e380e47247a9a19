"""The pages over a real home, without a socket: requests go straight to the ASGI app."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from homeport.control.apps import Apps
from homeport.control.blobs import Blobs
from homeport.control.calls import Calls
from homeport.control.environments import Environments
from homeport.control.functions import Functions
from homeport.control.image_aliases import ImageAliases
from homeport.control.links import Links
from homeport.control.logs import Logs
from homeport.control.ownership import container_owner
from homeport.control.secrets import Secrets
from homeport.control.volume_service import VolumeService
from homeport.model.home import Home
from homeport.plan.resources import Machine
from homeport.record.explain.known import Known
from homeport.record.run import Run
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from homeport.store.home_files import Token
from homeport.web.app import build_app
from homeport.web.pages.sources import Sources
from tests.support.process_runtime import FakeImages
from tests.unit.web.pages.made_runs import MadeRecords

TOKEN = ("ak-test", "as-test")
HOST = "127.0.0.1:7438"


class Remounting:
    copies_volumes = False

    async def remount(self, task_id: str, attachment: Any) -> None:
        raise AssertionError("no container runs here")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Site:
    """The engine's HTTP side over a home of its own."""

    def __init__(self, root: Path, runs: list[Run]) -> None:
        self.home = Home(root / "home")
        self.home.create()
        self.database = Database(self.home.database)
        self.records = MadeRecords(runs)
        links = Links(self.database)
        environments = Environments(self.database)
        functions = Functions(self.database, Machine(cpus=2, memory_mib=4096))
        self.logs = Logs(self.home, self.database)
        self.apps = Apps(self.database, environments, self.logs)
        self.secrets = Secrets(self.database)
        self.volumes = VolumeService(self.database, self.home, links, Remounting(), container_owner())
        self.sources = Sources(
            home=self.home,
            records=self.records,
            logs=self.logs,
            apps=self.apps,
            calls=Calls(self.database, functions),
            volumes=self.volumes,
            secrets=self.secrets,
            environments=environments,
            database=self.database,
            known=lambda named: Known(self.records.record(self.records.find(named))),
            server_url=lambda: "http://127.0.0.1:7437",
            token=Token(*TOKEN),
        )
        self.app = build_app(
            Blobs(self.database, BlobStore(self.home.blobs, container_owner()), links),
            self.volumes,
            environments,
            links,
            FakeImages(),
            ImageAliases(self.database),
            token_id=TOKEN[0],
            token_secret=TOKEN[1],
            pages=self.sources,
        )

    def close(self) -> None:
        self.database.close()


class Browser:
    """Asks as a browser does, and keeps the one cookie."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookie = ""

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        sent = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin", **headers}
        return self.ask("POST", path, sent, urlencode(fields).encode())

    def enter(self) -> None:
        """Comes in as `homeport ui` lets one in."""
        answer = self.get(self.link("/"))
        assert answer.status == 303, answer.text
        self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def link(self, path: str) -> str:
        headers = {"x-modal-token-id": TOKEN[0], "x-modal-token-secret": TOKEN[1]}
        import json

        answer = self.ask("POST", "/homeport/pages/login", headers, json.dumps({"path": path}).encode())
        assert answer.status == 200, answer.text
        return str(json.loads(answer.body)["path"])

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        return asyncio.run(self._ask(method, path, headers, body))

    async def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        from urllib.parse import unquote

        where, _, query = path.partition("?")
        own = {"host": HOST, "cookie": self.cookie, **{k.replace("_", "-"): v for k, v in headers.items()}}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(where),
            "raw_path": where.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in own.items() if value],
            "server": ("127.0.0.1", 7438),
            "client": ("127.0.0.1", 1),
            "state": {},
        }
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.site.app(scope, receive, send)
        start = sent[0]
        found = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], found, b"".join(part.get("body", b"") for part in sent[1:]))
