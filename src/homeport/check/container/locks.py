"""What projects' own files ask for: pyproject.toml, uv.lock, poetry.lock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from homeport.check.container.requirements import Requirement, normalise, read_requirement
from homeport.check.values import Unknown

_NEEDED = re.compile(
    r'\s+\{ name = "([^"]+)"(?:, version = "[^"]*")?(?:, source = \{[^}]*\})?'
    r'(?:, extra = \[([^\]]*)\])?(?:, marker = "([^"]*)")? \}'
)

_OTHER_FORM = re.compile(r"^[\w-]+ *= *\[ *[{\"]", re.MULTILINE)  # uv gives each item a line


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
    """What `uv sync` installs without the project itself: with the group dev, or those that it says.

    By the lock, where there is one, all is known.
    """
    content = _load(folder / "pyproject.toml")
    if isinstance(content, Unknown):
        yield content
        return
    settings = content.get("tool", {}).get("uv", {})
    chosen = settings.get("default-groups", ["dev"])
    wanted = (*(chosen if isinstance(chosen, list) else content.get("dependency-groups", {})), *groups)
    lock = _read_lock(folder / "uv.lock")
    if lock:
        yield from _locked(lock, extras, wanted, python_version)
        return
    yield from read_pyproject(folder / "pyproject.toml", extras, python_version)
    lists = [settings.get("dev-dependencies", [])]
    lists += [_group(content, name, frozenset()) for name in wanted]
    yield from _requirements(lists, python_version)


@dataclass
class _Locked:
    """A package of uv.lock: what it needs by the name of an extra or group, "" for what it always needs."""

    version: str = ""
    is_project: bool = False
    needs: dict[str, list[str]] = field(default_factory=dict)


def _read_lock(path: Path) -> dict[str, _Locked]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    return _lock_of_toml(text) if _OTHER_FORM.search(text) else _lock_of_lines(text.splitlines())


def _lock_of_toml(text: str) -> dict[str, _Locked]:
    """A lock that something else than uv has written, or written again."""
    import tomllib

    try:
        return {package["name"]: _locked_of_toml(package) for package in tomllib.loads(text)["package"]}
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}


def _locked_of_toml(package: dict[str, Any]) -> _Locked:
    lists = {"": package.get("dependencies", [])}
    lists |= package.get("optional-dependencies", {}) | package.get("dev-dependencies", {})
    source = package.get("source", {})
    return _Locked(
        package.get("version", ""),
        "." in (source.get("virtual"), source.get("editable")),
        {name: list(map(_needed_of_toml, items)) for name, items in lists.items()},
    )


def _needed_of_toml(item: dict[str, Any]) -> str:
    extras = ",".join(f'"{extra}"' for extra in item.get("extra", []))
    return _as_text(item["name"], extras, item.get("marker"))


def _lock_of_lines(lines: list[str]) -> dict[str, _Locked]:
    """uv.lock line by line, which is many times faster than TOML's parser on its thousands of hashes."""
    packages: dict[str, _Locked] = {}
    current, table, key = _Locked(), "", ""
    for line in lines:
        if line.startswith("["):
            table, key = line.strip("[]"), ""
            current = _Locked() if table == "package" else current
        elif line.startswith("name = "):
            packages[line[8:-1]] = current
        elif line.startswith("version = "):
            current.version = line[11:-1]
        elif line.startswith("source = "):
            current.is_project = bool(re.search(r"\{ (virtual|editable) = \"\.\"", line))
        elif opened := re.match(r"([\w-]+) = \[", line):
            key = opened[1]
        elif line == "]":
            key = ""
        elif found := _NEEDED.match(line):
            of = {"package": "", "package.optional-dependencies": key, "package.dev-dependencies": key}.get(
                table
            )
            if of is not None and (table != "package" or key == "dependencies"):
                current.needs.setdefault(of, []).append(_as_text(*found.groups()))
    return packages


def _as_text(name: str, extras: str | None, marker: str | None) -> str:
    words = ",".join(re.findall(r"\"([^\"]+)\"", extras or ""))
    return f"{name}[{words}]" + (f" ; {marker}" if marker else "")


def _locked(
    lock: dict[str, _Locked], extras: tuple[str, ...], groups: tuple[str, ...], python_version: str
) -> Iterator[Requirement]:
    project = next((package for package in lock.values() if package.is_project), _Locked())
    waiting = [text for name in ("", *extras, *groups) for text in project.needs.get(name, [])]
    seen: set[Requirement] = set()
    while waiting:
        found = read_requirement(waiting.pop(), python_version)
        if not isinstance(found, Requirement) or found in seen:
            continue
        seen.add(found)
        package = lock.get(found.name, _Locked())
        yield replace(found, is_locked=True, version=package.version)
        waiting += [text for name in ("", *found.extras) for text in package.needs.get(name, [])]


def read_poetry(path: Path, python_version: str) -> Iterator[Requirement | Unknown]:
    """What the lock names, of which groups and extras take a part; without a lock, what is asked for."""
    try:
        lines = (path.parent / "poetry.lock").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        yield from _asked_of_poetry(path, python_version)
        return
    name, version, is_main = "", "", True
    for line in [*lines, "[[package]]"]:
        if line.startswith("[[package]]"):
            if name:
                yield Requirement(normalise(name), (), True, is_main, version, is_locked=True)
            name, version, is_main = "", "", True
        elif line.startswith("name = "):
            name = line[8:-1]
        elif line.startswith("version = "):
            version = line[11:-1]
        elif line == "optional = true" or line.startswith("markers = "):
            is_main = False
        elif line.startswith("groups = "):
            is_main = is_main and '"main"' in line


def _asked_of_poetry(path: Path, python_version: str) -> Iterator[Requirement | Unknown]:
    content = _load(path)
    if isinstance(content, Unknown):
        yield content
        return
    yield from read_pyproject(path, (), python_version)
    for name, said in content.get("tool", {}).get("poetry", {}).get("dependencies", {}).items():
        is_optional = isinstance(said, dict) and said.get("optional", False)
        if name != "python":
            yield Requirement(normalise(name), is_certain=not is_optional)


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
