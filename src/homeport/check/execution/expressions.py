"""Expressions: their values where these can be told, and the events on the way."""

import ast
import builtins
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from homeport.check.execution import beginnings
from homeport.check.execution.attributes import Attributes, PathParents
from homeport.check.execution.objects import (
    MADE,
    REST,
    External,
    UserFunction,
    Variables,
    is_concrete,
    truth,
)
from homeport.check.execution.operators import COMPARISONS, MAX_SIZE, compute, formatted, is_identical, one_of
from homeport.check.facts import Condition, EnvironmentRead, Raise
from homeport.check.values import FromShell, Unknown, Value

BUILTINS = frozenset(dir(builtins))
PLATFORM_VARIABLES = frozenset(
    [
        "HOME",
        "PATH",
        "LANG",
        "LC_ALL",
        "PYTHONPATH",
        "USER",
        "HOSTNAME",
        "TERM",
        "PWD",
        "SHELL",
        "TMPDIR",
        "TZ",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "CUDA_VISIBLE_DEVICES",
        "NVIDIA_VISIBLE_DEVICES",
        "LD_LIBRARY_PATH",
        "VIRTUAL_ENV",
        "PYTHONUNBUFFERED",
        "RANK",
        "LOCAL_RANK",
        "WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
    ]
)

MAX_ROUNDS = 32  # of a loop over known items


class Expressions(Attributes):
    def evaluate(self, node: ast.expr) -> Value:
        method = VISITORS.get(type(node))
        return method(self, node) if method else MADE

    def constant(self, node: ast.Constant) -> Value:
        return MADE if node.value is ... else node.value

    def name(self, node: ast.Name) -> Value:
        name = node.id
        frame = self.frame
        if name in frame.variables and name not in frame.global_names:
            return frame.variables[name]
        for variables in frame.enclosing:
            if name in variables:
                return variables[name]
        if name in frame.state.variables:
            return frame.state.variables[name]
        if name in BUILTINS and not frame.state.is_open:
            return External(name)
        return External(name) if name in BUILTINS else MADE

    # operators

    def joined(self, node: ast.JoinedStr) -> Value:
        parts: list[Value] = []
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                item = self.evaluate(value.value)
                if value.format_spec:
                    spec = self.evaluate(value.format_spec)
                    item = formatted(item, spec)
                if value.conversion == ord("r"):
                    item = repr(item) if is_concrete(item) else MADE
                parts.append(item)
            else:
                parts.append(self.evaluate(value))
        if all(isinstance(part, str | int | float | PurePath | None) for part in parts):
            return "".join(map(str, parts))[:MAX_SIZE]
        return beginnings.of_text(parts)

    def binary(self, node: ast.BinOp) -> Value:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        if isinstance(node.op, ast.Add) and External("sys.path") in (left, right):
            left = self.place.search_path if left == External("sys.path") else left
            right = self.place.search_path if right == External("sys.path") else right
        return compute(node.op, left, right)

    def unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            known = truth(value)
            return MADE if known is None else not known
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        return value if isinstance(node.op, ast.UAdd) else MADE

    def boolean(self, node: ast.BoolOp) -> Value:
        stops_at = isinstance(node.op, ast.Or)
        value: Value = MADE
        for number, part in enumerate(node.values):
            value = self.evaluate(part)
            known = truth(value)
            if known is stops_at:
                return value
            if known is None:
                with self.under("if", is_sure=False):
                    rest = [self.evaluate(other) for other in node.values[number + 1 :]]
                # `None or ...`: what it is cannot be told, but that it stops can
                return value if not rest else self.shell_or(value, rest)
        return value

    def shell_or(self, value: Value, rest: list[Value]) -> Value:
        if isinstance(value, FromShell) and len(rest) == 1 and value.default is None:
            return FromShell(value.name, rest[0], value.site)
        return MADE

    def compare(self, node: ast.Compare) -> Value:
        left = self.evaluate(node.left)
        rights = [self.evaluate(right) for right in node.comparators]
        if len(rights) != 1:
            return MADE
        right, sign = rights[0], node.ops[0]
        if isinstance(sign, ast.In | ast.NotIn):
            known = self.is_in(left, right, node)
            if known is None:
                return MADE
            return known if isinstance(sign, ast.In) else not known
        if isinstance(sign, ast.Is | ast.IsNot):
            known = is_identical(left, right)
            if known is None:
                return MADE
            return known if isinstance(sign, ast.Is) else not known
        if isinstance(left, tuple) and REST in left and isinstance(right, tuple):
            left = left[: len(right)] if len(right) < len(left) else left
        if not is_concrete(left) or not is_concrete(right):
            return MADE
        try:
            return COMPARISONS[type(sign)](left, right)
        except Exception:  # values that cannot be compared: the run fails in its own way
            return MADE

    def is_in(self, left: Value, right: Value, node: ast.AST) -> bool | None:
        if right == External("os.environ"):
            value = self.read_environment(left, node, is_required=False)
            return None if value is MADE or isinstance(value, FromShell) else value is not None
        if right == External("sys.path"):
            if not isinstance(left, str):
                return None
            if left in self.place.search_path:
                return True
            return None if self.place.is_path_open or left in self.place.maybe else False
        if right == External("sys.modules"):
            return True if isinstance(left, str) and left in self.process.modules else None
        if not is_concrete(right) or not is_concrete(left):
            return None
        try:
            return left in right
        except TypeError:
            return None

    def choice(self, node: ast.IfExp) -> Value:
        self.emit(Condition, node, test=node.test)
        known = truth(self.evaluate(node.test))
        if known is not None:
            return self.evaluate(node.body if known else node.orelse)
        with self.under("if", is_sure=False):
            one, other = self.evaluate(node.body), self.evaluate(node.orelse)
        try:
            return one if is_concrete(one) and one == other else MADE
        except Exception:  # as in is_same
            return MADE

    # collections

    def items(self, nodes: list[ast.expr]) -> tuple[Value, ...]:
        values: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                inner = self.evaluate(node.value)
                if inner == External("sys.path"):
                    inner = self.place.search_path
                values.extend(inner) if isinstance(inner, tuple) else values.append(REST)
            else:
                values.append(self.evaluate(node))
        return tuple(values)

    def sequence(self, node: ast.List | ast.Tuple) -> Value:
        return self.items(node.elts)

    def set_(self, node: ast.Set) -> Value:
        values = self.items(node.elts)
        return frozenset(values) if all(isinstance(value, str | int) for value in values) else MADE

    def dictionary(self, node: ast.Dict) -> Value:
        made: dict[Value, Value] = {}
        is_known = True
        for key, value in zip(node.keys, node.values, strict=True):
            item = self.evaluate(value)
            if key is None:
                self.note_whole_environment(item, value)
                if isinstance(item, dict):
                    made.update(item)
                else:
                    is_known = False
                continue
            name = self.evaluate(key)
            if isinstance(name, str | int | float | bool | None):
                made[name] = item
            else:
                is_known = False
        return made if is_known else MADE

    def subscript(self, node: ast.Subscript) -> Value:
        base = self.evaluate(node.value)
        index = self.evaluate(node.slice)
        if base == External("os.environ") and isinstance(node.ctx, ast.Load):
            return self.read_environment(index, node, is_required=True)
        if base == External("sys.path"):
            return MADE
        if base == External("sys.modules") and isinstance(index, str):
            return self.process.modules.get(index, MADE)
        try:
            if isinstance(base, dict):
                return base.get(index, MADE) if isinstance(index, str | int) else one_of(base)
            if isinstance(base, tuple) and REST in base:
                at = base.index(REST)
                if isinstance(index, int) and 0 <= index < at:
                    return base[index]
                if isinstance(index, slice) and not index.start and isinstance(index.stop, int):
                    return base[: index.stop] if 0 <= index.stop <= at else MADE
                return MADE
            if isinstance(base, tuple | str) and isinstance(index, int | slice):
                return base[index]
            if isinstance(base, PathParents) and isinstance(index, int):
                if base.path.is_absolute() and index >= len(base.path.parents):
                    self.emit(Raise, node, name="IndexError")
                return base.path.parents[index]
        except (IndexError, TypeError, ValueError):
            return MADE
        return MADE

    def slice_(self, node: ast.Slice) -> Value:
        ends = [self.evaluate(end) if end else None for end in (node.lower, node.upper, node.step)]
        return slice(*ends) if all(end is None or isinstance(end, int) for end in ends) else MADE

    def lambda_(self, node: ast.Lambda) -> Value:
        return UserFunction(
            node, self.frame.state, self.frame.scope, self.closure(), self.defaults_of(node.args)
        )

    def closure(self) -> tuple[Variables, ...]:
        if self.frame.is_class or self.frame.variables is self.frame.state.variables:
            return self.frame.enclosing
        return (self.frame.variables, *self.frame.enclosing)

    def defaults_of(self, arguments: ast.arguments) -> dict[str, Value]:
        found: dict[str, Value] = {}
        positional = arguments.posonlyargs + arguments.args
        if arguments.defaults:
            for argument, default in zip(
                positional[-len(arguments.defaults) :], arguments.defaults, strict=True
            ):
                found[argument.arg] = self.evaluate(default)
        for argument, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if given is not None:
                found[argument.arg] = self.evaluate(given)
        return found

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        """Known where it goes over known items, and what it makes is known."""
        first = node.generators[0]
        outer = self.evaluate(first.iter)
        kept = dict(self.frame.variables)
        made: list[Value] = []
        is_known = len(node.generators) == 1 and isinstance(outer, tuple) and len(outer) <= MAX_ROUNDS
        try:
            if is_known and REST not in outer:
                for item in outer:
                    self.assign(first.target, item)
                    tests = [truth(self.evaluate(test)) for test in first.ifs]
                    if None in tests:
                        is_known = False
                        with self.under("if", is_sure=False):
                            self.element(node)
                    elif all(tests):
                        made.append(self.element(node))
            else:
                is_known = False
                with self.under("loop", is_sure=False):
                    for number, generator in enumerate(node.generators):
                        if number:
                            self.evaluate(generator.iter)
                        self.assign(generator.target, MADE)
                        for test in generator.ifs:
                            self.evaluate(test)
                    self.element(node)
        finally:
            self.frame.variables.clear()
            self.frame.variables.update(kept)
        if not is_known:
            return MADE
        if isinstance(node, ast.DictComp):
            return dict(made) if all(isinstance(key, str | int) for key, _ in made) else MADE
        if isinstance(node, ast.SetComp):
            return frozenset(made) if all(isinstance(item, str | int) for item in made) else MADE
        return tuple(made)

    def element(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        if isinstance(node, ast.DictComp):
            return (self.evaluate(node.key), self.evaluate(node.value))
        return self.evaluate(node.elt)

    def inner(self, node: ast.Await | ast.Starred | ast.YieldFrom | ast.FormattedValue) -> Value:
        return self.evaluate(node.value)

    def yield_(self, node: ast.Yield) -> Value:
        if node.value:
            self.evaluate(node.value)
        return MADE

    def named(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.assign(node.target, value)
        return value

    # the environment

    def read_environment(
        self, name: Value, node: ast.AST, *, is_required: bool, default: Value = None
    ) -> Value:
        """Emits the read; the value where it is known."""
        shown = name if isinstance(name, str | Unknown) else MADE
        self.emit(EnvironmentRead, node, name=shown, is_required=is_required)
        if not isinstance(name, str):
            return MADE
        if name in self.place.environment:
            value = self.place.environment[name]
            return default if value is None else value
        if self.place.is_environment_open:
            return MADE
        if self.is_local:
            return FromShell(name, None if is_required else default, self.site(node))
        known = self.container.environment.get(name)
        if known is not None:
            return known[0]
        if self.container.has_unknown_secrets or is_required or name.startswith("MODAL_"):
            return MADE
        return MADE if name in PLATFORM_VARIABLES else default

    def note_whole_environment(self, value: Value, node: ast.AST) -> None:
        if value == External("os.environ"):
            self.emit(EnvironmentRead, node, name=None, is_required=False)

    def call_(self, node: ast.Call) -> Value:
        raise NotImplementedError  # calls.py


VISITORS: dict[type[ast.expr], Callable[[Any, Any], Value]] = {
    ast.Constant: Expressions.constant,
    ast.Name: Expressions.name,
    ast.Attribute: Expressions.attribute,
    ast.Call: lambda self, node: self.call_(node),
    ast.JoinedStr: Expressions.joined,
    ast.FormattedValue: Expressions.inner,
    ast.BinOp: Expressions.binary,
    ast.UnaryOp: Expressions.unary,
    ast.BoolOp: Expressions.boolean,
    ast.Compare: Expressions.compare,
    ast.IfExp: Expressions.choice,
    ast.List: Expressions.sequence,
    ast.Tuple: Expressions.sequence,
    ast.Set: Expressions.set_,
    ast.Dict: Expressions.dictionary,
    ast.Subscript: Expressions.subscript,
    ast.Slice: Expressions.slice_,
    ast.Lambda: Expressions.lambda_,
    ast.ListComp: Expressions.comprehension,
    ast.SetComp: Expressions.comprehension,
    ast.GeneratorExp: Expressions.comprehension,
    ast.DictComp: Expressions.comprehension,
    ast.Await: Expressions.inner,
    ast.Starred: Expressions.inner,
    ast.YieldFrom: Expressions.inner,
    ast.Yield: Expressions.yield_,
    ast.NamedExpr: Expressions.named,
}
