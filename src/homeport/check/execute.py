"""Follows statements of the app's source as Python would, and both ways where a test cannot be told."""

import ast
import sys
from collections.abc import Callable
from typing import Any, cast

from homeport.check import calls
from homeport.check.evaluate import operate, value_of
from homeport.check.facts import Function, Image
from homeport.check.local_imports import Importer, absolute_name, new_scope
from homeport.check.scope import (
    LocalModule,
    Method,
    OpenFile,
    Rest,
    Scope,
    Side,
    StoppedError,
    TooLongError,
    UserClass,
    UserFunction,
    World,
    merged,
    truth,
    why_of,
)
from homeport.check.source import Sources
from homeport.check.values import External, Unknown

__all__ = ["follow", "new_scope", "new_world", "run_block"]

# how a block ends: by its last statement, or before
FALLS, RETURNS, BREAKS, CONTINUES, RAISES = "", "return", "break", "continue", "raise"
MOST_TURNS = 1000


def new_world(sources: Sources, side: Side, search_path: list[Any]) -> World:
    world = World(sources, side)
    world.search_path = search_path
    importer = Importer(world, follow)
    world.import_name = importer.module
    return world


def follow(scope: Scope) -> None:
    """Follows a module from its top to its end."""
    run_block(scope.module.tree.body, scope)


def run_block(statements: list[ast.stmt], scope: Scope) -> str:
    """Follows statements in order; says how they end."""
    for index, statement in enumerate(statements):
        scope.world.spend()
        try:
            if isinstance(statement, ast.If):
                end = run_if(statement, statements[index + 1 :], scope)
                if end is not None:
                    return end
                continue
            handler = STATEMENTS.get(type(statement))
            end = handler(statement, scope) if handler else FALLS
        except StoppedError:
            return RAISES
        if end:
            return end
    return FALLS


def ends_early(statements: list[ast.stmt]) -> bool:
    """Whether a block leaves its loop or function, in some branch of it."""
    for statement in statements:
        if isinstance(statement, ast.Return | ast.Break | ast.Continue):
            return True
        if isinstance(statement, ast.If) and (ends_early(statement.body) or ends_early(statement.orelse)):
            return True
        if isinstance(statement, ast.With | ast.Try) and ends_early(statement.body):
            return True
    return False


def run_if(node: ast.If, following: list[ast.stmt], scope: Scope) -> str | None:
    """None: the block goes on with its next statement. Where the test cannot be told and one branch leaves
    early, what follows is part of the other.
    """
    test = value_of(node.test, scope)
    known = truth(test)
    if known is not None:
        return run_block(node.body if known else node.orelse, scope) or None
    takes_rest = ends_early(node.body) or ends_early(node.orelse)
    rest = following if takes_rest else []

    def way(branch: list[ast.stmt]) -> Callable[[], str]:
        return lambda: run_block(branch, scope) or run_block(rest, scope)

    ends = scope.world.either([way(node.body), way(node.orelse)], test, survives=lambda end: end != RAISES)
    end = joined(ends)
    return end if takes_rest or end else None


def joined(ends: list[str]) -> str:
    """How code ends of which the ways end so; a way that raises is not gone, as far as the rest knows."""
    living = [end for end in ends if end != RAISES]
    if not living:
        return RAISES
    return next((end for end in (FALLS, CONTINUES, BREAKS, RETURNS) if end in living), FALLS)


# ---- simple statements


def run_expression(node: ast.Expr, scope: Scope) -> str:
    if not isinstance(node.value, ast.Constant):
        value_of(node.value, scope)
    return FALLS


def run_assign(node: ast.Assign, scope: Scope) -> str:
    value = value_of(node.value, scope)
    for target in node.targets:
        calls.assign(target, value, scope, value_of)
    return FALLS


def run_annotated(node: ast.AnnAssign, scope: Scope) -> str:
    if node.value is not None:
        calls.assign(node.target, value_of(node.value, scope), scope, value_of)
    return FALLS


def run_augmented(node: ast.AugAssign, scope: Scope) -> str:
    target = cast(ast.expr, node.target)
    old = value_of(load(target), scope)
    value = value_of(node.value, scope)
    if isinstance(old, list) and isinstance(node.op, ast.Add):  # changes the list itself
        scope.world.touch(old)
        items = calls.items_of(value)
        old.extend(items if items is not None else [Rest(why_of(value, "is not a known list"))])
        return FALLS
    if isinstance(old, dict) and isinstance(node.op, ast.BitOr) and isinstance(value, dict):
        scope.world.touch(old)
        old.update(value)
        return FALLS
    calls.assign(target, operate(node.op, old, value, node, scope), scope, value_of)
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


# ---- blocks


def run_for(node: ast.For | ast.AsyncFor, scope: Scope) -> str:
    source = value_of(node.iter, scope)
    items = calls.items_of(source)
    is_told = items is not None and len(items) <= MOST_TURNS
    for item in (
        items if is_told and items is not None else [Rest(why_of(source, "goes through what is not known"))]
    ):
        if isinstance(item, Rest):
            end = maybe_turn(node, item, scope)
        else:
            calls.assign(node.target, item, scope, value_of)
            end = run_block(node.body, scope)
        if end in (RETURNS, RAISES):
            return end
        if end == BREAKS:
            return FALLS
    return run_block(node.orelse, scope)


def maybe_turn(node: ast.For | ast.AsyncFor, item: Rest, scope: Scope) -> str:
    def turn() -> str:
        calls.assign(node.target, Unknown(item.why, scope.site(node.iter)), scope, value_of)
        return run_block(node.body, scope)

    scope.world.either([turn, lambda: FALLS], Unknown(item.why), survives=lambda end: end != RAISES)
    return FALLS


def run_while(node: ast.While, scope: Scope) -> str:
    for _ in range(MOST_TURNS):
        test = value_of(node.test, scope)
        known = truth(test)
        if known is False:
            return run_block(node.orelse, scope)
        if known is None:
            scope.world.either(
                [lambda: run_block(node.body, scope), lambda: FALLS], test, survives=lambda end: end != RAISES
            )
            return FALLS
        end = run_block(node.body, scope)
        if end in (RETURNS, RAISES):
            return end
        if end == BREAKS:
            return FALLS
    raise TooLongError


def run_with(node: ast.With | ast.AsyncWith, scope: Scope) -> str:
    for item in node.items:
        value = value_of(item.context_expr, scope)
        if item.optional_vars is not None:
            if not isinstance(value, OpenFile):
                value = Unknown(
                    why_of(value, "is what a with statement gives"), scope.site(item.context_expr)
                )
            calls.assign(item.optional_vars, value, scope, value_of)
        elif isinstance(value, Method) and isinstance(value.receiver, Image):
            pass  # image.imports(): what it imports is there in the container
    return run_block(node.body, scope)


def run_try(node: ast.Try, scope: Scope) -> str:
    world = scope.world
    starts = node.handlers
    if not starts:
        end = run_block(node.body, scope)
        last = run_block(node.finalbody, scope)
        return last or end
    ended: list[str] = []

    def main() -> str:
        end = run_block(node.body, scope)
        ended.append(end)
        return end or run_block(node.orelse, scope)

    if is_harmless(node, scope):
        end = main()
        return run_block(node.finalbody, scope) or end
    ways: list[Callable[[], str]] = [main]
    for handler in starts:
        ways.append(lambda handler=handler: run_handler(handler, scope))  # type: ignore[misc]
    ends = world.either(
        ways, Unknown("depends on whether something fails"), survives=lambda end: end != RAISES
    )
    return run_block(node.finalbody, scope) or joined(ends)


def is_harmless(node: ast.Try, scope: Scope) -> bool:
    """Whether the body surely raises nothing: imports of the standard library and of the app's own."""
    for statement in node.body:
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            names = [absolute_name(statement, scope)]
        else:
            return False
        for name in names:
            if name.split(".")[0] in sys.stdlib_module_names or name.split(".")[0] == "modal":
                continue
            if scope.world.import_name(name, scope) is None:
                return False
    return True


def run_handler(handler: ast.ExceptHandler, scope: Scope) -> str:
    if handler.name:
        scope.bind(handler.name, Unknown("is an exception"))
    return run_block(handler.body, scope)


def run_match(node: ast.Match, scope: Scope) -> str:
    subject = value_of(node.subject, scope)
    ways: list[Callable[[], str]] = [lambda: FALLS]
    for case in node.cases:
        pattern = case.pattern
        if isinstance(pattern, ast.MatchValue) and case.guard is None:
            found = calls.lift(
                lambda one, other: one == other,
                [subject, value_of(pattern.value, scope)],
                node.subject,
                scope,
            )
            if truth(found) is True and len(ways) == 1:
                return run_block(case.body, scope)
            if truth(found) is False:
                continue
        is_last = isinstance(pattern, ast.MatchAs) and pattern.pattern is None and case.guard is None
        if is_last and len(ways) == 1:
            if isinstance(pattern, ast.MatchAs) and pattern.name:
                scope.bind(pattern.name, subject)
            return run_block(case.body, scope)
        ways.append(lambda case=case: run_block(case.body, scope))  # type: ignore[misc]
        if is_last:
            del ways[0]
            break
    return joined(scope.world.either(ways, subject, survives=lambda end: end != RAISES))


# ---- definitions


def run_function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> str:
    function: Any = UserFunction(node, scope, call_function, calls.defaults_of(node.args, scope, value_of))
    for decorator in reversed(node.decorator_list):
        function = decorate(function, decorator, scope)
    scope.bind(node.name, function)
    return FALLS


def decorate(target: Any, decorator: ast.expr, scope: Scope) -> Any:
    value = value_of(decorator, scope)
    if isinstance(target, UserFunction) and isinstance(value, External):
        kind = value.name.rpartition(".")[2]
        if kind in ("property", "classmethod", "staticmethod", "cached_property"):
            target.kind = "property" if kind == "cached_property" else kind
            return target
        if kind in ("cache", "lru_cache", "wraps", "override", "final", "overload"):
            return target
    if isinstance(target, UserClass) and named_dataclass(decorator):
        target.is_dataclass = True
        return target
    if isinstance(target, Function):
        return target  # something more around a Modal function
    place = ast.copy_location(ast.Call(func=decorator, args=[], keywords=[]), decorator)
    result = calls.call(value, [target], {}, place, scope)
    if isinstance(result, Unknown) and isinstance(target, UserFunction | UserClass):
        target.decorators.setdefault(f"?{ast.unparse(decorator)[:60]}", {})
        return Wrapped(target, result).target
    return result


class Wrapped:
    """What a decorator that is not followed makes of a function: its name still leads to the function."""

    def __init__(self, target: UserFunction | UserClass, why: Unknown) -> None:
        self.target = target
        self.why = why


def named_dataclass(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "dataclass"


def call_function(function: UserFunction, args: list[Any], options: dict[str, Any]) -> Any:
    """What a call of the app's own function returns."""
    node = function.node
    assert not isinstance(node, ast.Lambda)
    inner = function.scope.child()
    calls.bind_arguments(function, args, options, inner)
    if isinstance(node, ast.AsyncFunctionDef) or is_generator(node):
        inner.world.risks += 1
        return Unknown(f"is what {node.name}() gives as it goes")

    def run() -> Any:
        end = run_block(node.body, inner)
        if end == RAISES and not inner.returns:
            raise StoppedError
        if end != RETURNS and end != RAISES:
            inner.returns.append(None)
        return merged(inner.returns, Unknown(f"is what {node.name}() returns in one of several cases"))

    return calls.nested(inner.world, run)


def is_generator(node: ast.FunctionDef) -> bool:
    stack: list[ast.AST] = list(node.body)
    while stack:
        one = stack.pop()
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(one))
    return False


def run_class(node: ast.ClassDef, scope: Scope) -> str:
    inner = scope.child(is_class=True)
    made: Any = UserClass(node, inner, [value_of(base, scope) for base in node.bases])
    run_block(node.body, inner)
    for decorator in reversed(node.decorator_list):
        made = decorate(made, decorator, scope)
    scope.bind(node.name, made)
    return FALLS


STATEMENTS: dict[type[ast.stmt], Callable[[Any, Scope], str]] = {
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
    ast.For: run_for,
    ast.AsyncFor: run_for,
    ast.While: run_while,
    ast.With: run_with,
    ast.AsyncWith: run_with,
    ast.Try: run_try,
    ast.TryStar: run_try,
    ast.Match: run_match,
    ast.FunctionDef: run_function,
    ast.AsyncFunctionDef: run_function,
    ast.ClassDef: run_class,
    ast.Break: lambda node, scope: BREAKS,
    ast.Continue: lambda node, scope: CONTINUES,
    ast.Raise: lambda node, scope: RAISES,
}
