"""A root file system that cannot be made: one sentence, nothing half made, and what was fetched is kept.

Packages come from an archive made up for it, on loopback; none of them holds a program. A whole one is made
in the tour.
"""

import asyncio
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.runtime import apt, debian_root
from homeport.runtime.apt import Release
from homeport.runtime.commands import remove_tree
from homeport.runtime.debian_root import ReleaseNotServedError, ensure_root
from homeport.runtime.layers import LayerStore
from tests.support.leaks import adopt_orphans, descendants, reap_orphans
from tests.support.waiting import wait_until

BOOKWORM = Release("debian", "bookworm")
pytestmark = pytest.mark.skipif(
    any(shutil.which(tool, path="/usr/bin:/bin") is None for tool in ("apt-get", "dpkg-deb", "apt-config")),
    reason="needs apt and dpkg-deb",
)


class Archive:
    """An archive of empty packages, served on loopback. `holds`: requests with this in their path wait."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.holds = ""
        self.is_held = threading.Event()
        self.released = threading.Event()
        names = [*debian_root._PACKAGES.split(), "debian-archive-keyring"]
        entries = [self._package(name, is_essential=name == "apt") for name in names]
        packages = root / "dists/bookworm/main" / f"binary-{architecture()}/Packages"
        packages.parent.mkdir(parents=True)
        packages.write_text("\n".join(entries))
        data = packages.read_bytes()
        (root / "dists/bookworm/Release").write_text(
            f"Suite: bookworm\nCodename: bookworm\nComponents: main\nArchitectures: {architecture()}\n"
            f"SHA256:\n {hashlib.sha256(data).hexdigest()} {len(data)} "
            f"{packages.relative_to(root / 'dists/bookworm')}\n"
        )
        archive = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                archive.asked.append(self.path)
                if archive.holds and archive.holds in self.path:
                    archive.is_held.set()
                    archive.released.wait(60)
                super().do_GET()

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *given: Handler(*given, directory=str(root))
        )
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _package(self, name: str, *, is_essential: bool) -> str:
        folder = self.root / "made" / name
        (folder / "DEBIAN").mkdir(parents=True)
        control = (
            f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\n"
            f"{'Essential: yes' if is_essential else 'Priority: optional'}\nDescription: nothing\n"
        )
        (folder / "DEBIAN/control").write_text(control)
        (folder / "usr/share" / name).mkdir(parents=True)
        (folder / "usr/share" / name / "data").write_bytes(os.urandom(2_000_000 if is_essential else 100))
        file = self.root / f"pool/{name}_1_all.deb"
        file.parent.mkdir(exist_ok=True)
        subprocess.run(["dpkg-deb", "-Znone", "--build", folder, file], check=True, capture_output=True)
        data = file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return f"{control}Filename: pool/{file.name}\nSize: {len(data)}\nSHA256: {digest}\n"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def fetched(self) -> list[str]:
        return [path for path in self.asked if path.endswith(".deb")]


def architecture() -> str:
    asked = ["dpkg", "--print-architecture"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    made = Archive(tmp_path / "archive")
    yield made
    made.close()


@pytest.fixture
def home() -> Iterator[Home]:
    folder = Path(tempfile.mkdtemp(prefix="hpd-", dir="/tmp"))  # short: layers are named in mount options
    made = Home(folder / "h")
    made.create()
    yield made
    remove_tree(folder)


@pytest.fixture
def say_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(apt, "_ETC", tmp_path / "etc")
    monkeypatch.setattr(apt, "release_here", lambda: BOOKWORM)
    (tmp_path / "etc/sources.list.d").mkdir(parents=True)
    yield


def use_source(tmp_path: Path, address: str) -> None:
    (tmp_path / "etc/sources.list").write_text(f"deb [trusted=yes] {address} bookworm main\n")


def make(home: Home, release: Release = BOOKWORM) -> str:
    """What the failure says."""
    said: list[str] = []
    with pytest.raises(FailedPreconditionError) as caught:
        asyncio.run(ensure_root(home, LayerStore(home), release, said.append))
    facts = [path.name for path in home.layers.iterdir() if path.suffix == ".json"]
    assert len(facts) <= 1, "the base tree's"
    assert not list(home.layers.glob("tmp-*"))
    if isinstance(caught.value, ReleaseNotServedError):
        return f"not served: {caught.value}"
    return str(caught.value)


@pytest.mark.usefixtures("say_sources")
def test_what_was_fetched_serves_the_next_try(home: Home, archive: Archive, tmp_path: Path) -> None:
    """Here it fails where the packages, which hold nothing, should install themselves."""
    use_source(tmp_path, archive.address)
    assert "could not be configured: " in make(home)
    fetched = archive.fetched()
    assert len(fetched) == 9
    assert "could not be configured: " in make(home)
    assert archive.fetched() == fetched, "nothing was fetched again"


@pytest.mark.usefixtures("say_sources")
def test_an_archive_that_is_out_of_reach(home: Home, tmp_path: Path) -> None:
    use_source(tmp_path, "http://127.0.0.1:9/debian")
    said = make(home)
    assert said.startswith("The root file system of debian bookworm, which a step of this image needs, could")
    assert "Could not connect to 127.0.0.1:9" in said or "127.0.0.1:9" in said
    assert said.endswith("sources in /etc/apt (http://127.0.0.1:9/debian).") and "\n" not in said


@pytest.mark.usefixtures("say_sources")
def test_an_archive_without_the_release(home: Home, archive: Archive, tmp_path: Path) -> None:
    use_source(tmp_path, archive.address)
    assert make(home, Release("debian", "trixie")).startswith("not served: http://127.0.0.1")


@pytest.mark.usefixtures("say_sources")
def test_a_machine_whose_sources_name_no_archive(home: Home) -> None:
    assert "not served: " in make(home)


def test_a_machine_without_apt(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian_root, "_TOOLS", ("apt-get-of-nowhere",))
    said = make(home)
    assert "has no apt-get-of-nowhere. Install apt and dpkg here" in said


@pytest.mark.usefixtures("say_sources")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small disk")
def test_a_full_disk(home: Home, archive: Archive, tmp_path: Path) -> None:
    use_source(tmp_path, archive.address)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "none", home.root], check=True)
    try:
        home.create()
        said = make(home)
    finally:
        subprocess.run(["umount", home.root], check=True)
    assert said.endswith("is full. Make room and run the app again; what was fetched is kept.")


@pytest.mark.usefixtures("say_sources")
def test_one_that_is_stopped_leaves_nothing_half_made(home: Home, archive: Archive, tmp_path: Path) -> None:
    use_source(tmp_path, archive.address)
    archive.holds = "netbase"
    before = set(_children())

    async def stop() -> None:
        store = LayerStore(home)
        making = asyncio.create_task(ensure_root(home, store, BOOKWORM, lambda line: None))
        await asyncio.to_thread(archive.is_held.wait, 30)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        await store.close()

    asyncio.run(stop())
    assert not list(home.layers.glob("tmp-*"))
    wait_until(lambda: set(_children()) <= before, timeout_s=10, what="apt has ended")


@pytest.mark.usefixtures("say_sources")
def test_one_whose_engine_is_killed_leaves_no_process(home: Home, archive: Archive, tmp_path: Path) -> None:
    use_source(tmp_path, archive.address)
    archive.holds = "netbase"
    adopt_orphans()
    reap_orphans()
    before = {process.pid for process in descendants(os.getpid())}
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, home.root, tmp_path / "etc"])
    assert archive.is_held.wait(30)
    engine.kill()
    engine.wait()

    def is_alone() -> bool:
        reap_orphans()
        return {process.pid for process in descendants(os.getpid())} <= before

    wait_until(is_alone, timeout_s=20, what="apt has ended with it")
    LayerStore(home).sweep()
    assert not list(home.layers.glob("tmp-*"))
    archive.holds = ""
    assert "could not be configured: " in make(home), "the next one goes on"


ENGINE = """
import asyncio, sys
from pathlib import Path
from homeport.model.home import Home
from homeport.runtime import apt
from homeport.runtime.debian_root import ensure_root
from homeport.runtime.layers import LayerStore

apt._ETC = Path(sys.argv[2])
here = apt.Release("debian", "bookworm")
apt.release_here = lambda: here
home = Home(Path(sys.argv[1]))
asyncio.run(ensure_root(home, LayerStore(home), here, lambda line: None))
"""


def _children() -> list[str]:
    me = str(os.getpid())
    return [
        path.name
        for path in Path("/proc").glob("[0-9]*")
        if f"\nPPid:\t{me}\n" in _status(path) and "State:\tZ" not in _status(path)
    ]


def _status(process: Path) -> str:
    try:
        return (process / "status").read_text()
    except OSError:
        return ""
