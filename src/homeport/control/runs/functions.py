"""Where an app's functions are defined, and the defaults of their arguments, read from the source that its
mounts brought. The source is parsed, never run.
"""

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from homeport.control.classes import SERVICE
from homeport.control.definitions import Definition
from homeport.control.runs.arguments import shown
from homeport.control.runs.limits import limits_of
from homeport.plan.resources import Machine
from homeport.record.parsing import parsed
from homeport.record.run import Function, Place

_ROOTS: Final = ("root", "app", "")  # where mounts put modules, the likelier first
_MAX_SOURCE_BYTES: Final = 2 << 20

_Def = ast.FunctionDef | ast.AsyncFunctionDef


def described(
    definitions: Iterable[Definition],
    machine: Machine,
    secret_names: Callable[[Iterable[str]], Iterable[str]],
) -> list[tuple[Function, str]]:
    """What definitions tell of functions, each with the name of its module."""
    return [
        (
            Function(
                tag=definition.tag,
                definitions=(definition.definition_id,),
                image_id=definition.function.image_id,
                secrets=tuple(secret_names(definition.function.secret_ids)),
                limits=replace(limits_of(definition, machine, ()), given={}),
            ),
            definition.function.module_name or definition.data.module_name,
        )
        for definition in definitions
    ]


def located(functions: Iterable[tuple[Function, str]], trees: Sequence[Path]) -> list[Function]:
    """The same with `defined` and `defaults`, where the source tells them. Reads files: for a thread."""
    modules: dict[str, tuple[str, ast.Module] | None] = {}
    found = []
    for function, module in functions:
        if module not in modules:
            modules[module] = _module(module, trees)
        known = modules[module]
        found.append(function if known is None else _with_source(function, *known))
    return found


def _module(module: str, trees: Sequence[Path]) -> tuple[str, ast.Module] | None:
    """A module's place in containers, and its tree."""
    stem = module.replace(".", "/")
    if not stem or stem.startswith("/") or ".." in stem:
        return None
    for tree in trees:
        for root in _ROOTS:
            for name in (f"{stem}.py", f"{stem}/__init__.py"):
                file = tree / root / name
                try:
                    if file.stat().st_size > _MAX_SOURCE_BYTES:
                        continue
                    found = parsed(file.read_bytes())
                except OSError:
                    continue
                if found is not None:
                    return f"/{file.relative_to(tree)}", found
    return None


def _with_source(function: Function, file: str, module: ast.Module) -> Function:
    is_class = function.tag.endswith(SERVICE)
    path = function.tag.removesuffix(SERVICE).split(".")
    node = _node(module.body, path)
    if node is None:
        return function
    if is_class and isinstance(node, ast.ClassDef):
        methods = [entry for entry in node.body if isinstance(entry, _Def)]
        defaults = {
            f"{method.name}.{name}": value for method in methods for name, value in _defaults(method).items()
        }
    else:
        defaults = _defaults(node) if isinstance(node, _Def) else {}
    return replace(function, defined=Place(file, node.lineno, path[-1]), defaults=defaults)


def _node(body: Sequence[ast.stmt], path: Sequence[str]) -> _Def | ast.ClassDef | None:
    for entry in body:
        if isinstance(entry, ast.If | ast.Try | ast.With):
            nested = [*entry.body, *getattr(entry, "orelse", ())]
            if (found := _node(nested, path)) is not None:
                return found
        if isinstance(entry, _Def | ast.ClassDef) and entry.name == path[0]:
            return entry if len(path) == 1 else _node(entry.body, path[1:])
    return None


def _defaults(node: _Def) -> dict[str, str]:
    """By name: JSON where the default is a literal, else its source."""
    positional = [*node.args.posonlyargs, *node.args.args]
    values = node.args.defaults
    pairs = [*zip(positional[len(positional) - len(values) :], values, strict=True)]
    pairs += [
        (name, value)
        for name, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if value
    ]
    return {argument.arg: _shown(value) for argument, value in pairs}


def _shown(value: ast.expr) -> str:
    try:
        return shown(ast.literal_eval(value))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return f"<{ast.unparse(value)[:200]}>"
