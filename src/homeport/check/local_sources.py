"""What the steps of an app's images take from the launcher: whether it is there, and as what.

The disk is asked here, once, so that rules need not.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from homeport.check.facts import App, LocalSource, Module, Step
from homeport.check.values import Site, Value

# The argument of each step that names something of the launcher's: its place, and its name.
_PATHS: Mapping[str, tuple[tuple[int | None, str], ...]] = {
    "add_local_file": ((0, "local_path"),),
    "add_local_dir": ((0, "local_path"),),
    "pip_install_from_requirements": ((0, "requirements_txt"),),
    "pip_install_from_pyproject": ((0, "pyproject_toml"),),
    "uv_pip_install": ((None, "requirements"),),
    "uv_sync": ((0, "uv_project_dir"),),
    "poetry_install_from_file": ((0, "poetry_pyproject_toml"), (1, "poetry_lockfile")),
    "micromamba_install": ((None, "spec_file"),),
    "from_dockerfile": ((0, "path"), (None, "context_dir")),
}


def local_sources(
    app: App, entry: Module, folder: Path, importable: frozenset[str]
) -> dict[Site, tuple[LocalSource, ...]]:
    """By the site of a step, what it names. `folder` is where the command is typed, `importable` the
    top-level modules that an import there finds."""
    found: dict[Site, tuple[LocalSource, ...]] = {}
    for function in app.functions:
        for step in function.image.steps if function.image else ():
            if isinstance(step, Step) and step.site not in found:
                sources = tuple(_named(step, app, entry, folder, importable))
                if sources:
                    found[step.site] = sources
    return found


def _named(
    step: Step, app: App, entry: Module, folder: Path, importable: frozenset[str]
) -> Iterator[LocalSource]:
    if step.method == "add_local_python_source":
        for name in step.args:
            if isinstance(name, str):
                yield LocalSource(name, None, _module(name, app, entry, folder, importable))
        return
    for place, name in _PATHS.get(step.method, ()):
        value = step.options.get(name)
        if value is None and place is not None and place < len(step.args):
            value = step.args[place]
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str | Path):
                yield _source(one, step.method, folder, entry.path.parent)


def _source(value: Value, method: str, folder: Path, own: Path) -> LocalSource:
    given = Path(value)
    path = folder / (_expanded(given) if method == "add_local_dir" else given)
    kind = _kind_of(path)
    is_relative = not given.is_absolute() and not str(given).startswith("~")
    is_beside = is_relative and kind is None and _kind_of(own / given) is not None
    return LocalSource(str(value), path, kind, is_relative, own / given if is_beside else None)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # nobody is called so
        return path


def _kind_of(path: Path) -> Literal["file", "folder"] | None:
    try:
        return ("folder" if path.is_dir() else "file") if path.exists() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def _module(
    name: str, app: App, entry: Module, folder: Path, importable: frozenset[str]
) -> Literal["module"] | None:
    """As the client finds it: where the app's code has Python search, or installed."""
    parts = name.split(".")
    for root in (*map(Path, app.search_path), entry.path.parent, folder):
        place = root.joinpath(*parts)
        if _kind_of(place) == "folder" or _kind_of(Path(f"{place}.py")) == "file":
            return "module"
    top = parts[0]
    if not importable:  # not known
        return "module"
    return "module" if top in importable or top in sys.stdlib_module_names else None
