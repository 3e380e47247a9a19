"""Source as it is written, for rules that look at a shape of code: names, places, and where to look.

Rules see hundreds of files in milliseconds, so a rule says by a pattern which text can hold its shape, and
only the functions around such lines are looked into.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from homeport.check.facts import Call, Event, Facts, Function, Module
from homeport.check.values import Site

Definition = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Definition | ast.Module


def dotted(node: ast.AST) -> str:
    """`os.environ.get` of such an expression, "" of any other. Calls on the way stand as `()`."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
            if not isinstance(node, ast.Attribute | ast.Name):
                return ""
            parts.append("()")
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            return ".".join(reversed(parts)).replace(".()", "()")
        else:
            return ""


def site_of(module: Module, node: ast.expr | ast.stmt) -> Site:
    return Site(
        module.path,
        node.lineno,
        node.col_offset,
        node.end_lineno or node.lineno,
        node.end_col_offset or node.col_offset,
    )


def text_of(node: ast.AST | None) -> str | None:
    """A literal text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def lines_with(module: Module, pattern: re.Pattern[str]) -> list[int]:
    text = module.text
    found: list[int] = []
    line, position = 1, 0
    for match in pattern.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        if not found or found[-1] != line:
            found.append(line)
    return found


def scopes_with(module: Module, pattern: re.Pattern[str]) -> Iterator[Scope]:
    """The module, its functions, methods and nested functions: those with a line of `pattern` in them."""
    lines = lines_with(module, pattern)
    if lines:
        yield module.tree
        yield from _definitions(module.tree.body, lines)


def parameters_of(scope: Scope) -> list[ast.arg]:
    if isinstance(scope, ast.Module):
        return []
    return [*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs]


def _definitions(body: list[ast.stmt], lines: list[int]) -> Iterator[Definition]:
    for statement in body:
        if not any(statement.lineno <= line <= (statement.end_lineno or statement.lineno) for line in lines):
            continue
        if isinstance(statement, Definition):
            yield statement
        for inner in bodies(statement):
            yield from _definitions(inner, lines)


def bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement, in order."""
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(statement, name, None):
            yield block
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body


def own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements of a block and its inner blocks, but not of functions and classes defined in it."""
    for statement in body:
        yield statement
        if not isinstance(statement, Definition | ast.ClassDef):
            for inner in bodies(statement):
                yield from own_statements(inner)


def own_expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """Every expression of a statement itself: for a compound one its test or items, not its blocks."""
    if isinstance(statement, Definition | ast.ClassDef):
        return
    for name, value in ast.iter_fields(statement):
        if name in ("body", "orelse", "finalbody", "handlers", "cases"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST):
                yield from ast.walk(part)


@lru_cache(maxsize=64)
def container_events(facts: Facts, function: Function) -> tuple[Event, ...]:
    """What a function's code does when its container runs: not where the app is launched, not in the build of
    its image (`run_function`).
    """
    events = facts.events.get(function.name, ())
    builds = {event.site for event in events if isinstance(event, Call) and event.name.startswith("Image.")}
    return tuple(
        event
        for event in events
        if not event.guards & {"local", "type_checking"} and (not builds or builds.isdisjoint(event.via))
    )


@lru_cache(maxsize=4)
def reached_modules(facts: Facts) -> dict[Module, str]:
    """The user's modules that run in containers, and the first function that leads to each."""
    found = {facts.entry: ""}
    for function in facts.app.functions:
        for event in facts.events.get(function.name, ()):
            found.setdefault(event.module, function.name)
    return found


def function_around(facts: Facts, module: Module, line: int) -> str:
    """The Modal function whose source a line stands in, else the first one that leads to the module."""
    for function in facts.app.functions:
        if function.module.path == module.path and (
            function.node.lineno <= line <= (function.node.end_lineno or 0)
        ):
            return function.name if function.kind != "local_entrypoint" else ""
    return reached_modules(facts).get(module, "")
