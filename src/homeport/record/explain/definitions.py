"""How the source defines a function: where, and what its parameters' defaults are."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass

from homeport.record.explain.known import Known
from homeport.record.run import Argument, Place


@dataclass(frozen=True)
class Parameter:
    """`default` is JSON where it is plain, else the expression; empty without one."""

    name: str
    default: str
    place: Place
    function: str


def parameter(known: Known, function: str, name: str) -> Parameter | None:
    """A function's parameter as the app's file defines it, as a place of the launcher."""
    found = definition(known, function)
    if found is None:
        return None
    return next((each for each in parameters(found, known.entry) if each.name == name), None)


def value(known: Known, function: str, argument: Argument) -> str:
    """An argument's value: as recorded, and for a default, which no caller sent, as the source has it."""
    if argument.value or argument.came != "default":
        return argument.value
    found = parameter(known, function, argument.name)
    return found.default if found else ""


Def = ast.FunctionDef | ast.AsyncFunctionDef


def definition(known: Known, function: str) -> Def | None:
    """Of a function, or a class's method, in the app's file."""
    tree = known.sources.tree(known.entry, on_launcher=True) if known.entry else None
    owner, _, name = function.rpartition(".")
    for node in ast.walk(tree) if tree is not None else ():
        if owner and isinstance(node, ast.ClassDef) and node.name == owner:
            return next((each for each in node.body if isinstance(each, Def) and each.name == name), None)
        if not owner and isinstance(node, Def) and node.name == name:
            return node
    return None


def arguments(definition: Def) -> list[ast.arg]:
    arguments = [*definition.args.posonlyargs, *definition.args.args, *definition.args.kwonlyargs]
    return [each for each in arguments if each.arg not in ("self", "cls")]


def parameters(definition: Def, file: str) -> Iterator[Parameter]:
    """With their places in that file."""
    positional = [*definition.args.posonlyargs, *definition.args.args]
    defaults: dict[str, ast.expr | None] = dict(
        zip([each.arg for each in positional[::-1]], definition.args.defaults[::-1], strict=False)
    )
    by_keyword = zip(definition.args.kwonlyargs, definition.args.kw_defaults, strict=True)
    defaults |= {each.arg: default for each, default in by_keyword}
    for each in arguments(definition):
        default = defaults.get(each.arg)
        yield Parameter(
            each.arg,
            plain(default) if default is not None else "",
            Place(file, each.lineno, definition.name),
            definition.name,
        )


def plain(node: ast.expr) -> str:
    """JSON of a value that is spelled, else the expression."""
    try:
        return json.dumps(ast.literal_eval(node), ensure_ascii=False)
    except (ValueError, TypeError):
        return ast.unparse(node)
