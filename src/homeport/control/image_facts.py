"""What is found out about a built image: its Python, its packages, what it is made of."""

import json
import os
import re
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from modal_proto import api_pb2

from homeport.runtime.layers import LayerStore
from homeport.store.database import Database

_BASE_FOLDER = "/usr/local/bin"
_PRINT_SERIES = "import sys; print('%d.%d' % sys.version_info[:2])"
_PRINT_VERSIONS = (  # what `python -VV` says, and the C library that it runs on
    "import platform, sys; print('Python', sys.version.replace(chr(10), ' ')); print(*platform.libc_ver())"
)
_DISTRIBUTION = re.compile(r"([A-Za-z0-9._-]+)-([^-]+)\.dist-info")


Ask = Callable[[tuple[str, ...]], Awaitable[str]]  # a command's output in the image; empty if it fails


async def find_python(
    ask: Ask, layers: tuple[Path, ...], env: dict[str, str], series: str
) -> tuple[str, str]:
    """The interpreter that `python` means in the image, and its series such as 3.11. `series` is that of
    Homeport's own layer; empty for an image that brings its own Python, or none: then both are empty."""
    folder = next((f for f in env.get("PATH", "").split(":") if f and _has(layers, f"{f}/python")), None)
    if series and folder in (None, _BASE_FOLDER):
        return f"{_BASE_FOLDER}/python{series}", series
    if folder is None:
        return "", ""
    python = f"{folder}/python"
    answer = await ask((python, "-c", _PRINT_SERIES))
    if answer.strip():
        return python, answer.strip()
    return (f"{_BASE_FOLDER}/python{series}", series) if series else ("", "")


async def image_metadata(
    ask: Ask, layers: tuple[Path, ...], python: str, known: dict[tuple[str, ...], str]
) -> api_pb2.ImageMetadata:
    """What the client is told of the image. `known` keeps what interpreters said, since to ask one takes as
    long as a small step."""
    if not python:
        return api_pb2.ImageMetadata()
    who = _who_answers(layers, python)
    if who not in known:
        known[who] = await ask((python, "-c", _PRINT_VERSIONS))
    version, _, libc = known[who].partition("\n")
    return api_pb2.ImageMetadata(
        python_version_info=version,
        python_packages=_packages(layers, python),
        libc_version_info=libc.strip(),
    )


def _who_answers(layers: tuple[Path, ...], python: str) -> tuple[str, ...]:
    """The interpreter's path and the layers that hold it, what it may be a link to, or the C library."""
    names = {python, f"/usr/bin/{Path(python).name}", str(Path(python).parent.parent / "pyvenv.cfg")}
    holders = [
        layer.name
        for layer in layers
        if any(os.path.lexists(f"{layer}{name}") for name in names)
        or any(True for _ in layer.glob("usr/lib/*/libc.so.6"))
    ]
    return (python, *holders, layers[-1].name)


def describe_image(row: sqlite3.Row, db: Database, store: LayerStore) -> dict[str, object]:
    """A built image as it may be written down: what each layer is, topmost first, and where the image differs
    from what was asked for."""
    names: list[str] = json.loads(row["layers"])
    steps = {
        step["layer"]: step["instruction"] for step in db.all("instructions_by_layer", layers=row["layers"])
    }
    facts = {name: store.facts(store.folder(name)) for name in names}
    return {
        "image_id": row["image_id"],
        "python": row["python"],
        "base": next((fact["userland"] for fact in facts.values() if "userland" in fact), ""),
        "layers": [{"name": name, "made_by": steps.get(name) or _made_by(facts[name])} for name in names],
        "notes": json.loads(row["notes"]),
    }


def _made_by(fact: dict[str, Any]) -> str:
    if fact.get("kind") == "registry":
        return f"pulled as {fact['reference']} ({fact['digest'][:19]}…)"
    if fact.get("kind") == "debian root":
        return f"the root file system of {fact['userland']}, packages of {fact['made_on']}"
    if fact.get("kind") == "python":
        return f"Python {fact['version']} ({fact['origin']})"
    return f"the base tree for {fact['userland']}" if "userland" in fact else ""


def _has(layers: tuple[Path, ...], path: str) -> bool:
    """Whether the topmost layer that knows the path has it: a later layer may have removed it."""
    for layer in layers:
        try:
            found = os.lstat(layer / path.lstrip("/"))
        except OSError:
            continue
        return not _is_whiteout(found)
    return False


def _packages(layers: tuple[Path, ...], python: str) -> dict[str, str]:
    prefix = Path(python).parent.parent
    found: dict[str, str] = {}
    hidden: set[str] = set()
    for layer in layers:
        below = layer / str(prefix).lstrip("/") / "lib"
        names: set[str] = set()
        for entry in below.glob("python3*/site-packages/*.dist-info"):
            names.add(entry.name)
            match = _DISTRIBUTION.fullmatch(entry.name)
            if match and entry.name not in hidden and not _is_whiteout(entry.lstat()):
                found.setdefault(match[1], match[2])
        hidden |= names
    return found


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0
