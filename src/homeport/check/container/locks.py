"""What projects' own files ask for: pyproject.toml, uv.lock, poetry.lock."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homeport.check.container.requirements import Requirement, normalise, read_requirement
from homeport.check.values import Unknown

_LOCKED = re.compile(r"^name = \"([^\"]+)\"$")


def read_pyproject(
    path: Path, extras: tuple[str, ...], python_version: str
) -> Iterator[Requirement | Unknown]:
    """The dependencies of a project, and those of some of its extras."""
    content = _load(path)
    if isinstance(content, Unknown):
        yield content
        return
    project = content.get("project", {})
    lists = [project.get("dependencies", [])]
    lists += [project.get("optional-dependencies", {}).get(extra, []) for extra in extras]
    yield from _requirements(lists, python_version)


def read_uv_project(
    folder: Path, groups: tuple[str, ...], extras: tuple[str, ...], python_version: str
) -> Iterator[Requirement | Unknown]:
    """What `uv sync` installs without the project itself: with the group dev, or those that it says."""
    content = _load(folder / "pyproject.toml")
    if isinstance(content, Unknown):
        yield content
        return
    yield from read_pyproject(folder / "pyproject.toml", extras, python_version)
    chosen = content.get("tool", {}).get("uv", {}).get("default-groups", ["dev"])
    wanted = [*(chosen if isinstance(chosen, list) else content.get("dependency-groups", {})), *groups]
    lists = [content.get("tool", {}).get("uv", {}).get("dev-dependencies", [])]
    lists += [_group(content, name, frozenset()) for name in wanted]
    yield from _requirements(lists, python_version)


def read_poetry(path: Path, python_version: str) -> Iterator[Requirement | Unknown]:
    """All that the lock names, of which groups and extras take a part; without a lock, what is asked for."""
    content = _load(path)
    if isinstance(content, Unknown):
        yield content
        return
    asked = content.get("tool", {}).get("poetry", {}).get("dependencies", {})
    yield from read_pyproject(path, (), python_version)
    for name, said in asked.items():
        is_optional = isinstance(said, dict) and said.get("optional", False)
        if name != "python":
            yield Requirement(normalise(name), is_certain=not is_optional)
    lock = path.parent / "poetry.lock"
    if lock.is_file():
        for line in lock.read_text(encoding="utf-8", errors="replace").splitlines():
            if found := _LOCKED.match(line):
                yield Requirement(normalise(found[1]), is_certain=False)


def _group(content: dict[str, Any], name: str, seen: frozenset[str]) -> list[str]:
    found: list[str] = []
    for entry in content.get("dependency-groups", {}).get(name, []):
        if isinstance(entry, str):
            found.append(entry)
        elif isinstance(entry, dict) and (other := entry.get("include-group")) and other not in seen:
            found += _group(content, other, seen | {name})
    return found


def _requirements(lists: list[Any], python_version: str) -> Iterator[Requirement | Unknown]:
    for texts in lists:
        for text in texts if isinstance(texts, list) else []:
            found = read_requirement(text, python_version) if isinstance(text, str) else None
            if found is not None:
                yield found


def _load(path: Path) -> dict[str, Any] | Unknown:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Unknown(f"{path} cannot be read")
