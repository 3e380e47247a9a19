"""Which lines call a function: of the app's own file, or of the script that called a deployed one."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from homeport.record.explain import definitions
from homeport.record.explain.definitions import Def, Parameter
from homeport.record.explain.known import Known
from homeport.record.explain.mentions import dotted
from homeport.record.explain.sources import Sources
from homeport.record.launch import entry_candidates
from homeport.record.run import Call, Place

_CALLS = {"remote", "spawn", "local", "remote_gen", "map", "starmap", "for_each", "spawn_map"}


@dataclass(frozen=True)
class CallingLine:
    """`train.remote(config_path=path)`: `given` is the expression for the argument, `text` the whole line,
    `parameter` the one of the function around that it names."""

    place: Place
    given: str
    text: str
    parameter: Parameter | None = None


def calling_lines(known: Known, call: Call, name: str) -> list[CallingLine]:
    """Lines that call the function with this argument; of a call that a function made, those in it."""
    file, sources = _caller(known, call)
    tree = sources.tree(file, on_launcher=True) if file else None
    if tree is None:
        return []
    names = {call.function.rpartition(".")[2], *_looked_up(tree, call.function)}
    calls = {each.call_id: each.function for each in known.run.calls}
    caller = calls.get(call.parent, call.made_in).rpartition(".")[2]
    lines, inside = [], []
    for around, node in _calls(tree):
        given = _given(known, call.function, node, name) if _called(node) in names else None
        if given is None:
            continue
        own = list(definitions.parameters(around, file)) if around is not None else []
        named = next((each for each in own if isinstance(given, ast.Name) and each.name == given.id), None)
        text = sources.line(file, node.lineno, on_launcher=True)
        lines.append(CallingLine(Place(file, node.lineno), definitions.plain(given), text, named))
        inside += lines[-1:] if around is not None and around.name == caller else []
    return inside or lines


def _given(known: Known, function: str, node: ast.Call, name: str) -> ast.expr | None:
    """The expression that a call gives for an argument, by its name or its place."""
    target = definitions.definition(known, function)
    order = [each.arg for each in definitions.arguments(target)] if target is not None else []
    by_name = next((each.value for each in node.keywords if each.arg == name), None)
    if by_name is None and name in order and order.index(name) < len(node.args):
        return node.args[order.index(name)]
    return by_name


def _caller(known: Known, call: Call) -> tuple[str, Sources]:
    """The file whose lines can have made a call: another than the app's where it came from outside to a
    deployed function. What is shipped is nothing of it, whatever the names."""
    if not (known.is_call and call in known.run.outermost) or call.made_in:
        return known.entry, known.sources
    sources = Sources((), known.read)
    files = map(str, entry_candidates(known.caller.argv, known.caller.cwd))
    return next((file for file in files if sources.text(file, on_launcher=True) is not None), ""), sources


def _looked_up(tree: ast.Module, function: str) -> Iterator[str]:
    """`f` of `f = modal.Function.from_name("app", "train")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _from_name(node.value) == function:
            yield from (each.id for each in node.targets if isinstance(each, ast.Name))


def _called(node: ast.Call) -> str:
    """`train` of `train.remote(…)`, and of `Function.from_name("app", "train").remote(…)`."""
    assert isinstance(node.func, ast.Attribute)
    return _from_name(node.func.value) or dotted(node.func).rpartition(".")[0].rpartition(".")[2]


def _from_name(node: ast.AST) -> str:
    if not isinstance(node, ast.Call) or not dotted(node.func).endswith("Function.from_name"):
        return ""
    given = [*node.args[1:2], *(each.value for each in node.keywords if each.arg == "name")]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def _calls(tree: ast.Module) -> Iterator[tuple[Def | None, ast.Call]]:
    """Every call of a function from elsewhere, with the definition around it."""

    def walk(node: ast.AST, around: Def | None) -> Iterator[tuple[Def | None, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if (
                isinstance(child, ast.Call)
                and isinstance(child.func, ast.Attribute)
                and child.func.attr in _CALLS
            ):
                yield around, child
            yield from walk(child, child if isinstance(child, Def) else around)

    yield from walk(tree, None)
