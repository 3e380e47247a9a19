"""Statements in their order: imports, definitions, and the ways in which a block ends."""

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeport.check.execution.binding import written
from homeport.check.execution.blocks import Blocks
from homeport.check.execution.core import MAX_STEPS, End, SpentError
from homeport.check.execution.objects import (
    MADE,
    External,
    Made,
    UserClass,
    UserFunction,
)
from homeport.check.facts import Raise
from homeport.check.values import Value

# decorators that leave a function's body to run when it is called
TRANSPARENT = frozenset(
    [
        "staticmethod",
        "classmethod",
        "property",
        "abc.abstractmethod",
        "functools.wraps",
        "functools.lru_cache",
        "functools.cache",
        "functools.cached_property",
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "typing.overload",
        "torch.no_grad",
        "torch.inference_mode",
        "torch.compile",
        "torch.jit.script",
        "typing.final",
        "dataclasses.dataclass",
        "atexit.register",
        "functools.singledispatch",
    ]
)


class Statements(Blocks):
    def run_block(self, statements: list[ast.stmt]) -> End:
        for statement in statements:
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise SpentError
            run = STATEMENTS.get(type(statement))
            try:
                end = run(self, statement) if run else ""
            except RecursionError:
                end = ""
            if self.pending:
                end, self.pending = self.pending, ""
            if end:
                return end
        return ""

    def expression(self, node: ast.Expr) -> End:
        if type(node.value) is not ast.Constant:
            self.evaluate(node.value)
        return ""

    def global_(self, node: ast.Global) -> End:
        self.frame.global_names = self.frame.global_names | set(node.names)
        return ""

    def nonlocal_(self, node: ast.Nonlocal) -> End:
        self.frame.outer_names = self.frame.outer_names | set(node.names)
        return ""

    def import_(self, node: ast.Import) -> End:
        self.run_import(node)
        return ""

    def import_from(self, node: ast.ImportFrom) -> End:
        self.run_import_from(node)
        return ""

    def return_(self, node: ast.Return) -> End:
        value = self.evaluate(node.value) if node.value else None
        if self.pending:
            return ""
        self.frame.returned.append(value)
        self.frame.left.append(self.place)
        return "return"

    def raise_(self, node: ast.Raise) -> End:
        name = ""
        if node.exc:
            inner = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            value = self.evaluate(inner)
            name = value.name if isinstance(value, External) else written(inner)
            if isinstance(node.exc, ast.Call):
                for argument in node.exc.args:
                    self.evaluate(argument)
        self.emit(Raise, node, name=name)
        return "raise"

    def leave_round(self, node: ast.Break | ast.Continue) -> End:
        return "break"

    def assert_(self, node: ast.Assert) -> End:
        self.evaluate(node.test)
        return ""

    def define(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> End:
        marks: list[str] = []
        is_wrapped = False
        cloud = self.function_of(node)
        for decorator in node.decorator_list:
            value = self.evaluate(decorator)
            match value:
                case External(name) | Made(name):
                    marks.append(name)
                    is_wrapped = is_wrapped or not (name in TRANSPARENT or name.startswith("modal."))
                case _:
                    marks.append(written(decorator))
                    is_wrapped = is_wrapped or not isinstance(value, UserFunction)
        frame = self.frame
        scope = f"{frame.scope}.{node.name}" if frame.scope else node.name
        defaults = self.defaults_of(node.args)
        made: Value = UserFunction(
            node,
            frame.state,
            scope,
            self.closure(),
            defaults,
            frozenset(marks),
            is_wrapped and cloud is None,
        )
        if cloud is not None:
            self.bodies[id(cloud)] = made
            made = cloud
        self.set_name(node.name, made)
        if is_wrapped and cloud is None and isinstance(made, UserFunction) and self.is_close:
            with self.under(is_sure=False):  # `@web.get("/")`: a framework calls it
                self.follow(made, (), {}, None)
        return ""

    @property
    def is_close(self) -> bool:
        """Whether the code here is the function's own: in its body, or at the top of its module."""
        function = self.current
        return self.frame.function is not None or (
            function is not None and self.frame.state.module is function.module
        )

    def define_class(self, node: ast.ClassDef) -> End:
        marks = [self.evaluate(decorator) for decorator in node.decorator_list]
        bases = tuple(self.evaluate(base) for base in node.bases)
        for keyword in node.keywords:
            self.evaluate(keyword.value)
        frame = self.frame
        scope = f"{frame.scope}.{node.name}" if frame.scope else node.name
        made = UserClass(node, frame.state, scope, bases, {}, any(is_dataclass_mark(mark) for mark in marks))
        self.run_class_body(node, made, scope)
        for value in made.attributes.values():
            if isinstance(value, UserFunction) and value.owner is None:
                value.owner = made
        cloud = self.function_of(node)
        if cloud is not None:
            self.bodies[id(cloud)] = made
        self.set_name(node.name, cloud if cloud is not None else made)
        return ""

    def run_class_body(self, node: ast.ClassDef, made: UserClass, scope: str) -> None:
        frame = self.frame
        enclosing = self.closure()
        sure = self.is_sure
        self.stack.append(frame)
        self.is_sure = self.is_certain
        self.frame = replace(
            frame,
            scope=scope,
            variables=made.attributes,
            enclosing=enclosing,
            returned=[],
            left=[],
            is_doubtful=False,
            is_loop_doubtful=False,
            is_class=True,
        )
        try:
            self.run_block(node.body)
        finally:
            self.stack.pop()
            self.frame, self.is_sure = frame, sure


def is_dataclass_mark(mark: Value) -> bool:
    return isinstance(mark, External | Made) and mark.name.rpartition(".")[2] in (
        "dataclass",
        "define",
        "frozen",
    )


def alias(self: Statements, node: Any) -> End:
    """`type X = ...` of Python 3.12."""
    self.set_name(node.name.id, MADE)
    return ""


STATEMENTS: dict[type[ast.stmt], Callable[[Any, Any], End]] = {
    ast.Expr: Statements.expression,
    ast.Assign: Statements.assignment,
    ast.AnnAssign: Statements.annotated,
    ast.AugAssign: Statements.augmented,
    ast.Delete: Statements.delete,
    ast.Global: Statements.global_,
    ast.Nonlocal: Statements.nonlocal_,
    ast.Import: Statements.import_,
    ast.ImportFrom: Statements.import_from,
    ast.Return: Statements.return_,
    ast.Raise: Statements.raise_,
    ast.Break: Statements.leave_round,
    ast.Continue: Statements.leave_round,
    ast.Assert: Statements.assert_,
    ast.FunctionDef: Statements.define,
    ast.AsyncFunctionDef: Statements.define,
    ast.ClassDef: Statements.define_class,
    ast.If: Statements.if_,
    ast.Match: Statements.match_,
    ast.For: Statements.for_,
    ast.AsyncFor: Statements.for_,
    ast.While: Statements.while_,
    ast.With: Statements.with_,
    ast.AsyncWith: Statements.with_,
    ast.Try: Statements.try_,
    ast.TryStar: Statements.try_,
}
if hasattr(ast, "TypeAlias"):
    STATEMENTS[ast.TypeAlias] = alias
