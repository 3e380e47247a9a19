"""What the source sees of files: of those that lie where it runs, and are small."""

import ast
import os
import posixpath
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from homeport.check.reading.lifting import lift
from homeport.check.reading.merge import is_plain
from homeport.check.reading.scope import OpenFile, Scope
from homeport.check.values import Unknown

LARGEST_BYTES = 1_000_000  # of a settings file that is read


MOST_FILES = 5000  # that a pattern may find


def content(path: Any, node: Any, scope: Scope, *, is_text: bool = True) -> Any:
    """What is in a file of the launcher's, where it is small."""
    if isinstance(path, Unknown):
        return path
    file = scope.world.side.disk(PurePath(path)) if isinstance(path, str | PurePath) else None
    try:
        if file is not None and file.is_file() and file.stat().st_size <= LARGEST_BYTES:
            return file.read_text("utf-8") if is_text else file.read_bytes()
    except (OSError, ValueError):
        pass
    scope.world.risks += 1
    return Unknown(f"is read from {path}" if is_plain(path) else "is read from a file", scope.site(node))


def opened(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    path = args[0] if args else options.get("file")
    mode = args[1] if len(args) > 1 else options.get("mode", "r")
    if not isinstance(path, str | PurePath) or not isinstance(mode, str) or set(mode) & set("wax+"):
        return path if isinstance(path, Unknown) else Unknown("is a file that is written", scope.site(node))
    return OpenFile(content(path, node, scope, is_text="b" not in mode))


def path_method(
    receiver: Any, name: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope
) -> Any:
    """Of a Path or an open file what asks the disk; NotImplemented for what only computes."""
    if isinstance(receiver, OpenFile):
        return file_method(receiver, name, node, scope)
    path = receiver
    if name in ("read_text", "read_bytes"):
        return content(path, node, scope, is_text=name == "read_text")
    if name in ("resolve", "absolute", "expanduser"):
        return absolute(path, scope, is_resolved=name == "resolve", is_home=name == "expanduser")
    if name == "open":
        return opened([path, *args], options, node, scope)
    if name in ("exists", "is_file", "is_dir"):
        file = scope.world.side.disk(path)
        if file is None:
            return Unknown(f"depends on what {path} is there", scope.site(node))
        return lift(lambda _: getattr(file, name)(), [path], node, scope)
    if name in ("glob", "rglob", "iterdir"):
        return listed(path, name, args, node, scope)
    if name in (
        "as_posix",
        "joinpath",
        "relative_to",
        "with_suffix",
        "with_name",
        "with_stem",
        "is_absolute",
    ) or (name in ("is_relative_to", "match", "as_uri", "__str__", "__fspath__", "__truediv__")):
        return NotImplemented
    scope.world.risks += 1
    return (
        None
        if name in ("mkdir", "touch", "unlink")
        else Unknown(f"is what .{name}() returns", scope.site(node))
    )


def file_method(file: OpenFile, name: str, node: ast.Call, scope: Scope) -> Any:
    if name == "read":
        return file.content
    if name == "readlines":
        return lift(lambda text: text.splitlines(keepends=True), [file.content], node, scope)
    return file if name == "__enter__" else Unknown(f"is what a file's .{name}() returns", scope.site(node))


def absolute(path: PurePath, scope: Scope, *, is_resolved: bool, is_home: bool = False) -> Any:
    side = scope.world.side
    if is_home:
        return Path(path).expanduser() if side.is_local else Path(str(path).replace("~", "/root", 1))
    whole = side.folder / path
    if not is_resolved:
        return Path(whole)
    if side.is_local:
        try:
            return Path(whole).resolve()
        except (OSError, RuntimeError):
            return Unknown("cannot be resolved")
    return Path(posixpath.normpath(whole))


def listed(path: PurePath, name: str, args: list[Any], node: ast.Call, scope: Scope) -> Any:
    folder = scope.world.side.disk(path)
    if folder is None or not all(isinstance(arg, str) for arg in args):
        return Unknown(f"is what lies in {path}", scope.site(node))
    found = []
    try:
        for file in getattr(folder, name)(*args):
            found.append(path / file.relative_to(folder))
            if len(found) > MOST_FILES:
                return Unknown(f"is what lies in {path}, which are many files", scope.site(node))
    except (OSError, ValueError, NotImplementedError, IndexError, TypeError):
        return Unknown(f"is what lies in {path}, which cannot be listed", scope.site(node))
    return sorted(found)


def on_disk(method: str) -> Callable[..., Any]:
    """os.path.exists(path) as Path(path).exists()."""

    def answer(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        path = args[0] if args else None
        if not isinstance(path, str | PurePath):
            return path if isinstance(path, Unknown) else Unknown("asks for a file that cannot be told")
        found = path_method(Path(path), method, [], {}, node, scope)
        return str(found) if isinstance(found, PurePath) and method != "iterdir" else found

    return answer


def listdir(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    path = args[0] if args else "."
    if not isinstance(path, str | PurePath):
        return Unknown("lists a folder that cannot be told")
    return lift(
        lambda found: [file.name for file in found],
        [listed(Path(path), "iterdir", [], node, scope)],
        node,
        scope,
    )


def abspath(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    folder = str(scope.world.side.folder)
    return lift(lambda path: os.path.normpath(posixpath.join(folder, path)), args[:1], node, scope)


def loader(parse: Callable[[str], Any]) -> Callable[..., Any]:
    """json.load(file), tomllib.load(file)."""

    def load(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        file = args[0] if args else None
        text = file.content if isinstance(file, OpenFile) else file
        return lift(
            lambda held: parse(held.decode() if isinstance(held, bytes) else held), [text], node, scope
        )

    return load


def current_folder(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return str(scope.world.side.folder)


def path_here(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return Path(scope.world.side.folder)


def home(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return Path.home() if scope.world.side.is_local else Path("/root")
