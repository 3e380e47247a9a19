"""A Debian root file system of the user's own: a writable /usr with apt and dpkg, made once from packages.

Made in containers, by any user and without newuidmap: this machine's apt fetches the packages, its dpkg-deb
unpacks the essential ones, then the new root's own dpkg installs them all. What would need other owners is
emulated (inside/owners.py). Which Python lies above it, and when an image gets it, is base_image.py's matter.
"""

import asyncio
import errno
import os
import re
import shutil
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.runtime import apt
from homeport.runtime.apt import AptCache, AptSetup, Release
from homeport.runtime.base_tree import ensure_base_tree
from homeport.runtime.commands import Bind, CommandSpec, own, run_command
from homeport.runtime.kept_files import forget_machine
from homeport.runtime.layers import LayerStore
from homeport.runtime.package_sources import read_package_sources
from homeport.runtime.uv import Log

_REVISION: Final = 2  # part of the key: raise it when what this file makes changes
_TOOLS: Final = ("apt-get", "dpkg-deb", "tar", "xargs")
# what Modal's debian_slim holds before an image's first own step, and Debian's Python as /usr/local's ground
_PACKAGES: Final = "apt ca-certificates netbase tzdata python3 gcc gfortran build-essential"
_KEYRINGS: Final = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}
_TARGET: Final = "/run/homeport/root"
_ENV: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
}
_FETCH: Final = r"""
set -e
cd "$FOLDER"
: > status
mkdir -p none/partial
cat homeport.conf - > both.conf <<END
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Dir::Etc::sourcelist "$FOLDER/$SOURCES";
Dir::Etc::sourceparts "none";
Dir::State "$FOLDER";
Dir::State::status "$FOLDER/status";
END
export APT_CONFIG="$FOLDER/both.conf"
apt-get -q update
apt-get -qq -y --print-uris -o Dir::Cache::archives="$FOLDER/none" install '?essential' apt > essential.txt
apt-get -qq -y --print-uris -o Dir::Cache::archives="$FOLDER/none" install '?essential' $PACKAGES > all.txt
apt-get -q -y --download-only install '?essential' $PACKAGES
"""
# packages are unpacked into the places that the links of a merged /usr name
_UNPACK: Final = r"""
set -e
cd "$FOLDER/archives"
for name in bin sbin lib lib64; do mkdir -p "$TARGET/usr/$name"; ln -s "usr/$name" "$TARGET/$name"; done
sed "s/^'[^']*' \([^ ]*\) .*/\1/" ../essential.txt | xargs -P 2 -n 8 sh -c 'set -e; for deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -C "$TARGET" --keep-directory-symlink --no-same-owner -xpf - \
    --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale
done' unpack
"""
_INSTALL: Final = r"""
set -e
mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates /etc/dpkg/dpkg.cfg.d /usr/share/man/man1
: > /var/lib/dpkg/status
: > /var/lib/dpkg/available
cp /usr/share/base-passwd/passwd.master /etc/passwd
cp /usr/share/base-passwd/group.master /etc/group
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
cat > /etc/dpkg/dpkg.cfg.d/homeport <<END
force-unsafe-io
path-exclude=/usr/lib/python3*/EXTERNALLY-MANAGED
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
END
cd "$FOLDER/archives"
sed "s/^'[^']*' \([^ ]*\) .*/\1/" ../all.txt | xargs dpkg --force-depends --install || dpkg --configure -a
installed=$(dpkg-query -W -f '${db:Status-Abbrev}\n' | grep -c '^ii')
[ "$installed" = "$(wc -l < ../all.txt)" ] || { echo "E: only $installed packages are installed"; exit 1; }
echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections
echo 'APT::Sandbox::User "root";' > /etc/apt/apt.conf.d/98homeport
# the release's own archives, as its apt names them in an example, and not this machine's mirror
dpkg-deb --fsys-tarfile apt_[0-9]*.deb |
  tar -C /tmp -xf - --wildcards './usr/share/doc/apt/examples/*sources*' || echo 'no sources are named'
for file in /tmp/usr/share/doc/apt/examples/*sources*; do
  case "$file" in
    *.sources) cp "$file" /etc/apt/sources.list.d/ ;;
    */sources.list) cp "$file" /etc/apt/sources.list ;;
  esac
done
"""
_FINISH: Final = r"""
set -e
update-ca-certificates > /dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -rf /var/log/* /tmp/* /run/*
mkdir -p /var/cache/apt/archives/partial /var/lib/apt/lists/partial /run/lock
chmod 1777 /tmp /var/tmp /run/lock
: > /etc/machine-id
ln -sf /proc/mounts /etc/mtab
"""
_PROGRESS: Final = {
    b"Get:": "Fetched",
    b"Unpacking ": "Unpacked",
    b"Setting up ": "Configured",
}
_EVERY_S: Final = 4.0
_ERROR: Final = re.compile(r"E: |W: (?=Failed)|dpkg: error:? ?|Err:\d+ ")
_FULL: Final = re.compile(r"No space left on device|enough free space")
_NO_RELEASE: Final = re.compile(
    r"E: (The repository .* does not have a Release file|Failed to fetch \S+/dists/\S+  404 )"
)


@dataclass(frozen=True)
class DebianRoot:
    """A finished root file system."""

    tree: Path
    release: Release
    userland: str  # such as Debian GNU/Linux 12 (bookworm)
    made_on: str  # a date: packages are as of then

    @property
    def note(self) -> str:
        return f"base image: root file system of {self.userland}, made from packages on {self.made_on}"


class ReleaseNotServedError(FailedPreconditionError):
    """This machine's package sources do not have the release."""


def ready_root(store: LayerStore, release: Release) -> DebianRoot | None:
    """The root file system, if it is there."""
    tree = store.path(_key(release))
    store.touch(tree.name)
    return _described(store, tree, release) if tree.is_dir() else None


async def ensure_root(home: Home, store: LayerStore, release: Release, log: Log) -> DebianRoot:
    """The root file system, made within a minute if it is not there.

    Raises ReleaseNotServedError, or FailedPreconditionError where it cannot be made on this machine.
    """
    setup = await apt_setup(release)
    if not store.exists(_key(release)) and setup is None:
        raise ReleaseNotServedError(_not_served(release))

    async def fill(tree: Path) -> dict[str, Any]:
        assert setup is not None
        try:
            return await _Making(home, store, setup, tree, log).run()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise FailedPreconditionError(_full(home, release)) from None

    return _described(store, await store.make(_key(release), fill), release)


async def apt_setup(release: Release) -> AptSetup | None:
    """How apt works for the release; None where this machine's sources do not have it. Raises
    FailedPreconditionError on a machine without apt."""
    missing = [tool for tool in _TOOLS if shutil.which(tool, path="/usr/bin:/bin") is None]
    if missing:
        raise FailedPreconditionError(
            "A step of this image needs a Debian root file system, which is made with apt, and this machine "
            f"has no {', '.join(missing)}. Install apt and dpkg here with sources for Debian, or leave the "
            "step out: images without steps of apt lie over this machine's own programs."
        )
    return await apt.find_setup(release)


def _key(release: Release) -> str:
    return f"debian root {_REVISION} {release.distribution} {release.codename} {os.uname().machine}"


def _described(store: LayerStore, tree: Path, release: Release) -> DebianRoot:
    facts = store.facts(tree)
    return DebianRoot(tree, release, facts.get("userland", release.codename), facts.get("made_on", ""))


def _not_served(release: Release) -> str:
    return (
        "A step of this image needs a Debian root file system, and /etc/apt of this machine names no archive "
        f"of {release.distribution} {release.codename or '(of no known release)'}. Add its sources there, or "
        "leave the step out: images without steps of apt lie over this machine's own programs."
    )


class _Making:
    """One root file system being made in `tree`."""

    def __init__(self, home: Home, store: LayerStore, setup: AptSetup, tree: Path, log: Log) -> None:
        self._home = home
        self._store = store
        self._setup = setup
        self._tree = tree
        self._log = log

    async def run(self) -> dict[str, Any]:
        release = self._setup.release
        started = time.monotonic()
        self._log(
            f"Making the root file system of {release.distribution} {release.codename} from packages of "
            f"{', '.join(self._setup.addresses)}; this is done once …\n"
        )
        cache = AptCache(self._home, self._setup)
        folder = self._tree.parent / "apt"
        folder.mkdir(mode=0o755)
        binds = (await asyncio.to_thread(cache.lend, folder))[:1]
        try:
            await self._fetch(folder, binds)
        finally:  # what was fetched serves the next try
            await asyncio.to_thread(cache.take_back, folder)
        await self._install(binds)
        await self._finish()
        userland = _userland(self._tree)
        self._log(f"The root file system is ready ({time.monotonic() - started:.0f} s): {userland}.\n")
        return {"kind": "debian root", "userland": userland, "made_on": time.strftime("%Y-%m-%d")}

    async def _fetch(self, folder: Path, binds: tuple[Bind, ...]) -> None:
        base = await ensure_base_tree(self._store)
        keyring = _KEYRINGS.get(self._setup.release.distribution, "")
        env = {"PACKAGES": f"{_PACKAGES} {keyring}", "SOURCES": apt.SOURCES}
        await self._run("fetched", _FETCH, env, binds, (base,))
        names = (folder / "all.txt").read_text(encoding="utf-8").splitlines()
        size = sum(int(name.split()[2]) for name in names)
        self._log(
            f"{len(names)} packages ({size / 1e6:.0f} MB) are fetched; unpacking and configuring them …\n"
        )
        own(self._tree)
        target = Bind(self._tree, _TARGET, read_only=False)
        await self._run("unpacked", _UNPACK, {"TARGET": _TARGET}, (*binds, target), (base,))

    async def _install(self, binds: tuple[Bind, ...]) -> None:
        await self._run("configured", _INSTALL, {}, binds, ())

    async def _finish(self) -> None:
        """Also this machine's own certificates, which a proxy on the way may need."""
        folder = self._tree / "usr/local/share/ca-certificates"
        for number, certificate in enumerate(_own_certificates(self._tree)):
            (folder / f"this-machine-{number}.crt").write_text(certificate, encoding="ascii")
        own(self._tree)
        await self._run("finished", _FINISH, {}, (), ())

    async def _run(
        self, done: str, script: str, env: dict[str, str], binds: tuple[Bind, ...], layers: tuple[Path, ...]
    ) -> None:
        """Runs a script over the base tree, or, without layers, in the new root itself."""
        progress = _Progress(self._log)
        upper = self._tree.parent / "scratch" if layers else self._tree
        command = CommandSpec(
            ("/bin/sh", "-c", script),
            layers,
            upper,
            {**_ENV, **_proxies(), "FOLDER": apt.FOLDER, **env},
            host_usr=bool(layers),
            binds=binds,
        )
        status = await run_command(command, progress.add)
        if not layers:
            forget_machine(self._tree, [bind.target for bind in binds])
        if status != 0:
            raise _failure(done, self._home, self._setup, progress.lines)


class _Progress:
    """Says every few seconds how far apt and dpkg are, and keeps the end of what they print."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._rest = b""
        self._counts: dict[str, int] = {}
        self._said_at = time.monotonic()
        self.lines: deque[str] = deque(maxlen=200)

    def add(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.lines.append(line.decode("utf-8", "replace").strip())
            for start, word in _PROGRESS.items():
                if line.startswith(start):
                    self._counts[word] = self._counts.get(word, 0) + 1
                    self._say(word)

    def _say(self, word: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= _EVERY_S:
            self._said_at = now
            self._log(f"{word} {self._counts[word]} packages …\n")


def _failure(done: str, home: Home, setup: AptSetup, lines: Iterable[str]) -> FailedPreconditionError:
    """One sentence of why, and what helps."""
    told = [line for line in lines if line]
    release = f"{setup.release.distribution} {setup.release.codename}"
    addresses = ", ".join(setup.addresses)
    if any(_FULL.search(line) for line in told):
        return FailedPreconditionError(_full(home, setup.release))
    if done == "fetched" and any(_NO_RELEASE.search(line) for line in told):
        return ReleaseNotServedError(f"{addresses} does not have {release}.")
    errors = [_ERROR.sub("", line) for line in told if _ERROR.match(line)]
    reason = (errors or told or ["nothing was printed"])[0].rstrip(".")
    if done == "fetched":
        help = f"Check this machine's network, its proxy and the sources in /etc/apt ({addresses})."
    else:
        at = next((number for number, line in enumerate(told) if _ERROR.match(line)), len(told))
        help = "What it said:\n" + "\n".join(told[max(0, at - 6) : at + 4])
    return FailedPreconditionError(
        f"The root file system of {release}, which a step of this image needs, could not be {done}: "
        f"{reason}. {help}"
    )


def _full(home: Home, release: Release) -> str:
    return (
        f"The root file system of {release.distribution} {release.codename}, which a step of this image "
        f"needs, takes about 1 GB, and the disk of {home.root} is full. Make room and run the app again; "
        "what was fetched is kept."
    )


def _proxies() -> dict[str, str]:
    """What this machine says of proxies; apt knows them by these variables, too."""
    return {
        name: value for name, value in read_package_sources().env.items() if name.lower().endswith("_proxy")
    }


def _userland(tree: Path) -> str:
    text = (tree / "etc/os-release").read_text(encoding="utf-8")
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.MULTILINE)
    return found[1] if found else "Debian"


def _own_certificates(tree: Path) -> list[str]:
    """Those that this machine trusts and Debian does not."""
    pattern = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", re.DOTALL)
    bundle = "etc/ssl/certs/ca-certificates.crt"
    texts = []
    for path in (Path("/") / bundle, tree / bundle):
        try:
            texts.append(pattern.findall(path.read_text(encoding="ascii", errors="replace")))
        except FileNotFoundError:
            texts.append([])
    here, theirs = texts
    known = set(theirs)
    return [text for text in dict.fromkeys(here) if text not in known]
