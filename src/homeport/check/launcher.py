"""The launcher: the shell, the folder and the Python that `modal run` would be typed with.

Looks at names of files alone: nothing is imported, no Python is started.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from homeport.check.facts import Launcher

_CLIENT = re.compile(r"modal-(?P<version>\d[^-]*)\.dist-info")
_PYTHON = re.compile(r"python(?P<version>\d+\.\d+)")
_MAPPING = re.compile(r"^MAPPING[^=]*=\s*(\{.*\})\s*$", re.MULTILINE)  # of an editable install's finder


def this_launcher(folder: Path, environment: Mapping[str, str], python: Path) -> Launcher:
    """The launcher with that Python's packages. `python` is not resolved: a virtual environment's own."""
    series, folders = site_folders(python, environment)
    version = next((found["version"] for place in folders for found in _clients(place)), "")
    on_path = [Path(part) for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    modules = frozenset(name for place in [*on_path, *folders] for name in _importable(place))
    return Launcher(folder, frozenset(environment), version, series, modules)


def python_of_modal(environment: Mapping[str, str], default: Path) -> Path:
    """The Python of the modal command that the shell finds, by the script's first line; else `default`."""
    import shutil

    script = shutil.which("modal", path=environment.get("PATH"))
    if script is None:
        return default
    try:
        with Path(script).open("rb") as file:
            first = file.readline(1024)
    except OSError:
        return default
    words = os.fsdecode(first).removeprefix("#!").split()
    if not first.startswith(b"#!") or not words or Path(words[0]).name == "env":
        return default
    return Path(words[0]) if os.access(words[0], os.X_OK) else default


def site_folders(python: Path, environment: Mapping[str, str]) -> tuple[str, list[Path]]:
    """Such as "3.11", and the folders of that Python's packages.

    Told by where they lie beside it; a Python that has none there, such as a version manager's, is asked.
    """
    named = _PYTHON.match(python.name) or _PYTHON.match(Path(os.path.realpath(python)).name)
    name = named[0] if named else "python3.*"
    root = python.parent.parent
    found = [place for lib in ("lib", "lib64") for place in root.glob(f"{lib}/{name}/site-packages")]
    settings = _settings(root / "pyvenv.cfg")
    if settings is None:
        found += root.glob("lib/python3/dist-packages")
        if root == Path("/usr"):
            found += Path("/usr/local").glob(f"lib/{name}/dist-packages")
        if home := environment.get("HOME"):
            found += Path(home).glob(f".local/lib/{name}/site-packages")
    elif settings.get("include-system-site-packages") == "true" and (base := settings.get("home")):
        found += site_folders(Path(base) / python.name, environment)[1]
    if not found:
        return _asked(python)
    matches = (_PYTHON.fullmatch(place.parent.name) for place in found)
    series = next((match["version"] for match in matches if match), _own_series())
    return series, list(dict.fromkeys(found))


def _settings(file: Path) -> dict[str, str] | None:
    """What a pyvenv.cfg says; None where there is none, so that it is no virtual environment."""
    if not file.exists():
        return None
    pairs = (line.partition("=") for line in _text(file).splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _asked(python: Path) -> tuple[str, list[Path]]:
    import subprocess

    code = "import sys; print('%d.%d' % sys.version_info[:2], *sys.path[1:], sep='\\n')"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return _own_series(), []
    series, *folders = done.stdout.splitlines() or [_own_series()]
    return series, [Path(folder) for folder in folders if folder]


def _own_series() -> str:
    return "{}.{}".format(*sys.version_info)


def _clients(folder: Path) -> Iterator[re.Match[str]]:
    for name in _names(folder):
        if match := _CLIENT.fullmatch(name):
            yield match


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 (names alone, at a tenth of the time)
    except OSError:
        return []


def _importable(folder: Path, depth: int = 0) -> Iterator[str]:
    """Top-level names that an import finds there, namespace packages included."""
    for name in _names(folder):
        bare, dot, rest = name.partition(".")
        if not dot and bare.isidentifier() and bare != "__pycache__":
            yield bare
        elif rest == "py" or rest.endswith(("so", "pyd")):
            yield bare
            if bare.startswith("__editable__"):
                yield from _mapped(folder / name)
        elif rest.endswith("pth") and not depth:
            yield from _added(folder, name)


def _added(folder: Path, name: str) -> Iterator[str]:
    """What the folders have that a .pth file names, one a line."""
    for line in _text(folder / name).splitlines():
        if line.strip() and not line.startswith(("#", "import ", "import\t")):
            yield from _importable(folder / line.strip(), 1)


def _mapped(finder: Path) -> Iterator[str]:
    if match := _MAPPING.search(_text(finder)):
        yield from re.findall(r"['\"](\w+)['\"]\s*:", match[1])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
