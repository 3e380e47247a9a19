"""`export --push`: refused by name where it cannot work; a hub that takes the folder, one that does not."""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tiny_cats.errors import ExportError
from tiny_cats.export.publish import publisher


def test_without_the_library_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ExportError, match="--push needs huggingface_hub: pip install huggingface_hub"):
        publisher("me/cats")


def test_without_a_token_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", type(sys)("huggingface_hub"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(
        ExportError, match="a token that may write to me/cats, in the environment as HF_TOKEN"
    ):
        publisher("me/cats")


class Hub(BaseHTTPRequestHandler):
    """What an upload of small files takes of the hub's API. `taken`: names in commits, by repository."""

    taken: dict[str, list[str]]

    def do_POST(self) -> None:
        length = self.headers.get("content-length")
        body = self.rfile.read(int(length)) if length else b"".join(self._chunks())
        if self.headers.get("authorization") != "Bearer good-token":
            self._answer(401, {"error": "Invalid username or password."})
        elif self.path == "/api/repos/create":
            self._answer(200, {"url": f"http://{self.headers['host']}/me/cats"})
        elif "/preupload/" in self.path:
            files = [
                {**one, "uploadMode": "regular", "shouldIgnore": False} for one in json.loads(body)["files"]
            ]
            self._answer(200, {"files": files})
        elif "/commit/" in self.path:
            lines = [json.loads(line) for line in body.splitlines()]
            names = [line["value"]["path"] for line in lines if line["key"] == "file"]
            self.taken.setdefault("me/cats", []).extend(names)
            url = f"http://{self.headers['host']}/me/cats/commit/1"
            self._answer(200, {"commitUrl": url, "commitOid": "1"})
        else:
            self._answer(200, {})

    def do_GET(self) -> None:
        self._answer(200, {"id": "me/cats", "siblings": [], "sha": "0"})

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Hub]]:
    constants = pytest.importorskip(
        "huggingface_hub.constants", reason="needs huggingface_hub (group cats-hub)"
    )
    handler = type("ThisHub", (Hub,), {"taken": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    for name in ("README.md", "model.json", "model.onnx"):
        (tmp_path / "out" / name).write_text("{}")
    return tmp_path / "out"


def test_a_folder_is_uploaded_as_it_is(hub: type[Hub], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "good-token")
    assert publisher("me/cats")(folder).endswith("/me/cats/commit/1")
    assert sorted(hub.taken["me/cats"]) == ["README.md", "model.json", "model.onnx"]


def test_a_hub_that_refuses_is_named_and_the_token_is_not(hub, folder, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "bad-token")
    with pytest.raises(ExportError, match="is exported, but the hub did not take it as me/cats: ") as raised:
        publisher("me/cats")(folder)
    assert "bad-token" not in str(raised.value) and hub.taken == {}
