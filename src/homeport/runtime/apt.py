"""apt in containers: this machine's sources and settings, for one release, and a cache that outlives builds.

A container gets one folder, at FOLDER, made of what this machine's /etc/apt says: the release's own archives
with their keys, proxies, certificates and credentials. Lists and packages lie there too, as hard links into
the cache, so that two builds do not meet at one lock and `rm -rf /var/lib/apt/lists` costs nothing. None of
it is part of a layer. What the packages are for is debian_root.py's and image_builder.py's matter.
"""

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homeport.model.home import Home
from homeport.plan.apt_sources import AptSource, for_another_release, of_release, parse_sources, render
from homeport.runtime.base_tree import describe_userland, read_os_release
from homeport.runtime.commands import Bind, own
from homeport.runtime.package_sources import is_open
from homeport.runtime.uv import run_tool

FOLDER: Final = "/run/homeport/apt"
CONFIGURATION: Final = "homeport.conf"
SOURCES: Final = "homeport.sources"
LISTS: Final = "lists"
ARCHIVES: Final = "archives"
_ETC: Final = Path("/etc/apt")
_CACHE_LIMIT_BYTES: Final = 2 * 1024**3
# hooks and the state of this machine's own apt stay here; a proxy, a limit or a certificate comes along
_SETTING = re.compile(
    r'^(Acquire::(?!IndexTargets|CompressionTypes|Changelogs|cdrom|\S*Auto-Detect)\S+) "(.*)";$'
)
_SETTINGS: Final = f"""\
APT::Sandbox::User "root";
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Dpkg::Use-Pty "false";
Dir::State::lists "{FOLDER}/{LISTS}";
Dir::Cache::archives "{FOLDER}/{ARCHIVES}";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""


@dataclass(frozen=True)
class Release:
    """A distribution's release, such as debian bookworm."""

    distribution: str
    codename: str


@dataclass(frozen=True)
class AptSetup:
    """How apt has to work for a release: what is written into a container's folder."""

    release: Release
    sources: tuple[AptSource, ...]
    settings: str
    files: tuple[tuple[str, bytes], ...]  # keys and credentials by their names in the folder

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(uri for source in self.sources for uri in source.uris))


def release_here() -> Release:
    """This machine's own; its codename is empty where the system says none."""
    userland = describe_userland()
    for name in ("UBUNTU_CODENAME", "DEBIAN_CODENAME"):  # of what is derived from them
        if userland.get(name):
            return Release(name.split("_")[0].lower(), userland[name])
    return Release(userland.get("ID", ""), userland.get("VERSION_CODENAME", ""))


def release_of(layers: tuple[Path, ...]) -> Release | None:
    """What the image of these layers (topmost first) says that it is; None where it does not say."""
    for layer in layers:
        for name in ("etc/os-release", "usr/lib/os-release"):
            file = layer / name
            if file.is_file() and not file.is_symlink():
                userland = read_os_release(file.read_text(encoding="utf-8", errors="replace"))
                codename = userland.get("VERSION_CODENAME", "")
                return Release(userland.get("ID", ""), codename) if codename else None
    return None


async def find_setup(release: Release) -> AptSetup | None:
    """What this machine's configuration gives for a release; None where its sources name no such archive.

    Another release than this machine's own is looked for at the same addresses; whether it is there shows
    when apt asks for it.
    """
    here = release_here()
    sources = of_release(parse_sources(_texts()), here.codename)
    if not sources or release.distribution != here.distribution:
        return None
    if release.codename != here.codename:
        sources = for_another_release(sources, release.codename)
    files: dict[str, bytes] = {}
    sources = [_with_keys(source, files) for source in sources]
    for name, data in _credentials():
        files[name] = data
    return AptSetup(release, tuple(sources), _SETTINGS + await _settings(files), tuple(files.items()))


def sources_text() -> str:
    """This machine's own archives, as a text that is another one when they change."""
    return render(of_release(parse_sources(_texts()), release_here().codename))


def _texts() -> dict[str, str]:
    found = {}
    for path in (_ETC / "sources.list", *sorted((_ETC / "sources.list.d").glob("*"))):
        if path.suffix in (".list", ".sources") and os.access(path, os.R_OK) and path.is_file():
            found[path.name] = path.read_text(encoding="utf-8", errors="replace")
    return found


def _with_keys(source: AptSource, files: dict[str, bytes]) -> AptSource:
    """The source with its keys' files in the container's folder; the trusted ones where it names none."""
    named = source.option("Signed-By")
    if named and not named.startswith("/"):  # a key itself, or a fingerprint
        return source
    trusted = [*sorted((_ETC / "trusted.gpg.d").glob("*.[ag][sp][cg]")), _ETC / "trusted.gpg"]
    paths = [Path(part) for part in re.split(r"[\s,]+", named) if part.startswith("/")] or trusted
    places = []
    for path in paths:
        if path.is_file() and path.stat().st_size and is_open(path):
            place = f"key-{len(files)}{path.suffix}"
            known = next((name for name, data in files.items() if data == path.read_bytes()), place)
            files[known] = path.read_bytes()
            places.append(f"{FOLDER}/{known}")
    return source.with_option("Signed-By", " ".join(places)) if places else source


def _credentials() -> Iterator[tuple[str, bytes]]:
    for path in (_ETC / "auth.conf", *sorted((_ETC / "auth.conf.d").glob("*.conf"))):
        if path.is_file() and os.access(path, os.R_OK) and is_open(path):
            yield f"auth.d/{path.name}", path.read_bytes()


async def _settings(files: dict[str, bytes]) -> str:
    """This machine's settings of how to fetch; files that they name are put into the folder."""
    lines = [f'Dir::Etc::netrcparts "{FOLDER}/auth.d";']
    if shutil.which("apt-config", path=os.defpath) is None:
        return "\n".join(lines) + "\n"
    for line in (await run_tool(["apt-config", "dump"], env={"PATH": os.defpath, "LANG": "C"})).splitlines():
        match = _SETTING.fullmatch(line)
        if match is None or not match[2]:
            continue
        value = match[2]
        path = Path(value)
        if value.startswith("/") and path.is_file():
            if not is_open(path):
                continue
            place = f"file-{len(files)}{path.suffix}"
            files[place] = path.read_bytes()
            value = f"{FOLDER}/{place}"
        lines.append(f'{match[1]} "{value}";')
    return "\n".join(lines) + "\n"


class AptCache:
    """Lists and packages of one release, kept between builds."""

    def __init__(self, home: Home, setup: AptSetup) -> None:
        self._root = home.cache / "apt" / f"{setup.release.distribution}-{setup.release.codename}"
        self._setup = setup

    def lend(self, folder: Path) -> tuple[Bind, ...]:
        """Makes a container's folder, and says how it is shown. For a thread."""
        for name in (LISTS, ARCHIVES):
            (folder / name / "partial").mkdir(parents=True)
            (self._root / name).mkdir(parents=True, exist_ok=True)
            for file in _files(self._root / name):
                (folder / name / file.name).hardlink_to(file)
        (folder / CONFIGURATION).write_text(self._setup.settings, encoding="utf-8")
        (folder / SOURCES).write_text(render(self._setup.sources), encoding="utf-8")
        (folder / "auth.d").mkdir()
        for name, data in self._setup.files:
            (folder / name).write_bytes(data)
        own(folder)
        place = f"/etc/apt/sources.list.d/{self._setup.release.distribution}.sources"
        return (
            Bind(folder, FOLDER, read_only=False),
            Bind(folder / CONFIGURATION, "/etc/apt/apt.conf.d/99homeport"),
            Bind(folder / SOURCES, place),
        )

    def take_back(self, folder: Path) -> None:
        """Keeps what was fetched; the folder is the caller's to remove. For a thread."""
        for name in (LISTS, ARCHIVES):
            for file in _files(folder / name):
                _keep(file, self._root / name / file.name)
        self._limit(self._root / ARCHIVES)

    def _limit(self, folder: Path) -> None:
        """Removes packages, the longest unused first, while they are too many."""
        files = sorted(_files(folder), key=lambda file: file.stat().st_ctime)
        total = sum(file.stat().st_size for file in files)
        for file in files:
            if total <= _CACHE_LIMIT_BYTES:
                return
            total -= file.stat().st_size
            file.unlink(missing_ok=True)


@asynccontextmanager
async def lent(cache: AptCache | None, folder: Path) -> AsyncIterator[tuple[Bind, ...]]:
    """What a step gets of the cache, in a folder that is made for it; nothing without a cache."""
    if cache is None:
        yield ()
        return
    folder.mkdir(mode=0o755)
    try:
        yield await asyncio.to_thread(cache.lend, folder)
    finally:
        await asyncio.to_thread(cache.take_back, folder)


def _files(folder: Path) -> list[Path]:
    return [
        path for path in folder.iterdir() if path.name != "lock" and path.is_file() and not path.is_symlink()
    ]


def _keep(file: Path, target: Path) -> None:
    """Puts a link to the file at its place in the cache, in one step."""
    if target.exists() and target.samefile(file):
        return
    link = target.with_name(f"tmp-{secrets.token_hex(4)}")
    link.hardlink_to(file)
    link.rename(target)
