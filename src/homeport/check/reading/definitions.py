"""The app's own functions and classes: what defining and calling them comes to."""

import ast
from typing import Any

from homeport.check.facts import Function
from homeport.check.reading import calls
from homeport.check.reading.binding import bind_arguments, defaults_of
from homeport.check.reading.blocks import run_block
from homeport.check.reading.evaluate import value_of
from homeport.check.reading.merge import merged
from homeport.check.reading.scope import FALLS, RAISES, RETURNS, Scope, StoppedError, UserClass, UserFunction
from homeport.check.values import External, Unknown


def run_function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> str:
    function: Any = UserFunction(node, scope, call_function, defaults_of(node.args, scope, value_of))
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
    if isinstance(target, UserClass) and is_dataclass(decorator):
        target.is_dataclass = True
        return target
    if isinstance(target, Function):
        return target  # something more around a Modal function
    place = ast.copy_location(ast.Call(func=decorator, args=[], keywords=[]), decorator)
    result = calls.call(value, [target], {}, place, scope)
    if isinstance(result, Unknown) and isinstance(target, UserFunction | UserClass):
        return target  # what it makes of the function is not known; its name most likely still leads to it
    return result


def is_dataclass(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("dataclass", "define", "frozen", "attrs")


def is_record(base: Any) -> bool:
    """Whether a base class makes of annotations what is given to a new object, as dataclasses do."""
    return isinstance(base, External) and base.name in ("pydantic.BaseModel", "typing.NamedTuple")


def call_function(function: UserFunction, args: list[Any], options: dict[str, Any]) -> Any:
    """What a call of the app's own function returns."""
    node = function.node
    assert not isinstance(node, ast.Lambda)
    inner = function.scope.child()
    bind_arguments(function, args, options, inner)
    if function.is_generator is None:
        function.is_generator = is_generator(node)
    inner.yields = [] if function.is_generator else None
    if isinstance(node, ast.AsyncFunctionDef):
        inner.world.risks += 1
        return Unknown(f"is what {node.name}() gives as it goes")

    def run() -> Any:
        end = run_block(node.body, inner)
        if inner.yields is not None:
            return inner.yields
        if end == RAISES and not inner.returns:
            raise StoppedError
        if end != RETURNS and end != RAISES:
            inner.returns.append(None)
        return merged(inner.returns, Unknown(f"is what {node.name}() returns in one of several cases"))

    return inner.world.deeper(run)


def is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
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
    made.is_dataclass = any(map(is_record, made.bases)) and "validator" not in ast.dump(node)
    for decorator in reversed(node.decorator_list):
        made = decorate(made, decorator, scope)
    scope.bind(node.name, made)
    return FALLS
