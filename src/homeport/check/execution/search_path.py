"""Calls and assignments that edit `sys.path`."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from homeport.check.execution.binding import written
from homeport.check.execution.core import Core
from homeport.check.execution.objects import (
    MADE,
    plain,
)
from homeport.check.facts import (
    PathEdit,
)
from homeport.check.values import Unknown, Value


def edit(self: Core, value: Value, node: ast.AST, written_at: ast.AST | None = None) -> str | None:
    """Notes that a folder is put on sys.path; the entry, where it is one that Python heeds."""
    path: str | Unknown = value if isinstance(value, Unknown) else MADE
    if isinstance(value, str | PurePath):
        path = self.absolute(str(value)) or Unknown("the working folder is not known")
    self.emit(
        PathEdit,
        node,
        folder=plain(value),
        path=path,
        folder_site=self.site(written_at) if written_at else None,
    )
    if not isinstance(value, str | PurePath):
        self.place = replace(self.place, is_path_open=True)
    return value if isinstance(value, str) else None  # a Path is not heeded by Python


def insert(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) != 2:
        return MADE
    entry = edit(self, args[1], node, node.args[1] if len(node.args) == 2 else None)
    if entry is not None:
        entries = list(self.place.search_path)
        at = args[0] if isinstance(args[0], int) else 0
        entries.insert(at if at >= 0 else len(entries), entry)
        self.place = replace(self.place, search_path=tuple(entries))
    return None


def append(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) == 1:
        entry = edit(self, args[0], node, node.args[0] if node.args else None)
        if entry is not None:
            self.place = replace(self.place, search_path=(*self.place.search_path, entry))
    return None


def extend(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) == 1:
        add_all(self, args[0], node, node.args[0] if node.args else None)
    return None


def add_all(
    self: Core, value: Value, node: ast.AST, listed: ast.AST | None, *, in_front: bool = False
) -> None:
    """`sys.path += value`, `sys.path[:0] = value`."""
    if not isinstance(value, tuple):
        edit(self, MADE, node)
        return
    places: list[ast.AST | None] = [None] * len(value)
    if isinstance(listed, ast.List | ast.Tuple) and len(listed.elts) == len(value):
        places = list(listed.elts)
    found = [edit(self, item, node, where) for item, where in zip(value, places, strict=True)]
    entries = tuple(entry for entry in found if entry is not None)
    now = self.place.search_path
    self.place = replace(self.place, search_path=(*entries, *now) if in_front else (*now, *entries))


def replace_path(self: Core, value: Value, node: ast.AST, listed: ast.AST | None = None) -> None:
    """`sys.path = value`: what is new in it was put there."""
    if not isinstance(value, tuple):
        self.place = replace(self.place, is_path_open=True)
        return
    for item in value:
        if item not in self.place.search_path:
            edit(self, item, node)
    self.place = replace(self.place, search_path=tuple(item for item in value if isinstance(item, str)))


def take_off(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """sys.path.remove, .pop, .clear: what is left is only known for a known entry."""
    entries = list(self.place.search_path)
    if written(node.func).endswith(".pop"):
        at = args[0] if args else -1
        if at == 0 and entries:
            self.place = replace(self.place, search_path=tuple(entries[1:]))
        else:
            self.place = replace(self.place, is_path_open=True)
    elif len(args) == 1 and args[0] in entries:
        entries.remove(args[0])
        self.place = replace(self.place, search_path=tuple(entries))
    elif not args:
        self.place = replace(self.place, is_path_open=True)
    return MADE


def copy_path(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    return self.place.search_path
