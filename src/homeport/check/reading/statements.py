"""Follows statements of the app's source as Python would, and both ways where a test cannot be told."""

import ast
import sys
from pathlib import Path
from typing import Any, cast

from homeport.check.reading import calls
from homeport.check.reading.binding import assign
from homeport.check.reading.blocks import BLOCKS, STATEMENTS, run_block
from homeport.check.reading.definitions import run_class, run_function
from homeport.check.reading.evaluate import operate, value_of
from homeport.check.reading.lifting import items_of
from homeport.check.reading.local_imports import Importer, absolute_name
from homeport.check.reading.merge import Rest, truth, why_of
from homeport.check.reading.scope import (
    BREAKS,
    CONTINUES,
    FALLS,
    RAISES,
    RETURNS,
    LocalModule,
    Scope,
    Side,
    TooLongError,
    World,
)
from homeport.check.source import Sources
from homeport.check.values import External, Unknown


def new_world(entry: Path, sources: Sources, side: Side, search_path: list[Any]) -> World:
    world = World(sources, side)
    world.search_path = search_path
    importer = Importer(world, entry, follow)
    world.import_name = importer.module
    return world


def follow(scope: Scope) -> None:
    """Follows a module from its top to its end, also behind a statement that seems to end it."""
    for statement in scope.module.tree.body:
        try:
            if run_block([statement], scope) == RAISES:
                scope.world.ends.append(scope.site(statement))
        except RecursionError:
            forget([statement], "is nested too deeply to follow", scope)
        except TooLongError:
            place = scope.module.tree.body.index(statement)
            forget(scope.module.tree.body[place:], "takes too long to follow", scope)
            raise


def forget(statements: list[ast.stmt], why: str, scope: Scope) -> None:
    """Makes unknown what statements that were not followed may assign."""
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                scope.names[node.id] = Unknown(why)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                scope.names[node.name] = Unknown(why)
            elif isinstance(node, ast.alias):
                scope.names[node.asname or node.name.partition(".")[0]] = Unknown(why)


# ---- simple statements


def run_expression(node: ast.Expr, scope: Scope) -> str:
    if not isinstance(node.value, ast.Constant):
        value_of(node.value, scope)
    return FALLS


def run_assign(node: ast.Assign, scope: Scope) -> str:
    value = value_of(node.value, scope)
    for target in node.targets:
        assign(target, value, scope, value_of)
    return FALLS


def run_annotated(node: ast.AnnAssign, scope: Scope) -> str:
    if node.value is not None:
        assign(node.target, value_of(node.value, scope), scope, value_of)
    return FALLS


def run_augmented(node: ast.AugAssign, scope: Scope) -> str:
    target = cast(ast.expr, node.target)
    old = value_of(load(target), scope)
    value = value_of(node.value, scope)
    if isinstance(old, list) and isinstance(node.op, ast.Add):  # changes the list itself
        scope.world.touch(old)
        items = items_of(value)
        old.extend(items if items is not None else [Rest(why_of(value, "is not a known list"))])
        return FALLS
    if isinstance(old, dict) and isinstance(node.op, ast.BitOr) and isinstance(value, dict):
        scope.world.touch(old)
        old.update(value)
        return FALLS
    assign(target, operate(node.op, old, value, node, scope), scope, value_of)
    return FALLS


def load(target: ast.expr) -> ast.expr:
    """The expression that reads an assignment's target (contexts do not matter to reading)."""
    return target


def run_delete(node: ast.Delete, scope: Scope) -> str:
    for target in node.targets:
        if isinstance(target, ast.Name) and target.id in scope.names:
            scope.world.touch(scope.names)
            del scope.names[target.id]
        elif isinstance(target, ast.Subscript):
            held, key = value_of(target.value, scope), value_of(target.slice, scope)
            if isinstance(held, dict | list):
                scope.world.touch(held)
                try:
                    del held[key]
                except (KeyError, IndexError, TypeError):
                    pass
    return FALLS


def run_assert(node: ast.Assert, scope: Scope) -> str:
    scope.world.risks += 1
    return RAISES if truth(value_of(node.test, scope)) is False else FALLS


def run_return(node: ast.Return, scope: Scope) -> str:
    scope.returns.append(value_of(node.value, scope) if node.value else None)
    return RETURNS


def run_scoped(node: ast.Global | ast.Nonlocal, scope: Scope) -> str:
    for name in node.names:
        holder: Scope | None = scope.top()
        if isinstance(node, ast.Nonlocal):
            holder = scope.outer
            while holder is not None and name not in holder.names:
                holder = holder.outer
        if holder is not None and holder is not scope:
            scope.nonlocals[name] = holder
    return FALLS


# ---- imports


def run_import(node: ast.Import, scope: Scope) -> str:
    for alias in node.names:
        found = scope.world.import_name(alias.name, scope)
        top = alias.name.split(".")[0]
        if found is None:
            risk_import(top, scope)
            scope.bind(alias.asname or top, External(alias.name if alias.asname else top))
        elif alias.asname:
            scope.bind(alias.asname, found)
        else:
            scope.bind(top, scope.world.import_name(top, scope) or External(top))
    return FALLS


def run_import_from(node: ast.ImportFrom, scope: Scope) -> str:
    name = absolute_name(node, scope)
    if name == "__future__":
        return FALLS
    module = scope.world.import_name(name, scope) if name else None
    if not isinstance(module, LocalModule):
        risk_import(name.split(".")[0], scope)
        for alias in node.names:
            if alias.name != "*":
                place = ast.copy_location(ast.Attribute(node, alias.name, ast.Load()), node)  # type: ignore[arg-type]
                value = calls.attribute(External(name), alias.name, place, scope)
                scope.bind(alias.asname or alias.name, value)
        return FALLS
    for alias in node.names:
        if alias.name == "*":
            bind_all(module, scope)
            continue
        place = ast.copy_location(ast.Attribute(node, alias.name, ast.Load()), node)  # type: ignore[arg-type]
        scope.bind(alias.asname or alias.name, calls.attribute(module, alias.name, place, scope))
    return FALLS


def bind_all(module: LocalModule, scope: Scope) -> None:
    chosen = module.scope.names.get("__all__")
    for name, value in list(module.scope.names.items()):
        if name in chosen if isinstance(chosen, list | tuple) else not name.startswith("_"):
            scope.bind(name, value)


def risk_import(top: str, scope: Scope) -> None:
    if top not in sys.stdlib_module_names and top != "modal":
        scope.world.import_risks += 1
        scope.world.risks += 1


STATEMENTS |= BLOCKS
STATEMENTS |= {
    ast.Expr: run_expression,
    ast.Assign: run_assign,
    ast.AnnAssign: run_annotated,
    ast.AugAssign: run_augmented,
    ast.Delete: run_delete,
    ast.Assert: run_assert,
    ast.Return: run_return,
    ast.Global: run_scoped,
    ast.Nonlocal: run_scoped,
    ast.Import: run_import,
    ast.ImportFrom: run_import_from,
    ast.FunctionDef: run_function,
    ast.AsyncFunctionDef: run_function,
    ast.ClassDef: run_class,
    ast.Break: lambda node, scope: BREAKS,
    ast.Continue: lambda node, scope: CONTINUES,
    ast.Raise: lambda node, scope: RAISES,
}
