"""Finds in the source what a loaded app was made of: calls by the place where they end, and the definitions
of functions and classes.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from homeport.check.facts import Module
from homeport.check.source import Sources
from homeport.check.values import Site

Definition: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef"
Told: TypeAlias = "dict[str, Any]"  # a call or a registration, as inside/recording.py notes it


def site_of(told: list[Any] | None) -> Site | None:
    if told is None:
        return None
    path, line, column, end_line, end_column = told
    return Site(Path(path), line, column, end_line, end_column)


def site_of_node(node: ast.expr | ast.keyword, path: Path) -> Site:
    return Site(path, node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)


class Nodes:
    """The calls and definitions of the files that a report names."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._calls: dict[str, dict[tuple[int, int], ast.Call]] = {}
        self._definitions: dict[str, list[tuple[Definition, str]]] = {}

    def call(self, told: Told) -> ast.Call | None:
        """The call that the client was asked by. No two end at the same bracket."""
        if told["site"] is None:
            return None
        path, line, _, end_line, end_column = told["site"]
        calls = self._calls_of(path)
        if end_line:
            return calls.get((end_line, end_column))
        # a Python without columns tells the line of the call's name
        name = told["name"].rpartition(".")[2]
        named = [
            node for node in calls.values() if node.func.end_lineno == line and _called(node.func) == name
        ]
        return named[0] if len(named) == 1 else None

    def site(self, told: Told) -> Site:
        """The whole call."""
        node, site = self.call(told), site_of(told["site"])
        if node is None or site is None:
            return site or Site(Path(), 0)
        return site_of_node(node, site.path)

    def step_site(self, told: Told) -> Site:
        """Of one in a chain: from the call's name to its closing bracket."""
        node, site = self.call(told), site_of(told["site"])
        if node is None or site is None:
            return site or Site(Path(), 0)
        line, column = node.func.end_lineno or 0, node.func.end_col_offset or 0
        start = column - len(_called(node.func).encode())
        return Site(site.path, line, start, node.end_lineno or 0, node.end_col_offset or 0)

    def definition(self, registered: Told, call: Told) -> tuple[Module, Definition]:
        """Where a registered function or class is defined; an empty one where the source does not show it."""
        path = registered["path"] or (call["site"] or ["<unknown>"])[0]
        module = self._sources.read(Path(path))
        if path not in self._definitions:
            self._definitions[path] = list(_definitions(module.tree, ""))
        named = [node for node, name in self._definitions[path] if name == registered["qualname"]]
        at_line = [node for node in named if _first_line(node) == registered["line"]]
        decorator = self.call(call)
        decorated = [node for node in named if decorator is not None and decorator in node.decorator_list]
        found = decorated or at_line or named
        return module, found[-1] if found else _nothing(registered)

    def _calls_of(self, path: str) -> dict[tuple[int, int], ast.Call]:
        if path not in self._calls:
            tree = self._sources.read(Path(path)).tree
            self._calls[path] = {
                (node.end_lineno or 0, node.end_col_offset or 0): node
                for node in ast.walk(tree)
                if isinstance(node, ast.Call)
            }
        return self._calls[path]


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _definitions(tree: ast.AST, prefix: str) -> Iterator[tuple[Definition, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = prefix + node.name
            yield node, name
            yield from _definitions(node, name + ("." if isinstance(node, ast.ClassDef) else ".<locals>."))
        elif not isinstance(node, ast.expr):
            yield from _definitions(node, prefix)


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _nothing(registered: Told) -> Definition:
    name, line = registered["qualname"].rpartition(".")[2] or "unknown", registered["line"] or 1
    word = "class" if registered["kind"] == "class" else "def"
    definition = ast.parse(
        f"{word} {name if name.isidentifier() else 'unknown'}{'' if word == 'class' else '()'}: ..."
    ).body[0]
    ast.increment_lineno(definition, line - 1)
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    return definition
