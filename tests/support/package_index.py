"""Package indexes on loopback, of wheels made here: an open one, and one that asks for a password."""

import base64
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PACKAGE = "homeport-private-cats"
MODULE = "homeport_private_cats"


def wheel(package: str, version: str = "1.0", needs: str = "") -> tuple[str, bytes]:
    """A wheel's file name and content: a module that holds VERSION."""
    module = package.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    files = {
        f"{module}.py": f'VERSION = "{version}"\n',
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"{module}-{version}-py3-none-any.whl", content.getvalue()


class Index:
    """What an index serves by PEP 503, below /simple/."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._wheels: dict[str, dict[str, bytes]] = {}

    def add(self, package: str, version: str = "1.0", needs: str = "") -> None:
        name, content = wheel(package, version, needs)
        self._wheels.setdefault(package, {})[name] = content

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """A path's media type and content."""
        package, _, name = path.removeprefix("/simple/").partition("/")
        wheels = self._wheels.get(package)
        if wheels is None:
            return None
        if name:
            return ("application/zip", wheels[name]) if name in wheels else None
        digests = {each: hashlib.sha256(content).hexdigest() for each, content in wheels.items()}
        links = "".join(f'<a href="{each}#sha256={digest}">{each}</a>' for each, digest in digests.items())
        return "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


@contextmanager
def private_index(user: str, password: str) -> Iterator[str]:
    """The host and port of an index with PACKAGE. Requests without the password are answered 401."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    with open_index(expected) as index:
        index.add(PACKAGE)
        yield index.address


@contextmanager
def open_index(credentials: str = "") -> Iterator[Index]:
    """An empty index; with `credentials`, the Authorization header that it wants."""
    served: list[Index] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, body = 404, "text/plain", b"not here"
            if credentials and self.headers.get("Authorization") != credentials:
                status, body = 401, b"who are you?"
            elif (answer := served[0].answer(self.path)) is not None:
                status, (kind, body) = 200, answer
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="cats"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.append(Index(f"127.0.0.1:{server.server_address[1]}"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
