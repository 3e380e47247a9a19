"""What every container gets besides its image: the client that connected, its dependencies, Homeport's part.

Three trees, each made once: /pkg (modal, modal_proto, modal_version, synchronicity, and a sitecustomize that
appends /__modal/deps, so that an image's own packages win, and takes notes), /__modal/deps (the client's
dependencies as its image builder version pins them), /__modal/homeport (runtime/inside). All bytecode is
compiled for the image's Python: containers cannot write here, and importing without it takes seconds.
"""

import asyncio
import hashlib
import importlib.util
import re
import shutil
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError, InvalidError
from homeport.model.home import Home
from homeport.runtime.layers import LayerStore
from homeport.runtime.pythons import PythonLayer
from homeport.runtime.uv import Log, run_tool, run_uv

_REVISION = 1  # part of the keys: raise it when what this file makes changes
_CLIENT_REVISION = 2  # the same, of the client's tree alone
_CLIENT_PACKAGES = ("modal", "modal_proto", "modal_version", "synchronicity")
_MISSING_PIN = re.compile(r"no version of ([\w.-]+)==([\w.+!-]+)")
_SITECUSTOMIZE = '''\
"""Puts the client's dependencies last on the path, so that the image's own packages win, and has this Python
take notes where the container keeps some; the modules that do it are under no name that is left."""

import os
import sys

sys.path.append("/__modal/deps")
if os.access("/__modal/run/notes.jsonl", os.W_OK):
    _package = sys.modules["_homeport"] = type(sys)("_homeport")
    _package.__path__ = ["/__modal/homeport"]
    try:
        from _homeport import notes

        notes.install_in_container("/__modal/run")
        del notes
    except Exception:
        pass  # a program must not suffer from what is written down about it
    for _name in [name for name in sys.modules if name.partition(".")[0] == "_homeport"]:
        del sys.modules[_name]
'''


async def ensure_client_bundle(
    home: Home, store: LayerStore, python: PythonLayer, client_version: str, builder_version: str, log: Log
) -> tuple[Path, ...]:
    """The three trees for this client and Python, topmost first; what is missing is made.

    Raises InvalidError for a version that is none, FailedPreconditionError where packages cannot be had.
    """
    if not re.fullmatch(r"[0-9][0-9A-Za-z.+!-]*", client_version):
        raise InvalidError(f"The client says that its version is {client_version!r}, which is no version.")
    return tuple(
        await asyncio.gather(
            _ensure_own_part(store, python),
            _ensure_client(home, store, python, client_version, log),
            _ensure_dependencies(home, store, python, client_version, builder_version, log),
        )
    )


async def _ensure_own_part(store: LayerStore, python: PythonLayer) -> Path:
    sources = sorted(_inside().glob("*.py"))
    digest = hashlib.sha256(b"".join(s.name.encode() + b"\0" + s.read_bytes() for s in sources)).hexdigest()

    async def fill(tree: Path) -> dict[str, Any]:
        target = tree / "__modal/homeport"
        target.mkdir(parents=True)
        for source in sources:
            shutil.copyfile(source, target / source.name)
        await _compile(python, target)
        return {"kind": "homeport"}

    return await store.make(f"homeport {_REVISION} {digest} {python.series}", fill)


async def _ensure_client(
    home: Home, store: LayerStore, python: PythonLayer, client_version: str, log: Log
) -> Path:
    async def fill(tree: Path) -> dict[str, Any]:
        log(f"Preparing the modal client {client_version} for Python {python.series} …\n")
        started = time.monotonic()
        target = tree / "pkg"
        target.mkdir()
        source = await _client_source(home, store, client_version)
        for name in _CLIENT_PACKAGES:
            await asyncio.to_thread(_copy_package, source, name, target)
        (target / "sitecustomize.py").write_text(_SITECUSTOMIZE, encoding="utf-8")
        await _compile(python, target)
        log(f"The client is ready ({time.monotonic() - started:.1f} s).\n")
        return {"kind": "client", "version": client_version}

    return await store.make(f"client {_CLIENT_REVISION} {client_version} {python.series}", fill)


async def _ensure_dependencies(
    home: Home, store: LayerStore, python: PythonLayer, client_version: str, builder_version: str, log: Log
) -> Path:
    source = await _client_source(home, store, client_version)
    pins = source / f"modal/builder/{builder_version}.txt"
    if not pins.is_file():
        raise FailedPreconditionError(
            f"The modal client {client_version} knows no image builder version {builder_version}, for which "
            "this image was described: upgrade the client, or choose 2025.06 for the environment (modal "
            "environment update) or in the client's configuration."
        )
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()

    async def fill(tree: Path) -> dict[str, Any]:
        log(f"Installing the client's dependencies for Python {python.series} …\n")
        started = time.monotonic()
        target = tree / "__modal/deps"
        target.mkdir(parents=True)
        replaced = await _install_pins(home, python, target, pins.read_text(encoding="utf-8"), log)
        log(f"The client's dependencies are ready ({time.monotonic() - started:.1f} s).\n")
        return {"kind": "dependencies", "builder": builder_version, "replaced": replaced}

    return await store.make(f"dependencies {_REVISION} {digest} {python.series}", fill)


async def _client_source(home: Home, store: LayerStore, client_version: str) -> Path:
    """A folder that holds the client's packages: Homeport's own environment if it has them, else PyPI's."""
    if metadata.version("modal") == client_version:
        return _environment()

    async def fill(tree: Path) -> dict[str, Any]:
        try:
            await run_uv(
                home,
                *("pip", "install", "--python", sys.executable, "--target", str(tree)),
                *("--only-binary", ":all:", "--no-compile-bytecode", "--no-deps", f"modal=={client_version}"),
            )
        except FailedPreconditionError as error:
            raise FailedPreconditionError(
                f"A container gets the client that described it, and this machine's package index gave no "
                f"modal {client_version}: {str(error).splitlines()[-1].strip()} "
                f"Install modal=={metadata.version('modal')} where you run it, or let pip or uv of this "
                "machine know an index that has the version."
            ) from None
        # the client names the range of this one, its own base images the version: the newest in range serves
        wanted = [
            line.split(";")[0]
            for line in metadata.PathDistribution(next(tree.glob("modal-*.dist-info"))).requires or ()
            if line.startswith("synchronicity")
        ]
        await run_uv(
            home,
            *("pip", "install", "--python", sys.executable, "--target", str(tree)),
            *("--only-binary", ":all:", "--no-deps", *wanted),
        )
        return {"kind": "client source", "version": client_version}

    return await store.make(f"client source {_REVISION} {client_version}", fill)


def _environment() -> Path:
    """The site-packages that Homeport runs in; finding the package does not import it."""
    found = importlib.util.find_spec("modal")
    assert found is not None and found.origin is not None, (
        "the modal client is one of Homeport's dependencies"
    )
    return Path(found.origin).parent.parent


def _inside() -> Path:
    return Path(__file__).parent / "inside"


def _copy_package(source: Path, name: str, target: Path) -> None:
    if (source / name).is_dir():
        # with its bytecode, which stays valid because times are kept
        shutil.copytree(source / name, target / name)
    elif (source / f"{name}.py").is_file():
        shutil.copy2(source / f"{name}.py", target)
    else:
        raise FailedPreconditionError(
            f"This version of the modal client has no package {name} that Homeport needs."
        )


async def _install_pins(home: Home, python: PythonLayer, target: Path, pins: str, log: Log) -> list[str]:
    """Installs the pinned versions; returns the pins that this machine's index lacks, each replaced
    by the newest version that it has of the same major version."""
    replaced: list[str] = []
    file = target.parent.parent.parent / "requirements.txt"  # beside the tree
    while True:
        file.write_text(pins, encoding="utf-8")
        try:
            await _install(home, python, target, "-r", str(file))
            return replaced
        except FailedPreconditionError as error:
            missing = _MISSING_PIN.search(str(error))
            if missing is None or missing[0] in replaced:
                raise
            name, version = missing[1], missing[2]
            pins = re.sub(rf"(?m)^{re.escape(name)}=={re.escape(version)}", _relaxed(name, version), pins)
            replaced.append(missing[0])
            log(f"This machine's package index has no {name} {version}: a near version of it is used.\n")


def _relaxed(name: str, version: str) -> str:
    major = version.split(".")[0]
    return name if len(major) == 4 else f"{name}=={major}.*"  # 2026.10.19 is a date: any will do


async def _install(home: Home, python: PythonLayer, target: Path, *arguments: str) -> None:
    await run_uv(
        home,
        *("pip", "install", "--python", str(python.outside), "--target", str(target)),
        *("--only-binary", ":all:", "--no-deps", "--compile-bytecode", *arguments),
    )


async def _compile(python: PythonLayer, folder: Path) -> None:
    """Compiles what has no bytecode for this Python, two processes at most, and leaves other Pythons' out."""
    # -I: nothing of the engine's own environment; the modules' paths are corrected by the import itself
    await run_tool(
        [str(python.outside), "-I", "-m", "compileall", "-q", "-j2", str(folder)], env={"LANG": "C.UTF-8"}
    )
    tag = f"cpython-{python.series.replace('.', '')}"
    for stale in _bytecode_of_others(folder, tag):
        stale.unlink()


def _bytecode_of_others(folder: Path, tag: str) -> Iterator[Path]:
    return (path for path in folder.rglob("__pycache__/*.pyc") if not path.name.endswith(f".{tag}.pyc"))
