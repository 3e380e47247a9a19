"""Images made by a test, a real registry on loopback to hold them, and one that misbehaves on purpose."""

import gzip
import hashlib
import http.server
import io
import json
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from homeport.runtime.userland import architecture
from tests.support.waiting import wait_until

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_APPLETS = (
    "sh",
    "cat",
    "echo",
    "ls",
    "mkdir",
    "rm",
    "cp",
    "stat",
    "id",
    "env",
    "test",
    "sleep",
    "true",
    "ln",
    "wc",
)


def need(*programs: str) -> None:
    """Skips the test where a program is not on this machine."""
    for name in programs:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not on this machine")


@dataclass
class Entry:
    """One entry of a layer: a file with `data`, unless `kind` says otherwise."""

    name: str
    data: bytes = b""
    mode: int = 0o644
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    uid: int = 0


def folder(name: str, mode: int = 0o755) -> Entry:
    return Entry(name, mode=mode, kind=tarfile.DIRTYPE)


def link(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.SYMTYPE, link=target)


def tarred(entries: list[Entry]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.type, info.mode, info.linkname, info.uid = entry.kind, entry.mode, entry.link, entry.uid
            info.size, info.mtime = len(entry.data), 1_000_000
            archive.addfile(info, io.BytesIO(entry.data))
    return raw.getvalue()


def busybox_layer() -> list[Entry]:
    """A shell and a few programs in one static file."""
    need("busybox")
    program = Path(str(shutil.which("busybox"))).read_bytes()
    if b"/ld-" in program[:8192]:
        pytest.skip("busybox is not the static one: apt-get install busybox-static")
    folders = [folder(name) for name in ("bin", "etc", "root", "usr", "usr/bin")]
    names = [link(f"bin/{name}", "busybox") for name in _APPLETS]
    passwd = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
    return [
        *folders,
        folder("tmp", 0o1777),
        Entry("bin/busybox", program, 0o755),
        *names,
        Entry("etc/passwd", passwd),
    ]


def c_library_layer() -> list[Entry]:
    """This machine's C library, at its own places."""
    names = ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1")
    names = (
        *names,
        "libutil.so.1",
        "libresolv.so.2",
        "libnss_files.so.2",
        "libgcc_s.so.1",
        "ld-linux-aarch64.so.1",
    )
    found = {}
    for place in ("/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib"):
        for name in names:
            path = Path(place) / name
            if path.exists() and path.resolve().is_file():
                found.setdefault(str(path), path.resolve().read_bytes())
    folders = {str(parent) for path in found for parent in Path(path).parents if str(parent) != "/"}
    return [
        *(folder(name.lstrip("/")) for name in sorted(folders)),
        *(Entry(path.lstrip("/"), data, 0o755) for path, data in found.items()),
    ]


@dataclass
class Image:
    """An image as blobs by digest, and the digest of its manifest."""

    digest: str
    blobs: dict[str, bytes]
    media_type: str = _MANIFEST

    @property
    def manifest(self) -> bytes:
        return self.blobs[self.digest]

    def layers(self) -> list[str]:
        return [layer["digest"] for layer in json.loads(self.manifest)["layers"]]


def make_image(
    *layers: list[Entry], config: Mapping[str, Any] | None = None, arch: str | None = None
) -> Image:
    """`config` is the image's own: Env, Cmd, Entrypoint and the like."""
    blobs: dict[str, bytes] = {}

    def add(data: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"digest": digest, "size": len(data)}

    tars = [tarred(entries) for entries in layers]
    whole = {
        "architecture": arch or architecture(),
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(t).hexdigest()}" for t in tars]},
    }
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    packed = [{"mediaType": kind, **add(gzip.compress(tar, 1, mtime=0))} for tar in tars]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            **add(json.dumps(whole).encode()),
        },
        "layers": packed,
    }
    return Image(add(json.dumps(manifest).encode())["digest"], blobs)


def make_index(**images: Image) -> Image:
    """A list of images by architecture."""
    blobs = {digest: data for image in images.values() for digest, data in image.blobs.items()}
    entries = [
        {
            "mediaType": _MANIFEST,
            "digest": image.digest,
            "size": len(image.manifest),
            "platform": {"os": "linux", "architecture": arch},
        }
        for arch, image in images.items()
    ]
    raw = json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}).encode()
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    return Image(digest, {**blobs, digest: raw}, _INDEX)


def write_layout(image: Image, target: Path) -> None:
    """The image as an OCI layout, which skopeo reads."""
    (target / "blobs/sha256").mkdir(parents=True)
    (target / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    for digest, data in image.blobs.items():
        (target / "blobs/sha256" / digest.removeprefix("sha256:")).write_bytes(data)
    top = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.manifest)}
    (target / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))


@dataclass
class RealRegistry:
    """Debian's docker-registry."""

    address: str
    root: Path
    number: int = 0

    def push(self, image: Image, name: str) -> str:
        """Fills it by skopeo; returns the image's whole name."""
        self.number += 1
        layout = self.root / f"layout-{self.number}"
        write_layout(image, layout)
        whole = f"{self.address}/{name}"
        command = ["skopeo", "--insecure-policy", "copy", "--all", "--quiet", "--dest-tls-verify=false"]
        subprocess.run([*command, f"oci:{layout}", f"docker://{whole}"], check=True, timeout=60)
        return whole


@contextmanager
def real_registry(root: Path, *, htpasswd: str = "") -> Iterator[RealRegistry]:
    """On a free port of loopback; with `htpasswd` it wants a login."""
    need("docker-registry", "skopeo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    auth = ""
    if htpasswd:
        (root / "htpasswd").write_text(htpasswd)
        auth = f"auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}\n"
    settings = root / "registry.yml"
    settings.write_text(
        "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {root}/store}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n{auth}'
    )
    with (root / "registry.log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port), timeout_s=20, what="the registry answers")
        yield RealRegistry(f"127.0.0.1:{port}", root)
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass
class FakeRegistry:
    """Serves images as a registry would, but for what `before` does to a request: it returns whether it dealt
    with it. `requests` are the paths that were asked."""

    images: dict[str, Image] = field(default_factory=dict)  # by repository:tag
    before: Callable[[http.server.BaseHTTPRequestHandler], bool] = lambda handler: False
    requests: list[str] = field(default_factory=list)
    address: str = ""
    released: threading.Event = field(default_factory=threading.Event)

    def put(self, name: str, image: Image) -> str:
        self.images[name] = image
        return f"{self.address}/{name}"

    def stall(self, limit_s: float = 60.0) -> None:
        """Sends nothing until the test is over."""
        deadline = time.monotonic() + limit_s
        while not self.released.wait(0.05) and time.monotonic() < deadline:
            pass

    def find(self, path: str) -> tuple[bytes, str] | None:
        parts = path.split("/")
        if len(parts) < 5 or parts[-2] not in ("manifests", "blobs"):
            return None
        repository = "/".join(parts[2:-2])
        for name, image in self.images.items():
            if name.rpartition(":")[0] != repository:
                continue
            if parts[-2] == "manifests" and parts[-1] in (name.rpartition(":")[2], image.digest):
                return image.manifest, image.media_type
            data = image.blobs.get(parts[-1])
            if data is not None:
                return data, _MANIFEST if parts[-2] == "manifests" else "application/octet-stream"
        return None


@contextmanager
def fake_registry() -> Iterator[FakeRegistry]:
    registry = FakeRegistry()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            registry.requests.append(self.path)
            try:
                if registry.before(self):
                    return
                if self.path == "/v2/":
                    answer(self, b"{}", "application/json")
                elif found := registry.find(self.path):
                    answer(self, *found)
                else:
                    body = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
                    answer(self, body, "application/json", 404)
            except (BrokenPipeError, ConnectionResetError):
                pass

        do_HEAD = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield registry
    finally:
        registry.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def answer(
    handler: http.server.BaseHTTPRequestHandler, body: bytes, kind: str, status: int = 200, **headers: str
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
