"""Which root file system stands for an image's base, and which Python above it.

The release that was asked for, where this machine's package sources have it and a Python of the asked series
can be had for it; else this machine's own release. Making the root file system is debian_root.py's matter.
"""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.runtime.apt import Release, release_here, sources_text
from homeport.runtime.commands import CommandSpec, remove_tree, run_command
from homeport.runtime.debian_root import DebianRoot, ReleaseNotServedError, ensure_root, ready_root
from homeport.runtime.layers import LayerStore
from homeport.runtime.pythons import PythonLayer, ensure_python, is_python_here, ready_python
from homeport.runtime.uv import Log

# the Python that each release has itself, as /usr/bin/python3.X
_PYTHONS = {
    ("debian", "bullseye"): "3.9",
    ("debian", "bookworm"): "3.11",
    ("debian", "trixie"): "3.13",
    ("ubuntu", "jammy"): "3.10",
    ("ubuntu", "noble"): "3.12",
}


_PROBE = "import ctypes, encodings.idna, ssl, sqlite3, zlib"


@dataclass(frozen=True)
class DebianBase:
    """A root file system and the Python above it."""

    root: DebianRoot
    python: PythonLayer


async def ready_debian_base(home: Home, store: LayerStore, series: str, codename: str) -> DebianBase | None:
    """What `ensure_debian_base` would give, if it would not have to make anything."""
    release = (await _possible(home, series, codename))[0]
    root = ready_root(store, release)
    python = await ready_python(home, store, series, takes_system=_has_python(release, series))
    return _base(root, python) if root and python else None


async def ensure_debian_base(
    home: Home, store: LayerStore, series: str, codename: str, log: Log
) -> DebianBase:
    """Raises FailedPreconditionError where neither the release nor this machine's own can be had."""
    *others, last = await _possible(home, series, codename)
    for release in others:
        try:
            return await _ensure(home, store, series, release, log)
        except ReleaseNotServedError as error:
            log(f"{error}\n")
            await _refuse(home, release)
    return await _ensure(home, store, series, last, log)


async def _ensure(home: Home, store: LayerStore, series: str, release: Release, log: Log) -> DebianBase:
    root = await ensure_root(home, store, release, log)
    takes_system = _has_python(release, series)
    python = await ensure_python(home, store, series, log, takes_system=takes_system)
    base = _base(root, python)
    if not takes_system:
        await _try_python(store, base)
    return base


async def _try_python(store: LayerStore, base: DebianBase) -> None:
    """A copy of this machine's Python may want another C library, or libraries that Debian lacks."""
    scratch = store.scratch()
    output: list[bytes] = []
    command = CommandSpec(
        (base.python.executable, "-I", "-c", _PROBE),
        (base.python.tree, base.root.tree),
        scratch / "tree",
        {"PATH": "/usr/bin", "LANG": "C.UTF-8"},
    )
    try:
        status = await run_command(command, output.append)
    finally:
        await asyncio.to_thread(remove_tree, scratch)
    if status != 0:
        last = (b"".join(output).decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
        raise FailedPreconditionError(
            f"Python {base.python.version} ({base.python.origin}) does not run on {base.root.userland}: "
            f"{last}. Run `uv python install {base.python.series}`, whose Pythons run anywhere, or ask for "
            "another version."
        )


def _base(root: DebianRoot, python: PythonLayer) -> DebianBase:
    if python.is_system:
        python = replace(python, origin="its own")
    return DebianBase(root, python)


async def _possible(home: Home, series: str, codename: str) -> list[Release]:
    """The releases that may stand for the one that was asked for, best first; this machine's own at last."""
    here = release_here()
    asked = Release("debian", codename or here.codename)
    if asked == here or here.distribution != asked.distribution:
        return [here]
    has_python = await is_python_here(home, series, takes_system=_has_python(asked, series))
    if not has_python or await asyncio.to_thread(_is_refused, home, asked):
        return [here]
    return [asked, here]


def _has_python(release: Release, series: str) -> bool:
    """Whether the release's own Python is of the series: then /usr/bin/python3.X is in its root, and no copy
    is needed."""
    if release == release_here():
        return Path("/usr/bin/python3").resolve().name == f"python{series}"
    return _PYTHONS.get((release.distribution, release.codename)) == series


# A release that this machine's archives lack is not asked for again while its sources stay the same.


def _refusal(home: Home, release: Release) -> Path:
    return home.cache / "apt" / f"{release.distribution}-{release.codename}.not-served"


async def _refuse(home: Home, release: Release) -> None:
    file = _refusal(home, release)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(sources_text(), encoding="utf-8")


def _is_refused(home: Home, release: Release) -> bool:
    try:
        return _refusal(home, release).read_text(encoding="utf-8") == sources_text()
    except FileNotFoundError:
        return False
