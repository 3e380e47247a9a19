"""How the source defines a function: where, and what its parameters' defaults are."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass

from homeport.record.explain.known import Known
from homeport.record.explain.mentions import dotted
from homeport.record.run import Argument, Place


@dataclass(frozen=True)
class Parameter:
    """`default` is JSON where it is plain, else the expression; empty without one."""

    name: str
    default: str
    place: Place
    function: str


@dataclass(frozen=True)
class CallingLine:
    """`train.remote(config_path=path)`: `given` is the expression for the argument, `parameter` the one of
    the
    function around that it names."""

    place: Place
    given: str
    parameter: Parameter | None = None


_CALLS = {"remote", "spawn", "local", "remote_gen", "map", "starmap", "for_each", "spawn_map"}


def parameter(known: Known, function: str, name: str) -> Parameter | None:
    """A function's parameter as the app's file defines it, as a place of the launcher."""
    tree = _entry(known)
    definition = _definition(tree, function) if tree is not None else None
    if definition is None:
        return None
    return next((each for each in _parameters(known, definition) if each.name == name), None)


def value(known: Known, function: str, argument: Argument) -> str:
    """An argument's value: as recorded, and for a default, which no caller sent, as the source has it."""
    if argument.value or argument.came != "default":
        return argument.value
    found = parameter(known, function, argument.name)
    return found.default if found else ""


def calling_lines(known: Known, function: str, name: str) -> list[CallingLine]:
    """Lines of the app's file that call the function with this argument."""
    tree = _entry(known)
    if tree is None:
        return []
    target = _definition(tree, function)
    order = [each.arg for each in _arguments(target)] if target is not None else []
    lines = []
    for around, call in _calls(tree):
        if dotted(call.func).rpartition(".")[0].rpartition(".")[2] != function.rpartition(".")[2]:
            continue
        given = next((each.value for each in call.keywords if each.arg == name), None)
        if given is None and name in order and order.index(name) < len(call.args):
            given = call.args[order.index(name)]
        if given is None:
            continue
        own = list(_parameters(known, around)) if around is not None else []
        named = next((each for each in own if isinstance(given, ast.Name) and each.name == given.id), None)
        lines.append(CallingLine(Place(known.entry, call.lineno), ast.unparse(given), named))
    return lines


def _entry(known: Known) -> ast.Module | None:
    return known.sources.tree(known.entry, on_launcher=True) if known.entry else None


_Def = ast.FunctionDef | ast.AsyncFunctionDef


def _definition(tree: ast.Module, function: str) -> _Def | None:
    owner, _, name = function.rpartition(".")
    for node in ast.walk(tree):
        if owner and isinstance(node, ast.ClassDef) and node.name == owner:
            return next((each for each in node.body if isinstance(each, _Def) and each.name == name), None)
        if not owner and isinstance(node, _Def) and node.name == name:
            return node
    return None


def _arguments(definition: _Def) -> list[ast.arg]:
    arguments = [*definition.args.posonlyargs, *definition.args.args, *definition.args.kwonlyargs]
    return [each for each in arguments if each.arg not in ("self", "cls")]


def _parameters(known: Known, definition: _Def) -> Iterator[Parameter]:
    positional = [*definition.args.posonlyargs, *definition.args.args]
    defaults: dict[str, ast.expr | None] = dict(
        zip([each.arg for each in positional[::-1]], definition.args.defaults[::-1], strict=False)
    )
    by_keyword = zip(definition.args.kwonlyargs, definition.args.kw_defaults, strict=True)
    defaults |= {each.arg: default for each, default in by_keyword}
    for each in _arguments(definition):
        default = defaults.get(each.arg)
        yield Parameter(
            each.arg,
            _plain(default) if default is not None else "",
            Place(known.entry, each.lineno, definition.name),
            definition.name,
        )


def _calls(tree: ast.Module) -> Iterator[tuple[_Def | None, ast.Call]]:
    """Every call of a function from elsewhere, with the definition around it."""

    def walk(node: ast.AST, around: _Def | None) -> Iterator[tuple[_Def | None, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call) and dotted(child.func).rpartition(".")[2] in _CALLS:
                yield around, child
            yield from walk(child, child if isinstance(child, _Def) else around)

    yield from walk(tree, None)


def _plain(node: ast.expr) -> str:
    try:
        return json.dumps(ast.literal_eval(node), ensure_ascii=False)
    except (ValueError, TypeError):
        return ast.unparse(node)
