"""The files beside the code that rules read: CI workflows, and configuration files that the code names."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from homeport.check.facts import Command, Container, Module, Project

_LARGEST_BYTES = 256 * 1024
_MOST_SCRIPTS = 200
_ENDS = (".yaml", ".yml", ".toml", ".json", ".env")
_NAMED = re.compile(r"""["']([^"'\n]*\.(?:ya?ml|toml|json|env))["']""")
_ROOT_MARKS = (".git", ".github", "pyproject.toml")


def project_of(
    folder: Path,
    modules: Iterable[Module],
    containers: Mapping[str, Container],
    command: Command | None,
) -> Project:
    """The project around `folder`. Files are those shipped, named in the source, or named in the command."""
    root = _root(folder)
    known = list(modules)
    paths: dict[Path, None] = {}
    for module in known:
        for name in _NAMED.findall(module.text):
            paths.update(_existing(name, (folder, module.path.parent, root)))
    for argument in command.arguments if command else ():
        name = argument.partition("=")[2] or argument
        if name.endswith(_ENDS):
            paths.update(_existing(name, (folder, root)))
    scripts: dict[Path, None] = {}
    for container in containers.values():
        for placed in container.below("/"):
            if placed.source is not None and placed.source.name.endswith(_ENDS):
                paths[placed.source] = None
            elif placed.source is not None and placed.source.name.endswith(".py"):
                scripts[placed.source] = None
    for module in known:
        scripts.pop(module.path, None)
    texts = _texts(paths)
    return Project(root, _workflows(root), texts, _texts(list(scripts)[:_MOST_SCRIPTS] if texts else ()))


def _root(folder: Path) -> Path:
    """The nearest folder that looks like a project's, else `folder` itself."""
    for place in (folder, *folder.parents):
        if any((place / mark).exists() for mark in _ROOT_MARKS):
            return place
    return folder


def _existing(name: str, folders: Iterable[Path]) -> dict[Path, None]:
    found: dict[Path, None] = {}
    for folder in folders:
        path = Path(os.path.normpath(folder / name))
        try:
            if path.is_file():
                found[path] = None
        except (OSError, ValueError):  # a name that no file can have
            continue
    return found


def _workflows(root: Path) -> dict[Path, str]:
    folder = root / ".github" / "workflows"
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return {}
    return _texts(folder / name for name in names if name.endswith((".yml", ".yaml")))


def _texts(paths: Iterable[Path]) -> dict[Path, str]:
    found = {}
    for path in paths:
        try:
            if path.stat().st_size <= _LARGEST_BYTES:
                found[path] = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue  # not text, or not ours to read
    return found
