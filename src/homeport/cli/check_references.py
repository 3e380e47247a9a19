"""What `homeport check` is asked about: FILE::FUNCTION, a module's name, a folder."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from homeport.model.errors import InvalidError, NotFoundError
from homeport.plan.suggestions import closest

_APP = re.compile(rb"\b(?:App|Stub)\s*\(")
_LARGEST_BYTES = 1_000_000
_SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "build", "dist"})


@dataclass(frozen=True)
class Reference:
    """One entry file; `function` as it is typed after `::`. `is_sought`: it was found below a folder."""

    entry: Path
    function: str = ""
    as_module: str = ""
    is_sought: bool = False


def references(
    words: Sequence[str], folder: Path, *, as_module: bool = False, has_arguments: bool = False
) -> list[Reference]:
    """Each entry file once, in the order given. Raises NotFoundError, InvalidError."""
    found: dict[tuple[Path, str], Reference] = {}
    for word in words:
        for reference in _of_module(word, folder) if as_module else _of_path(word, folder):
            found.setdefault((reference.entry, reference.function), reference)
    if has_arguments and len(found) != 1:
        raise InvalidError("Arguments after -- are those of one function: name its file alone.")
    return list(found.values())


def _of_path(word: str, folder: Path) -> Iterator[Reference]:
    name, _, function = word.partition("::")
    path = Path(os.path.normpath(folder / name))
    if path.is_dir():
        if function:
            raise InvalidError(f"{name} is a folder, and has no function {function}.")
        apps = [Reference(file, is_sought=True) for file in sorted(_apps_below(path))]
        if not apps:
            raise NotFoundError(f"There is no Modal app below {name}.")
        yield from apps
    elif path.is_file():
        yield Reference(path, function)
    else:
        raise NotFoundError(f"There is no file {name}.{_nearest_file(path)}")


def _of_module(word: str, folder: Path) -> Iterator[Reference]:
    name, _, function = word.partition("::")
    if not all(part.isidentifier() for part in name.split(".")):
        raise InvalidError(f"{name} is not a module's name: without -m it is taken as a file.")
    on_path = [Path(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    for place in [folder, *on_path]:
        base = place.joinpath(*name.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                yield Reference(Path(os.path.normpath(folder / path)), function, name)
                return
    raise NotFoundError(f"There is no module {name} below {folder}, nor on PYTHONPATH.")


def _nearest_file(path: Path) -> str:
    file, colon, function = path.name.partition(":")
    if colon and path.with_name(file).is_file():
        return f" Did you mean {file}::{function}?"
    names = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
    near = closest(path.name, names)
    return f" Did you mean {near}?" if near else ""


def _apps_below(folder: Path) -> Iterator[Path]:
    """Files that may well make an app, by a look at their text."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and name not in _SKIPPED and not (here / name / "pyvenv.cfg").exists()
        ]
        for name in names:
            if name.endswith(".py") and _may_make_an_app(here / name):
                yield here / name


def _may_make_an_app(path: Path) -> bool:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return False
        content = path.read_bytes()
    except OSError:
        return False
    return b"modal" in content and _APP.search(content) is not None
