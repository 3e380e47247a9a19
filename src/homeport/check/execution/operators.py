"""Operators on values, where these are known. Nothing large is made."""

import ast
import operator
import os
from collections.abc import Callable
from typing import Any

from homeport.check.execution import beginnings
from homeport.check.execution.objects import (
    MADE,
    REST,
    Made,
    is_concrete,
)
from homeport.check.values import FromShell, Unknown, Value

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


MAX_SIZE = 4000  # characters or items of a value that is computed


def is_identical(left: Value, right: Value) -> bool | None:
    if right is None or left is None:
        other = left if right is None else right
        if isinstance(other, Unknown | FromShell | Made):
            return None
        return other is None
    if isinstance(left, bool) and isinstance(right, bool):
        return left is right
    return None


def formatted(item: Value, spec: Value) -> Value:
    if not isinstance(item, str | int | float) or not isinstance(spec, str) or len(spec) > 8:
        return MADE
    try:
        return format(item, spec)
    except (ValueError, TypeError):
        return MADE


def one_of(choice: dict[Any, Value]) -> Value:
    """What an unknown key gives: of texts, what all begin with is known."""
    values = list(choice.values())
    if len(values) > 1 and all(isinstance(value, str) for value in values):
        begins = os.path.commonprefix(values)  # noqa: RUF071 (these are texts, not paths)
        return Unknown("it depends on what is asked for", None, begins) if begins else MADE
    return MADE


def compute(sign: ast.operator, left: Value, right: Value) -> Value:
    """An operator on two values. Nothing large is made."""
    apply = OPERATORS.get(type(sign))
    if beginnings.beginning(left) and not (is_concrete(left) and is_concrete(right)):
        if isinstance(sign, ast.Add):
            return beginnings.of_text((left, right))
        if isinstance(sign, ast.Div):
            return beginnings.of_path((left, right))
    if apply is None or isinstance(left, Unknown) or isinstance(right, Unknown):
        return next((side for side in (left, right) if isinstance(side, Unknown) and side is not REST), MADE)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return left + right if isinstance(sign, ast.Add) and len(left) + len(right) < MAX_SIZE else MADE
    if isinstance(left, dict) and isinstance(right, dict) and isinstance(sign, ast.BitOr):
        return {**left, **right}
    if not is_concrete(left) or not is_concrete(right):
        return MADE
    if isinstance(sign, ast.Mult):
        size = max((len(side) for side in (left, right) if isinstance(side, str | tuple | bytes)), default=0)
        times = max((abs(side) for side in (left, right) if isinstance(side, int)), default=1)
        if size * times > MAX_SIZE or times > 10**18:
            return MADE
    if isinstance(sign, ast.Mod) and isinstance(left, str | bytes) and len(left) > 200:
        return MADE
    if isinstance(sign, ast.Mod) and isinstance(left, str) and any(mark.isdigit() for mark in left):
        return MADE  # "%1000000000d"
    if isinstance(sign, ast.Add) and any(
        isinstance(side, str | bytes) and len(side) > MAX_SIZE for side in (left, right)
    ):
        return MADE
    try:
        return apply(left, right)
    except Exception:  # as the run will fail, in its own way
        return MADE
