"""Tells the value of an expression of the app's source, without running it: never raises, and what cannot
be told is Unknown with the reason.
"""

import ast
import builtins
import operator
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from pathlib import PurePath
from typing import Any

from homeport.check.reading import calls, comprehensions
from homeport.check.reading.binding import bind_arguments, defaults_of
from homeport.check.reading.bounds import modulo, power, shift, short_spec, times
from homeport.check.reading.lifting import items_of, lift
from homeport.check.reading.merge import Rest, freeze, merged, truth, why_of
from homeport.check.reading.scope import Scope, StoppedError, TooLongError, UserFunction
from homeport.check.values import External, FromShell, Made, Unknown, Value

__all__ = ["Scope", "evaluate", "value_of"]

BUILTINS = frozenset(dir(builtins))


def evaluate(expr: ast.expr, scope: Scope) -> Value:
    """The value of an expression where these names are seen. It may change them, as `:=` does."""
    scope.world.renew()
    try:
        return freeze(value_of(expr, scope))
    except (TooLongError, RecursionError):
        return Unknown("takes too long to follow", scope.site(expr))
    except StoppedError:
        return Unknown("ends the process", scope.site(expr))


def value_of(node: ast.expr, scope: Scope) -> Any:
    """As evaluate(), but the lists and dicts are those that the source goes on to change."""
    scope.world.spend()
    handler = HANDLERS.get(type(node))
    if handler is None:
        return Unknown("is an expression that is not followed", scope.site(node))
    return handler(node, scope)


def of_constant(node: ast.Constant, scope: Scope) -> Any:
    return node.value


def of_name(node: ast.Name, scope: Scope) -> Any:
    try:
        return scope.lookup(node.id)
    except KeyError:
        if node.id in BUILTINS:
            return External(f"builtins.{node.id}")
        return Unknown(f"is called {node.id}, which is not assigned before", scope.site(node))


def of_attribute(node: ast.Attribute, scope: Scope) -> Any:
    return calls.attribute(value_of(node.value, scope), node.attr, node, scope)


def of_joined(node: ast.JoinedStr, scope: Scope) -> Any:
    parts = [value_of(part, scope) for part in node.values]
    whole = lift(lambda *texts: "".join(texts), parts, node, scope)
    if isinstance(whole, Unknown):
        known = list(takewhile(lambda part: isinstance(part, str), parts))
        after = parts[len(known)]
        more = after.begins if isinstance(after, Unknown) else ""
        return replace(whole, begins="".join(known) + more)
    return whole


CONVERSIONS: dict[int, Callable[[Any], Any]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}


def of_formatted(node: ast.FormattedValue, scope: Scope) -> Any:
    value = value_of(node.value, scope)
    spec = value_of(node.format_spec, scope) if node.format_spec else ""
    convert = CONVERSIONS.get(node.conversion, lambda plain: plain)
    return lift(lambda plain, how: format(convert(plain), short_spec(how)), [value, spec], node, scope)


def of_tuple(node: ast.Tuple, scope: Scope) -> Any:
    return tuple(elements(node.elts, scope))


def of_list(node: ast.List, scope: Scope) -> Any:
    return elements(node.elts, scope)


def of_set(node: ast.Set, scope: Scope) -> Any:
    return lift(lambda *items: set(items), elements(node.elts, scope), node, scope)


def elements(nodes: list[ast.expr], scope: Scope) -> list[Any]:
    found: list[Any] = []
    for node in nodes:
        if not isinstance(node, ast.Starred):
            found.append(value_of(node, scope))
            continue
        value = value_of(node.value, scope)
        items = items_of(value)
        found.extend(
            items if items is not None else [Rest(why_of(value, "is not a known list"), scope.site(node))]
        )
    return found


def of_dict(node: ast.Dict, scope: Scope) -> Any:
    result: dict[Any, Any] = {}
    for key_node, value_node in zip(node.keys, node.values, strict=True):
        value = value_of(value_node, scope)
        if key_node is not None:
            key = value_of(key_node, scope)
            try:
                result[key] = value
            except TypeError:
                return Unknown("has a key that cannot be one", scope.site(key_node))
        elif isinstance(value, dict):
            result.update(value)
        elif isinstance(value, FromShell) and isinstance(value.default, dict):
            result.update(
                {key: FromShell(value.name, item, value.site) for key, item in value.default.items()}
            )
        else:
            result[value if isinstance(value, FromShell | Unknown) else Unknown("is not a dict")] = value
    return result


def of_subscript(node: ast.Subscript, scope: Scope) -> Any:
    return calls.item(value_of(node.value, scope), value_of(node.slice, scope), node, scope)


def of_slice(node: ast.Slice, scope: Scope) -> Any:
    parts = [value_of(part, scope) if part else None for part in (node.lower, node.upper, node.step)]
    return lift(lambda *ends: slice(*ends), parts, node, scope)


OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: modulo,
    ast.Pow: power,
    ast.LShift: shift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}


def of_binary(node: ast.BinOp, scope: Scope) -> Any:
    # a + b + c + ... is nested to the left, as deep as it is long
    chain = [node]
    while isinstance(chain[-1].left, ast.BinOp):
        chain.append(chain[-1].left)
    value = value_of(chain[-1].left, scope)
    for step in reversed(chain):
        value = operate(step.op, value, value_of(step.right, scope), step, scope)
    return value


def operate(op: ast.operator, left: Any, right: Any, node: Any, scope: Scope) -> Any:
    """Of two operands; lists and dicts may hold what is not known."""
    kinds = (list, tuple) if isinstance(op, ast.Add) else (dict,) if isinstance(op, ast.BitOr) else ()
    for kind in kinds:
        if isinstance(left, kind) and isinstance(right, kind):
            return OPERATORS[type(op)](left, right)
        if isinstance(op, ast.Add) and isinstance(left, kind) and isinstance(right, Unknown | FromShell):
            rest = Rest(why_of(right, ""), scope.site(node))
            return [*left, rest] if isinstance(left, list) else (*left, rest)
    function = OPERATORS.get(type(op))
    if function is None:
        return Unknown("is an operation that is not followed", scope.site(node))
    whole = lift(function, [left, right], node, scope)
    if isinstance(whole, Unknown) and isinstance(op, ast.Add | ast.Div):
        return replace(whole, begins=beginning(left, right, "/" if isinstance(op, ast.Div) else ""))
    return whole


def beginning(left: Any, right: Any, between: str) -> str:
    """What a text or path begins with of which the second half is not known."""
    if isinstance(left, Unknown):
        return left.begins
    if not isinstance(left, str | PurePath) or not isinstance(right, Unknown):
        return ""
    return f"{left}{between}{right.begins}"


UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


def of_unary(node: ast.UnaryOp, scope: Scope) -> Any:
    value = value_of(node.operand, scope)
    if isinstance(node.op, ast.Not):
        known = truth(value)
        if known is not None:
            return not known
        return lift(operator.not_, [value], node, scope)
    if isinstance(node.op, ast.Invert) and isinstance(value, Made):  # ~FilePatternMatcher(...)
        name = value.name.removeprefix("~") if value.name.startswith("~") else f"~{value.name}"
        return replace(value, name=name)
    return lift(UNARY[type(node.op)], [value], node, scope)


def of_boolean(node: ast.BoolOp, scope: Scope) -> Any:
    """`a or b`, `a and b`: the first that decides. What the shell decides is told by its default."""
    stops_at = isinstance(node.op, ast.Or)
    value: Any = None
    for position, part in enumerate(node.values):
        value = value_of(part, scope)
        known = truth(value)
        if known is stops_at:
            return value
        if known is None:
            rest = node.values[position + 1 :]
            return undecided(value, rest, stops_at, node, scope) if rest else value
    return value


def undecided(value: Any, rest: list[ast.expr], stops_at: bool, node: ast.BoolOp, scope: Scope) -> Any:
    others = ast.BoolOp(op=node.op, values=rest) if len(rest) > 1 else rest[0]
    other = of_boolean(others, scope) if isinstance(others, ast.BoolOp) else value_of(others, scope)
    if isinstance(value, FromShell):
        default = truth(value.default)
        if default is None:
            return FromShell(value.name, merged([value.default, other]), value.site)
        chosen = value.default if default is stops_at else other
        if isinstance(chosen, FromShell):
            chosen = chosen.default
        return FromShell(value.name, chosen, value.site)
    if truth(other) is stops_at and isinstance(other, bool):
        return other if isinstance(value, Unknown) else value
    return merged([value, other], value)


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: lambda left, right: left is right if right is None or left is None else left == right,
    ast.IsNot: lambda left, right: left is not right if right is None or left is None else left != right,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}


def of_compare(node: ast.Compare, scope: Scope) -> Any:
    left = value_of(node.left, scope)
    result: Any = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = value_of(right_node, scope)
        result = compare(op, left, right, node, scope)
        if truth(result) is not True:
            return result
        left = right
    return result


def compare(op: ast.cmpop, left: Any, right: Any, node: ast.Compare, scope: Scope) -> Any:
    if isinstance(op, ast.In | ast.NotIn):
        found = calls.contains(right, left, node, scope)
        if isinstance(op, ast.NotIn):
            known = truth(found)
            return not known if known is not None else lift(operator.not_, [found], node, scope)
        return found
    is_none = left is None or right is None
    other = right if left is None else left
    if is_none and not isinstance(other, Unknown | FromShell):
        same_object = other is None
        return same_object if isinstance(op, ast.Is | ast.Eq) else not same_object
    return lift(COMPARISONS[type(op)], [left, right], node, scope)


def of_conditional(node: ast.IfExp, scope: Scope) -> Any:
    test = value_of(node.test, scope)
    known = truth(test)
    if known is not None:
        return value_of(node.body if known else node.orelse, scope)
    return merged([value_of(node.body, scope), value_of(node.orelse, scope)], test)


def of_call(node: ast.Call, scope: Scope) -> Any:
    function = value_of(node.func, scope)
    args = elements(node.args, scope)
    options: dict[str, Any] = {}
    for keyword in node.keywords:
        value = value_of(keyword.value, scope)
        if keyword.arg is not None:
            options[keyword.arg] = value
        elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
            options.update(value)
        else:
            options["**"] = (
                value if isinstance(value, Unknown) else Unknown(why_of(value, "is not a known dict"))
            )
    return calls.call(function, args, options, node, scope)


def of_lambda(node: ast.Lambda, scope: Scope) -> Any:
    return UserFunction(node, scope, run_lambda, defaults_of(node.args, scope, value_of))


def run_lambda(function: UserFunction, args: list[Any], options: dict[str, Any]) -> Any:
    assert isinstance(function.node, ast.Lambda)
    body = function.node.body
    inner = function.scope.child()
    bind_arguments(function, args, options, inner)
    return inner.world.deeper(lambda: value_of(body, inner))


def of_named(node: ast.NamedExpr, scope: Scope) -> Any:
    value = value_of(node.value, scope)
    scope.bind(node.target.id, value)
    return value


def of_yield(node: ast.Yield, scope: Scope) -> Any:
    if scope.yields is not None:
        scope.world.touch(scope.yields)
        scope.yields.append(value_of(node.value, scope) if node.value else None)
    return Unknown("is what is sent to a generator", scope.site(node))


def of_yield_from(node: ast.YieldFrom, scope: Scope) -> Any:
    value = value_of(node.value, scope)
    if scope.yields is not None:
        scope.world.touch(scope.yields)
        items = items_of(value)
        scope.yields.extend(items if items is not None else [Rest(why_of(value, "is not a known list"))])
    return Unknown("is what a generator returns", scope.site(node))


def of_starred(node: ast.Starred, scope: Scope) -> Any:
    return value_of(node.value, scope)


HANDLERS: dict[type[ast.expr], Callable[[Any, Scope], Any]] = {
    ast.Constant: of_constant,
    ast.Name: of_name,
    ast.Attribute: of_attribute,
    ast.JoinedStr: of_joined,
    ast.FormattedValue: of_formatted,
    ast.Tuple: of_tuple,
    ast.List: of_list,
    ast.Set: of_set,
    ast.Dict: of_dict,
    ast.Subscript: of_subscript,
    ast.Slice: of_slice,
    ast.BinOp: of_binary,
    ast.UnaryOp: of_unary,
    ast.BoolOp: of_boolean,
    ast.Compare: of_compare,
    ast.IfExp: of_conditional,
    ast.Call: of_call,
    ast.Lambda: of_lambda,
    ast.NamedExpr: of_named,
    ast.Starred: of_starred,
    ast.Yield: of_yield,
    ast.YieldFrom: of_yield_from,
    ast.ListComp: lambda node, scope: comprehensions.of_list_comprehension(node, scope, value_of),
    ast.GeneratorExp: lambda node, scope: comprehensions.of_list_comprehension(node, scope, value_of),
    ast.SetComp: lambda node, scope: comprehensions.of_set_comprehension(node, scope, value_of),
    ast.DictComp: lambda node, scope: comprehensions.of_dict_comprehension(node, scope, value_of),
}
