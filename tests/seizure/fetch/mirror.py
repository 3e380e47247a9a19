"""A mirror on loopback that serves a small corpus and misbehaves as it is told."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILES = {
    "RECORDS": b"chb01/chb01_01.edf\nchb02/chb02_01.edf\n",
    "chb01/chb01-summary.txt": b"summary of chb01\n",
    "chb01/chb01_01.edf": bytes(range(256)) * 4000,
    "chb02/chb02_01.edf": bytes(reversed(range(256))) * 3000,
    "chb02/chb02 02+.edf": b"a name with a space and a plus",
}


class Mirror:
    """What the server has, and how it misbehaves. `requests` counts (method, path)."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.sums: str | None = None
        self.requests: Counter[tuple[str, str]] = Counter()
        self.ranges: list[str] = []
        self.cut_at: dict[str, list[int]] = {}  # bytes sent of each of the next answers, then the cut
        self.status: dict[str, list[int]] = {}  # status of each of the next answers
        self.wrong: Counter[str] = Counter()  # how many of the next answers are damaged
        self.head_size: dict[str, int] = {}  # what HEAD says of a length
        self.ignores_ranges = False
        self.has_etags = True
        self.shifted_ranges = False
        self.gate: threading.Event | None = None  # GETs wait half-way until it is set
        self.reached = threading.Event()  # a GET waits at the gate
        self.address = ""

    def text_of_sums(self) -> str:
        if self.sums is not None:
            return self.sums
        return "".join(f"{hashlib.sha256(data).hexdigest()} {path}\n" for path, data in self.files.items())


@contextmanager
def serving() -> Iterator[Mirror]:
    mirror = Mirror()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(mirror))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    mirror.address = f"http://127.0.0.1:{server.server_port}/files/"
    try:
        yield mirror
    finally:
        if mirror.gate:
            mirror.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(mirror: Mirror) -> type[BaseHTTPRequestHandler]:
    from urllib.parse import unquote

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            path = self._begin("HEAD")
            if path is not None:
                content = self._content(path)
                self._head(200, mirror.head_size.get(path, len(content)), content, {})

        def do_GET(self) -> None:
            path = self._begin("GET")
            if path is None:
                return
            content = self._content(path)
            start = self._start(content)
            status, headers = 200, {}
            if start:
                status = 206
                shown = 1 if mirror.shifted_ranges else start
                headers = {"Content-Range": f"bytes {shown}-{len(content) - 1}/{len(content)}"}
            body = content[start:]
            if mirror.wrong[path] > 0:
                mirror.wrong[path] -= 1
                body = body[:-1] + bytes([body[-1] ^ 0xFF])
            self._head(status, len(body), content, headers)
            self._send(path, body)

        def _begin(self, method: str) -> str | None:
            path = unquote(self.path.removeprefix("/files/"))
            mirror.requests[method, path] += 1
            if mirror.status.get(path):
                status = mirror.status[path].pop(0)
                if status != 200:
                    self._refuse(status)
                    return None
            if path != "SHA256SUMS.txt" and path not in mirror.files:
                self._refuse(404)
                return None
            return path

        def _refuse(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _content(self, path: str) -> bytes:
            return mirror.text_of_sums().encode() if path == "SHA256SUMS.txt" else mirror.files[path]

        def _start(self, content: bytes) -> int:
            asked = self.headers.get("Range", "")
            if asked:
                mirror.ranges.append(asked)
            if not asked or mirror.ignores_ranges:
                return 0
            validator = self.headers.get("If-Range")
            if validator and validator != self._etag(content):
                return 0
            return int(asked.removeprefix("bytes=").removesuffix("-"))

        def _etag(self, content: bytes) -> str:
            return f'"{hashlib.sha256(content).hexdigest()[:8]}"'

        def _head(self, status: int, length: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            if mirror.has_etags:
                self.send_header("ETag", self._etag(content))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def _send(self, path: str, body: bytes) -> None:
            if mirror.cut_at.get(path):
                self.wfile.write(body[: mirror.cut_at[path].pop(0)])
                self.close_connection = True
                return
            if mirror.gate and path.endswith(".edf"):
                self.wfile.write(body[: len(body) // 2])
                mirror.reached.set()
                mirror.gate.wait(30)
                body = body[len(body) // 2 :]
            try:
                self.wfile.write(body)
            except OSError:  # the client has left
                self.close_connection = True

    return Handler
