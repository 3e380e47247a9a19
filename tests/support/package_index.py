"""A package index on loopback that asks for a password: one package, made here."""

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
_WHEEL = f"{MODULE}-1.0-py3-none-any.whl"


def wheel() -> bytes:
    """A wheel with a module that holds BREEDS."""
    info = f"{MODULE}-1.0.dist-info"
    files = {
        f"{MODULE}.py": "BREEDS = 12\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@contextmanager
def private_index(user: str, password: str) -> Iterator[str]:
    """The index's host and port. Requests without the password are answered 401."""
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    data = wheel()
    page = f'<!DOCTYPE html><html><body><a href="{_WHEEL}">{_WHEEL}</a></body></html>'.encode()
    answers = {
        f"/simple/{PACKAGE}/": ("text/html", page),
        f"/simple/{PACKAGE}/{_WHEEL}": ("application/zip", data),
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, body = 404, "text/plain", b"not here"
            if self.headers.get("Authorization") != expected:
                status, body = 401, b"who are you?"
            elif self.path in answers:
                status, (kind, body) = 200, answers[self.path]
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="cats"')
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
