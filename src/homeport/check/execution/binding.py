"""What a call binds and gives back, and how a callable is written."""

import ast
from bisect import bisect_left
from collections.abc import Mapping
from functools import lru_cache

from homeport.check.execution.core import Frame
from homeport.check.execution.objects import (
    MADE,
    REST,
    UserClass,
    UserFunction,
    Variables,
    is_same,
)
from homeport.check.facts import (
    Module,
)
from homeport.check.values import Unknown, Value


@lru_cache(maxsize=1024)
def yield_lines(module: Module) -> tuple[int, ...]:
    """The lines with the word: a hundredth of the functions are worth a look at their expressions."""
    lines = module.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(number for number, line in enumerate(lines, 1) if "yield" in line)


def holds_line(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: tuple[int, ...]) -> bool:
    place = bisect_left(lines, node.lineno)
    return place < len(lines) and lines[place] <= (node.end_lineno or node.lineno)


def yields(node: ast.AST) -> bool:
    if isinstance(node, ast.Yield | ast.YieldFrom):
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return False
    return any(map(yields, ast.iter_child_nodes(node)))


def written(node: ast.expr) -> str:
    """A callable as it stands there: "model.eval", "make().run"."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            inner = written(node.func)
            parts.append(f"{inner}()")
            break
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Subscript):
            parts.append("[]")
            node = node.value
        else:
            parts.append("")
            break
    return ".".join(reversed(parts)).replace(".[]", "[]")


def bind(function: UserFunction, args: tuple[Value, ...], options: Mapping[str, Value]) -> Variables:
    """The variables that a call begins with."""
    arguments = function.node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    variables: Variables = dict(function.defaults)
    given = args if function.receiver is None or function.owner is None else (function.receiver, *args)
    if REST in given:
        given = given[: given.index(REST)]
        variables.update(dict.fromkeys(names[len(given) :], MADE))
    variables.update(zip(names, given, strict=False))
    known = {*names, *(argument.arg for argument in arguments.kwonlyargs)}
    for name, value in options.items():
        if name in known:
            variables[name] = value
    for name in known:
        if name not in variables:
            variables[name] = Unknown(f"it is the argument {name}")
    if arguments.vararg:
        variables[arguments.vararg.arg] = given[len(names) :] if REST not in args else MADE
    if arguments.kwarg:
        variables[arguments.kwarg.arg] = {name: value for name, value in options.items() if name not in known}
    return variables


def result_of(frame: Frame, end: str) -> Value:
    """What a function returned, where every way returned the same."""
    if frame.is_generator:
        return MADE
    values = list(frame.returned)
    if end == "":
        values.append(None)
    if not values or not all(is_same(values[0], value) for value in values[1:]):
        return MADE
    return values[0]


def fields_of(owner: UserClass) -> list[str]:
    """A dataclass's fields in the order of its arguments."""
    names: list[str] = []
    for base in owner.bases:
        if isinstance(base, UserClass):
            names += fields_of(base)
    names += [
        statement.target.id
        for statement in owner.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]
    return names
