"""What a distribution holds and brings: from a table of well-known ones, else from what lies on this machine.

The table (distributions.txt) comes first: it is quick, and knows what other versions bring. For others, the
metadata of the same distribution in this Python, or of a wheel in uv's cache, tells; its version may differ.
"""

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from homeport.check.container.requirements import Requirement, normalise, read_requirement

_TABLE = Path(__file__).with_name("distributions.txt")


@dataclass(frozen=True)
class Distribution:
    """`modules` as they are imported; one with dots has its first folders in common with others. `requires`
    and `may_require` (what some versions do) are requirements. `is_open`: anything else may come, too;
    `is_vague`: small libraries may.
    """

    name: str
    modules: tuple[str, ...]
    requires: tuple[str, ...] = ()
    may_require: tuple[str, ...] = ()
    is_open: bool = False
    is_vague: bool = False


@cache
def known(name: str, version: str = "") -> Distribution | None:
    """By its normalised name, or one with an extra, "uvicorn[standard]". Of a version that is pinned and
    lies on this machine, all is known.
    """
    line = _lines().get(name)
    listed = _read(name, line) if line is not None else None
    if listed is not None and not (version and (listed.is_vague or listed.is_open)):
        return listed
    if listed is None and name in _leaves():
        return Distribution(name, (name.replace("-", "_"),))
    if "[" in name:
        return listed
    exact = (_installed_here(name, version) or _in_cache(name, version)) if version else None
    if exact is not None or listed is not None:
        return exact or listed
    near = _installed_here(name, "") or _in_cache(name, "")
    return near and replace(near, is_vague=True)


@cache
def distribution_of(module: str) -> str:
    """The well-known distribution that a module comes from, "" where none is known."""
    return _owners().get(module, "")


def is_weighty(name: str) -> bool:
    """Whether a distribution is one that no other brings unnoticed: it is large, or none is known to."""
    return name in _weighty() or (name in _lines() and name not in _leaves())


@cache
def _weighty() -> frozenset[str]:
    return frozenset(_lines()["weighty"].split()[2:])


@cache
def _lines() -> dict[str, str]:
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    return {line.partition(":")[0].split()[0]: line for line in lines if line and not line.startswith("#")}


@cache
def _leaves() -> frozenset[str]:
    """Those that the table names as requirements."""
    words = {word for line in _lines().values() for part in line.split("|")[1:] for word in part.split()}
    return frozenset(word for word in words if word not in ("*", "?") and "[" not in word)


@cache
def _owners() -> dict[str, str]:
    """Modules to the distribution that stands first in the table."""
    owners: dict[str, str] = {}
    for name, line in _lines().items():
        if name == "weighty":
            continue
        for module in _read(name, line).modules:
            owners.setdefault(module, name)
    for name in _leaves():
        owners.setdefault(name.replace("-", "_"), name)
    return owners


def _read(name: str, line: str) -> Distribution:
    parts = [part.split() for part in line.split("|")]
    _, colon, modules = line.partition("|")[0].partition(":")
    required, perhaps = (*parts[1:], [], [])[:2]
    own = tuple(modules.split()) if colon else () if "[" in name else (name.replace("-", "_"),)
    may_require = tuple(word for word in perhaps if word not in ("*", "?"))
    return Distribution(name, own, tuple(required), may_require, "*" in perhaps, "?" in perhaps)


def _installed_here(name: str, version: str) -> Distribution | None:
    """From this Python's own packages; importlib.metadata would take longer to import than all of this."""
    found = _infos_here().get(name)
    if found is None or (version and version != found.name.removesuffix(".dist-info").rpartition("-")[2]):
        return None
    return _read_info(name, found, found.parent)


@cache
def _infos_here() -> dict[str, Path]:
    infos: dict[str, Path] = {}
    for folder in sys.path:
        if folder.endswith(("site-packages", "dist-packages")):
            for entry in _listed(Path(folder)):
                if entry.endswith(".dist-info"):
                    infos.setdefault(
                        normalise(entry.removesuffix(".dist-info").rpartition("-")[0]), Path(folder, entry)
                    )
    return infos


def _in_cache(name: str, version: str) -> Distribution | None:
    """From an unpacked wheel that uv keeps."""
    for cache_folder in _caches():
        for wheels in cache_folder.glob("wheels-v*/pypi"):
            for entry in sorted(_listed(wheels / name), reverse=True):
                folder = wheels / name / entry
                if entry.startswith(f"{version}-" if version else "") and folder.is_dir():
                    info = next((each for each in _listed(folder) if each.endswith(".dist-info")), "")
                    return _read_info(name, folder / info, folder) if info else None
    return None


def _caches() -> list[Path]:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return [Path(os.environ["UV_CACHE_DIR"])] if os.environ.get("UV_CACHE_DIR") else [home / "uv"]


def _read_info(name: str, info: Path, folder: Path) -> Distribution | None:
    """What the metadata and the list of files say; a wheel that is not installed is looked at itself."""
    try:
        text = (info / "METADATA").read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        return None
    requires = re.findall(r"^Requires-Dist: (.+)$", text, re.MULTILINE)
    try:
        files = (info / "RECORD").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        files = [f"{entry}/x" if (folder / entry).is_dir() else entry for entry in _listed(folder)]
    return Distribution(name, _top_level(files) or (name.replace("-", "_"),), tuple(requires))


def _listed(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # texts are quicker
    except OSError:
        return []


def _top_level(files: Iterable[str]) -> tuple[str, ...]:
    """Modules at the top of a list of files, which may be lines of a RECORD."""
    found: dict[str, None] = {}
    for line in files:
        first, slash, _ = line.partition(",")[0].partition("/")
        stem = first if slash else first.partition(".")[0] if first.endswith((".py", ".so", ".pyd")) else ""
        if stem.isidentifier() and stem != "__pycache__":
            found[stem] = None
    return tuple(found)


def requirements_of(
    distribution: Distribution, extras: tuple[str, ...], python_version: str
) -> tuple[list[Requirement], bool]:
    """What a distribution with extras brings, and whether that is all."""
    found = []
    is_all = not distribution.is_open
    for texts, is_certain in ((distribution.requires, True), (distribution.may_require, False)):
        for text in texts:
            required = read_requirement(text, python_version, extras)
            if isinstance(required, Requirement):
                certain = required.is_certain and is_certain
                found.append(Requirement(required.name, required.extras, required.is_exact, certain))
            elif required is not None:
                is_all = False
    for extra in extras:
        more = known(f"{normalise(distribution.name)}[{extra}]")
        if more is not None:
            requirements, is_more_all = requirements_of(more, (), python_version)
            found += requirements
            is_all = is_all and is_more_all
        elif distribution.name in _lines():
            is_all = False  # the table does not say what this extra brings
    return found, is_all
