"""Python for containers: finds an interpreter of the asked series, makes a layer that holds it at /usr/local.

Debian's own stays where it is and gets a prefix of its own at /usr/local by a pyvenv.cfg, so that Debian's
packages are not seen; any other (pyenv's, uv's, one under /opt) is copied, since a container sees no home
folder. pip, wheel and uv are installed in it, as in Modal's own base images. Which series an image asks for
is read by base_image.py.
"""

import asyncio
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeport.model.errors import FailedPreconditionError
from homeport.model.home import Home
from homeport.model.people import home_folder
from homeport.runtime.layers import LayerStore
from homeport.runtime.python_libraries import bring_libraries, with_library_path
from homeport.runtime.uv import Log, run_tool, run_uv

_REVISION = 2  # part of the key: raise it when what this file makes changes
_PROBE = (
    "import json, sys, sysconfig; import ctypes, ssl, sqlite3, zlib, encodings.idna; "
    "print(json.dumps([sys.version.split()[0], sys.base_prefix, sys.implementation.name, "
    "sysconfig.get_config_var('Py_ENABLE_SHARED') or 0, sysconfig.get_config_var('Py_GIL_DISABLED') or 0]))"
)
_probed: dict[tuple[Path, int], str] = {}  # by path and time of change: a Python's start takes 20 ms
_NOT_COPIED = {"test", "tests", "idle_test", "site-packages", "turtledemo", "EXTERNALLY-MANAGED"}


@dataclass(frozen=True)
class Interpreter:
    """A Python of this machine. `is_system` says that containers see it where it lies."""

    executable: Path
    version: str  # such as 3.11.2
    prefix: Path
    is_shared: bool
    is_system: bool

    @property
    def series(self) -> str:
        return ".".join(self.version.split(".")[:2])

    @property
    def minor(self) -> int:
        return int(self.version.split(".")[1])

    @property
    def origin(self) -> str:
        kind = "this machine's own" if self.is_system else "copied from"
        return f"{kind} {self.executable}"


@dataclass(frozen=True)
class PythonLayer:
    """A finished layer. `executable` is its path inside; `outside` the same file as the engine may run it."""

    tree: Path
    series: str
    version: str
    origin: str
    is_system: bool = False  # a link to /usr/bin's

    @property
    def executable(self) -> str:
        return f"/usr/local/bin/python{self.series}"

    @property
    def outside(self) -> Path:
        return self.tree / self.executable.lstrip("/")


async def ensure_python(
    home: Home, store: LayerStore, series: str, log: Log, *, takes_system: bool = True
) -> PythonLayer:
    """The layer with Python `series` (such as 3.11), made if it is not there. `takes_system`: containers see
    /usr/bin's, so that it needs no copy.

    Raises FailedPreconditionError, which names what to install, where no such Python can be had.
    """
    found = await _find_here(home, series, takes_system) or await _fetch(home, series, log)
    key = _key(found)
    started = time.monotonic()
    is_new = not store.exists(key)

    async def fill(tree: Path) -> dict[str, Any]:
        log(f"Preparing Python {found.version} ({found.origin}) …\n")
        await _fill(home, tree, found)
        return {"kind": "python", "version": found.version, "origin": found.origin}

    tree = await store.make(key, fill)
    if is_new:
        log(f"Python {found.version} with pip, wheel and uv is ready ({time.monotonic() - started:.1f} s).\n")
    return PythonLayer(tree, found.series, found.version, found.origin, found.is_system)


async def ready_python(
    home: Home, store: LayerStore, series: str, *, takes_system: bool = True
) -> PythonLayer | None:
    """The layer that `ensure_python` would give, if it would not have to make it."""
    found = await _find_here(home, series, takes_system)
    if found is None or not store.exists(_key(found)):
        return None
    return PythonLayer(store.path(_key(found)), found.series, found.version, found.origin, found.is_system)


def _key(python: Interpreter) -> str:
    if python.is_system:  # a link: nothing of it is copied
        return f"python {_REVISION} {python.version} {python.executable}"
    changed_at = python.executable.resolve().stat().st_mtime_ns
    return f"python {_REVISION} {python.version} {python.executable} {changed_at}"


async def is_python_here(home: Home, series: str, *, takes_system: bool) -> bool:
    """Whether `ensure_python` would find one without fetching it."""
    return await _find_here(home, series, takes_system) is not None


async def _find_here(home: Home, series: str, takes_system: bool) -> Interpreter | None:
    """An interpreter of this machine."""
    if not re.fullmatch(r"3\.\d{1,2}", series):
        raise FailedPreconditionError(f"{series!r} is no Python series; ask for one such as 3.11.")
    for candidate in _candidates(home, series):
        found = await _probe(candidate, series)
        if found is not None and (takes_system or not found.is_system):
            return found
    return None


async def _fetch(home: Home, series: str, log: Log) -> Interpreter:
    """An interpreter that uv fetches. Raises FailedPreconditionError."""
    log(f"Python {series} is not on this machine; asking uv to fetch it …\n")
    folder = _fetched(home)
    try:
        await run_uv(home, "python", "install", series, "--install-dir", str(folder), "--no-bin")
    except FailedPreconditionError as error:
        reason = str(error).splitlines()[-1].strip()
        present = ", ".join(present_series(home)) or "none"
        raise FailedPreconditionError(
            f"Python {series} is not on this machine, and uv could not fetch it ({reason}). Install the "
            f"package python{series} (Debian, Ubuntu), run `pyenv install {series}` or `uv python install "
            f"{series}`, or ask for a Python that is here ({present})."
        ) from None
    for candidate in _below(folder, series):
        found = await _probe(candidate, series)
        if found is not None:
            return found
    raise FailedPreconditionError(f"uv fetched a Python {series} into {folder} that does not run here.")


def _candidates(home: Home, series: str) -> Iterator[Path]:
    """Places of Python `series`, best first: what lies under /usr needs no copy."""
    yield Path(f"/usr/bin/python{series}")
    yield Path(f"/usr/local/bin/python{series}")
    for folder in _collections(home):
        yield from _below(folder, series)
    yield Path(sys.base_prefix) / f"bin/python{series}"
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry and not entry.endswith("/shims"):
            yield Path(entry) / f"python{series}"


def _collections(home: Home) -> Iterator[Path]:
    """Folders that hold one Python in each subfolder."""
    yield Path(os.environ.get("PYENV_ROOT") or home_folder() / ".pyenv") / "versions"
    named = os.environ.get("UV_PYTHON_INSTALL_DIR")
    if named:
        yield Path(named)
    yield Path(os.environ.get("XDG_DATA_HOME") or home_folder() / ".local/share") / "uv/python"
    yield _fetched(home)


def _fetched(home: Home) -> Path:
    return home.cache / "pythons"


def _below(folder: Path, series: str) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=_by_version, reverse=True)
    except OSError:  # not there, or another user's
        return
    for entry in entries:
        if re.search(rf"(^|-){re.escape(series)}\.\d+(-|$)", entry.name):
            yield entry / f"bin/python{series}"


def _by_version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.name)]


def present_series(home: Home) -> list[str]:
    present = []
    for minor in range(9, 20):
        series = f"3.{minor}"
        if any(os.access(path, os.X_OK) for path in _candidates(home, series)):
            present.append(series)
    return present


async def _probe(executable: Path, series: str) -> Interpreter | None:
    """The interpreter as it describes itself; None if it does not run, or is another than its name says."""
    if not os.access(executable, os.X_OK):
        return None
    mark = (executable, executable.stat().st_mtime_ns)
    if mark not in _probed:
        try:
            _probed[mark] = await run_tool([str(executable), "-I", "-c", _PROBE], env={"LANG": "C.UTF-8"})
        except (FailedPreconditionError, OSError):
            _probed[mark] = "null"
    try:
        version, prefix, implementation, shared, gil_disabled = json.loads(_probed[mark])
    except (TypeError, ValueError):
        return None
    if implementation != "cpython" or gil_disabled or version.split(".")[:2] != series.split("."):
        return None
    is_system = prefix == "/usr"
    # by its prefix: the name on PATH may be a venv's, or a link
    real = Path(prefix) / f"bin/python{series}"
    found = Interpreter(real, version, Path(prefix), bool(shared), is_system)
    return found if is_system or _is_movable(found) else None


def _is_movable(python: Interpreter) -> bool:
    """Whether a copy would find its library and its modules. An executable that names its library's folder
    absolutely is patched in the copy, which needs room for the new name."""
    if not (python.prefix / f"lib/python{python.series}/os.py").is_file():
        return False
    if not python.is_shared:
        return True
    return _with_relative_library_path(python.executable.resolve().read_bytes(), python.prefix) is not None


async def _fill(home: Home, tree: Path, python: Interpreter) -> None:
    prefix = tree / "usr/local"
    if python.is_system:
        await asyncio.to_thread(_link_system, prefix, python)
    else:
        await asyncio.to_thread(_copy_prefix, prefix, python)
        await bring_libraries(prefix / f"lib/python{python.series}/lib-dynload", python.prefix)
    _name_executables(prefix / "bin", python.series)
    outside = str(prefix / f"bin/python{python.series}")
    # Docker's Python images before 3.12 hold this setuptools: packages of that time import pkg_resources
    packages = ["pip", "wheel", "uv"] + (["setuptools==65.5.1"] if python.minor < 12 else [])
    await run_uv(
        home, "pip", "install", "--python", outside, "--compile-bytecode", "--only-binary", ":all:", *packages
    )
    if not python.is_system:
        library = str(prefix / f"lib/python{python.series}")
        await run_tool([outside, "-I", "-m", "compileall", "-q", "-j0", library], env={"LANG": "C.UTF-8"})
    await asyncio.to_thread(_forget_tree, prefix, tree)


def _link_system(prefix: Path, python: Interpreter) -> None:
    """A prefix that works as a venv does: the same interpreter, packages of its own, Debian's unseen."""
    packages = prefix / f"lib/python{python.series}/site-packages"
    packages.mkdir(parents=True)
    # `uv pip install --system` and /usr/bin's own Python install here, and should find the same packages
    (packages.parent / "dist-packages").symlink_to("site-packages")
    (prefix / "bin").mkdir()
    (prefix / f"bin/python{python.series}").symlink_to(python.executable)
    (prefix / "pyvenv.cfg").write_text(
        f"home = {python.executable.parent}\n"
        "include-system-site-packages = false\n"
        f"version = {python.version}\n",
        encoding="utf-8",
    )


def _copy_prefix(prefix: Path, python: Interpreter) -> None:
    """Copies interpreter, standard library and headers without tests and installed packages."""
    name = f"python{python.series}"
    library = prefix / "lib" / name
    (prefix / "bin").mkdir(parents=True)
    shutil.copytree(python.prefix / "lib" / name, library, symlinks=True, ignore=_ignore(python.prefix))
    (library / "site-packages").mkdir()
    for pattern in (f"lib{name}*.so*", "libpython3.so", "tcl[0-9]*", "tk[0-9]*", "libtcl*.so", "libtk*.so"):
        for source in (python.prefix / "lib").glob(pattern):
            _copy(source, prefix / "lib" / source.name)
    headers = python.prefix / "include" / name
    if headers.is_dir():
        shutil.copytree(headers, prefix / "include" / name, symlinks=True)
    executable = prefix / "bin" / name
    shutil.copyfile(python.executable.resolve(), executable)
    executable.chmod(0o755)
    if python.is_shared:
        patched = _with_relative_library_path(executable.read_bytes(), python.prefix)
        assert patched is not None, f"{python.executable} was found movable, and is not"
        executable.write_bytes(patched)
    for file in library.glob("_sysconfigdata*.py"):
        # where extension modules are compiled, headers are looked for at this prefix
        old = re.escape(str(python.prefix)) + r"(?=[/'\" ]|$)"
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(old, "/usr/local", text), encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _ignore(prefix: Path) -> Any:
    def ignore(folder: str, names: list[str]) -> set[str]:
        left_out = {name for name in names if name in _NOT_COPIED}
        # the static library in config-3.X-… is for embedding Python, and 60 MB
        left_out |= {name for name in names if name.endswith(".a") and "/config-" in folder}
        return left_out

    return ignore


def _with_relative_library_path(binary: bytes, prefix: Path) -> bytes | None:
    """The executable with its run path `PREFIX/lib` replaced by one relative to itself.

    Unchanged where it is relative already; None where there is no room for it.
    """
    relative = b"$ORIGIN/../lib"
    if relative in binary:
        return binary
    return with_library_path(binary, prefix, relative)


def _name_executables(folder: Path, series: str) -> None:
    for alias in ("python3", "python"):
        (folder / alias).symlink_to(f"python{series}")


def _forget_tree(prefix: Path, tree: Path) -> None:
    """Makes scripts name the interpreter as containers see it, not where it was made."""
    made_at = os.fsencode(tree)
    for script in (prefix / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes()
        if text.startswith(b"#!") and made_at in text:
            script.write_bytes(text.replace(made_at, b""))
