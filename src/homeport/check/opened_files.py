"""Files that code opens or runs in a container, and that surely are not there."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Literal

from homeport.check.execution.commands import may_fetch, scripts_of
from homeport.check.facts import Call, Container, Facts, Function, Placed
from homeport.check.findings import Severity
from homeport.check.values import Unknown, Value

What = Literal["package", "file", "folder", "script"]
"""package: beside the code of a shipped package. folder: one that is entered or listed. script: a program
of Python's that a child process runs."""

# calls that fail where the file is not there: which argument names it
READERS = {
    **dict.fromkeys(("open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open"), 0),
    **dict.fromkeys(("numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile"), 0),
    **dict.fromkeys(("torch.load", "joblib.load", "safetensors.torch.load_file", "h5py.File"), 0),
    **dict.fromkeys(("PIL.Image.open", "pandas.read_csv", "pandas.read_parquet", "pandas.read_json"), 0),
    **dict.fromkeys(("pandas.read_pickle", "pandas.read_excel", "polars.read_csv"), 0),
    **dict.fromkeys(("omegaconf.OmegaConf.load", "runpy.run_path", "zipfile.ZipFile", "tarfile.open"), 0),
    **dict.fromkeys(("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "shutil.move"), 0),
    **dict.fromkeys(("os.stat", "os.remove", "os.unlink", "os.rename", "os.path.getsize"), 0),
    **dict.fromkeys(("yaml.safe_load", "json.load"), -1),
}
WITH_MODE = frozenset({"h5py.File", "zipfile.ZipFile"})
FOLDERS = frozenset({"os.chdir", "os.listdir", "os.scandir", "contextlib.chdir"})
PATH_READERS = frozenset({"read_text", "read_bytes", "open", "stat", "iterdir", "unlink", "rename"})
PROCESSES = ("subprocess.", "os.system", "os.exec", "os.popen", "os.spawn", "pexpect.", "sh.", "plumbum.")
# calls that look at a path and make nothing there
LOOKERS = (
    *("os.path.", "pathlib.", "print", "logging.", "sys.path.", "argparse.", "importlib.", "os.getenv"),
    *("modal.", "Image.", "App.", "Function.", "Secret.", "os.environ", "__import__", "getattr"),
)
MAKERS = frozenset({"mkdir", "touch", "write_text", "write_bytes", "rename", "replace", "symlink_to"})
# folders that libraries and the system fill without being told
ELSEWHERE = ("/tmp", "/proc", "/sys", "/dev", "/etc", "/usr", "/var", "/run", "/mnt", "/opt", "/lib", "/bin")
OF_BASE = ("the image ", "what the image ")  # an image of a registry may hold anything, but nothing of yours
PATH = re.compile(r"[\w./~+@ -]{1,300}")
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "/bin/sh", "/bin/bash"})
SIMPLE_LINE = re.compile(r"[\w./ =-]{1,300}")  # one command, without a shell's signs
SILENCED = frozenset(
    {"FileNotFoundError", "OSError", "IOError", "EnvironmentError", "Exception", "BaseException"}
)


@dataclass(frozen=True)
class MissingFile:
    """`source` is the file of that name where one launches, if there is one."""

    function: Function
    container: Container
    event: Call
    path: str
    what: What
    severity: Severity
    source: Path | None


def missing_files(facts: Facts, what: What) -> Iterator[MissingFile]:
    for missing in _all(facts):
        if missing.what == what:
            yield missing


@lru_cache(maxsize=2)
def _all(facts: Facts) -> tuple[MissingFile, ...]:
    found: list[MissingFile] = []
    for function in facts.app.functions:
        container = facts.containers.get(function.name)
        if container is not None:
            found += _of_function(facts, function, container)
    return tuple(found)


def _of_function(facts: Facts, function: Function, container: Container) -> Iterator[MissingFile]:
    seen: set[str] = set()
    for events in (facts.events.get(function.name, ()), facts.with_arguments.get(function.name, ())):
        made: set[str] = set()
        is_open = may_be_fetched = False  # a child process may make any file, or bring whole folders
        followed = {
            site for event in events for site in event.via[-1:]
        }  # what these do is in their own events
        for event in events:
            if not isinstance(event, Call):
                continue
            is_process = event.name.startswith(PROCESSES)
            may_be_fetched = may_be_fetched or (is_process and _fetches(event, before_last=True))
            for path, what in wanted(event):
                if path in seen or is_made(path, made):
                    continue
                if may_be_fetched and container.nearest_file(path) is None:
                    continue
                is_certain = event.is_certain and not is_open
                missing = _missing(function, container, event, path, what, is_certain=is_certain)
                if missing is not None:
                    seen.add(path)
                    yield missing
            if event.site not in followed:
                made |= made_by(event)
            is_open = is_open or is_process
            may_be_fetched = may_be_fetched or (is_process and _fetches(event))


def _missing(
    function: Function, container: Container, event: Call, path: str, what: What, *, is_certain: bool
) -> MissingFile | None:
    """A wanted path where it is not in the container, and nobody provides for that."""
    if event.caught & SILENCED or "try_import" in event.guards or _is_elsewhere(path):
        return None
    if "except" in event.guards and not event.is_certain:
        return None  # not the fallback of an import that surely fails
    there = container.at(path)
    if isinstance(there, Placed):
        return None
    source = container.nearest_file(path)
    if isinstance(there, Unknown) and not there.why.startswith(OF_BASE):
        return None  # a command of the build may make it
    if isinstance(there, Unknown) and source is None and what != "script":
        return None
    if source is None and there is None and not _is_in_place(container, path, what):
        return None
    kind: What = "package" if what == "file" and _is_beside_code(container, path) else what
    severity: Severity = "error" if is_certain and there is None else "warning"
    if isinstance(there, Unknown) and source is None:
        severity = "note"
    return MissingFile(function, container, event, path, kind, severity, source)


def _fetches(event: Call, *, before_last: bool = False) -> bool:
    words = event.options.get("args", event.args[0] if event.args else None)
    return may_fetch(words, event.options, event.name, before_last=before_last)


def wanted(event: Call) -> Iterator[tuple[str, What]]:
    """Absolute paths that a call needs to be there."""
    options = event.options
    if event.name.startswith(("subprocess.", "os.system", "os.exec")):
        yield from _wanted_by_process(event)
    elif event.name in FOLDERS:
        yield from _absolute(event, _first(event), "folder")
    elif event.name in READERS and READERS[event.name] == 0:
        mode = event.args[1] if len(event.args) > 1 else options.get("mode", "r")
        has_mode = event.name.endswith("open") or event.name in WITH_MODE
        if not has_mode or (isinstance(mode, str) and not set(mode) & set("wax")):
            yield from _absolute(event, _first(event), "file")
    elif event.name.startswith("pathlib.Path.") and isinstance(event.receiver, PurePath):
        method = event.name.rpartition(".")[2]
        mode = event.args[0] if event.args else options.get("mode", "r")
        if options.get("missing_ok") is True:
            return
        if method in PATH_READERS and not (
            method == "open" and (not isinstance(mode, str) or set(mode) & set("wax"))
        ):
            yield from _absolute(event, event.receiver, "folder" if method == "iterdir" else "file")


def _wanted_by_process(event: Call) -> Iterator[tuple[str, What]]:
    cwd = event.options.get("cwd")
    if isinstance(cwd, str | PurePath):
        yield from _absolute(event, cwd, "folder")
    words = event.options.get("args", event.args[0] if event.args else None)
    options = event.options
    if event.name.startswith("os.exec"):
        words = event.args[1] if len(event.args) > 1 and isinstance(event.args[1], tuple) else event.args[1:]
    for script in scripts_of(words, options, event.folder, event.name):
        if not script.is_module and "$" not in script.path:
            path = script.path if script.path.startswith("/") else None
            if path is None and script.folder:
                path = posixpath.join(script.folder, script.path)
            if path:
                yield posixpath.normpath(path), "script"
    yield from _wanted_by_shell(event, words, cwd)


def _wanted_by_shell(event: Call, words: Value, cwd: Value) -> Iterator[tuple[str, What]]:
    """`bash setup.sh`, and scripts that are run by their own paths: what no step ships is not there."""
    if isinstance(words, str):
        words = tuple(words.split()) if SIMPLE_LINE.fullmatch(words) else ()
    if not isinstance(words, tuple) or not words:
        return
    script = words[1] if words[0] in SHELLS and len(words) > 1 else words[0]
    if not isinstance(script, str) or not script.endswith(".sh") or script.startswith("-"):
        return
    folder = str(cwd) if isinstance(cwd, str | PurePath) else event.folder
    if script.startswith("/") or (isinstance(folder, str) and folder.startswith("/")):
        yield posixpath.normpath(posixpath.join(folder if isinstance(folder, str) else "/", script)), "script"


def _first(event: Call) -> Value:
    return event.args[0] if event.args else next(iter(event.options.values()), None)


def _absolute(event: Call, value: Value, what: What) -> Iterator[tuple[str, What]]:
    if not isinstance(value, str | PurePath) or not str(value) or "://" in str(value) or "\0" in str(value):
        return
    path = str(value)
    if not path.startswith("/"):
        if not isinstance(event.folder, str) or not event.folder:
            return
        path = posixpath.join(event.folder, path)
    yield posixpath.normpath(path), what


def _is_elsewhere(path: str) -> bool:
    """A folder that libraries and the system fill without being told."""
    if any(path == folder or path.startswith(f"{folder}/") for folder in ELSEWHERE):
        return True
    return any(part.startswith(".") for part in path.split("/"))  # a cache of some library


def _is_in_place(container: Container, path: str, what: What) -> bool:
    """Whether the user's files lie where this one is wanted: there nobody else puts any."""
    if what == "folder":
        return True
    parent = posixpath.dirname(path)
    placed = container.at(parent)
    return placed is None or (
        isinstance(placed, Placed) and placed.origin in ("entry", "package", "add_local")
    )


def is_made(path: str, made: set[str]) -> bool:
    if path in made:
        return True
    folder = posixpath.dirname(path)
    while folder != "/":
        if folder in made:
            return True
        folder = posixpath.dirname(folder)
    return any(other.startswith(f"{path}/") for other in made)


def made_by(event: Call) -> set[str]:
    """Paths that a call may make: every one that it is given, unless it only looks."""
    name = event.name
    if name.startswith("pathlib.") and name.rpartition(".")[2] in (*MAKERS, "open"):
        values: tuple[Value, ...] = (event.receiver, *event.args)
    elif name.startswith(LOOKERS) or name in FOLDERS:
        return set()
    else:
        values = (*event.args, *event.options.values())
    return {path for value in _flat(values) for path, _ in _absolute(event, value, "file")}


def _flat(values: tuple[Value, ...]) -> Iterator[Value]:
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(value[:50])
        elif isinstance(value, PurePath) or (isinstance(value, str) and PATH.fullmatch(value)):
            yield value


def _is_beside_code(container: Container, path: str) -> bool:
    """Whether the folder is a shipped package's."""
    folder = posixpath.dirname(path)
    inits = container.at(posixpath.join(folder, "__init__.py"))
    return isinstance(inits, Placed) and inits.source is not None


__all__ = ["MissingFile", "Unknown", "missing_files", "wanted"]
