"""Branches, loops, with and try: what is certain in them, and what is known after them."""

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeport.check.execution.assignments import Assignments
from homeport.check.execution.binding import written
from homeport.check.execution.core import End
from homeport.check.execution.expressions import MAX_ROUNDS
from homeport.check.execution.objects import (
    MADE,
    REST,
    External,
    ImageValue,
    Instance,
    Made,
    Method,
    UserFunction,
    truth,
)
from homeport.check.facts import Condition, EnvironmentRead, FoundModule, Import, MissingModule
from homeport.check.values import Value

SYS_PATH = External("sys.path")
ENVIRON = External("os.environ")
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class Blocks(Assignments):
    def if_(self, node: ast.If) -> End:
        test = node.test
        self.emit(Condition, test, test=test)
        known = truth(self.evaluate(test))
        if self.pending:
            return ""
        if known is not None:
            return self.run_block(node.body if known else node.orelse)

        def way(body: list[ast.stmt]) -> End:
            with self.under("if", is_sure=False):
                return self.run_block(body)

        return self.branches([lambda: way(node.body), lambda: way(node.orelse)])

    def match_(self, node: ast.Match) -> End:
        self.evaluate(node.subject)
        self.emit(Condition, node.subject, test=node.subject)

        def way(case: ast.match_case) -> End:
            with self.under("if", is_sure=False):
                for inner in ast.walk(case.pattern):
                    name = getattr(inner, "name", None) or getattr(inner, "rest", None)
                    if isinstance(name, str):
                        self.set_name(name, MADE)
                if case.guard:
                    self.evaluate(case.guard)
                return self.run_block(case.body)

        ways: list[Callable[[], End]] = [lambda case=case: way(case) for case in node.cases]  # type: ignore[misc]
        return self.branches([*ways, lambda: ""])

    def for_(self, node: ast.For | ast.AsyncFor) -> End:
        items = self.evaluate(node.iter)
        if items == ENVIRON:
            self.emit(EnvironmentRead, node.iter, name=None, is_required=False)
        if isinstance(items, tuple) and len(items) <= MAX_ROUNDS and REST not in items:
            return self.rounds(node, items)
        if isinstance(items, dict) and len(items) <= MAX_ROUNDS:
            return self.rounds(node, tuple(items))
        self.loop(node, lambda: self.assign(node.target, MADE), is_sure=self.is_surely_long(node.iter))
        return self.run_block(node.orelse)

    def rounds(self, node: ast.For | ast.AsyncFor, items: tuple[Value, ...]) -> End:
        """A loop over known items, round by round."""
        doubt = self.frame.is_loop_doubtful
        for item in items:
            self.assign(node.target, item)
            with self.under("loop"):
                end = self.run_block(node.body)
            if end == "break" and has_break(node):
                break
            if end and end != "break":
                self.frame.is_loop_doubtful = doubt
                return end
        self.frame.is_loop_doubtful = doubt
        return self.run_block(node.orelse)

    def is_surely_long(self, node: ast.expr) -> bool:
        """`range(5)`, `count()`: at least one round is sure."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            return False
        if node.func.id != "range" or not node.args:
            return False
        ends: list[int] = []
        for argument in node.args:
            if not isinstance(argument, ast.Constant) or not isinstance(argument.value, int):
                return False
            ends.append(argument.value)
        try:
            return len(range(*ends)) > 0
        except (TypeError, ValueError, OverflowError):
            return False

    def loop(
        self, node: ast.For | ast.AsyncFor | ast.While, begin: Callable[[], None], *, is_sure: bool
    ) -> End:
        """A loop of unknown length. Names that it sets are not known in it, nor after it."""
        names = self.stored_names(node)
        doubt = self.frame.is_loop_doubtful
        for name in names:
            if name in self.frame.variables:
                self.frame.variables[name] = MADE

        def way() -> End:
            begin()
            with self.under("loop", is_sure=is_sure):
                end = self.run_block(node.body)
            if end and end != "break":
                self.doubt([end])
            for name in names:
                if name in self.frame.variables:
                    self.frame.variables[name] = MADE
            self.frame.is_loop_doubtful = doubt
            return ""

        if is_sure:
            return way()
        return self.branches([way, lambda: ""])

    def stored_names(self, node: ast.AST) -> frozenset[str]:
        found = self.stored.get(id(node))
        if found is None:
            found = self.stored[id(node)] = stored_names(node)
        return found

    def while_(self, node: ast.While) -> End:
        self.emit(Condition, node.test, test=node.test)
        names = self.stored_names(node)
        for name in names:
            if name in self.frame.variables:
                self.frame.variables[name] = MADE
        known = truth(self.evaluate(node.test))
        if known is not False:
            self.loop(node, lambda: None, is_sure=known is True)
        return self.run_block(node.orelse)

    def with_(self, node: ast.With | ast.AsyncWith) -> End:
        guards: set[str] = {"with"}
        caught: set[str] = set()
        folder = None
        for item in node.items:
            value = self.evaluate(item.context_expr)
            name = value.name if isinstance(value, External | Made) else ""
            if isinstance(value, Method) and value.name == "Image.imports":
                guards.add("image_imports")
                if not self.is_own_image(value.receiver):
                    guards.add("try_import")
                    caught.add("ImportError")
            elif name == "contextlib.suppress":
                types = {written(argument) for argument in getattr(item.context_expr, "args", [])}
                caught |= types
                guards.add("try_import" if types & IMPORT_ERRORS else "try")
            elif name == "contextlib.chdir":
                folder = self.place.folder
                self.call_named("os.chdir", item.context_expr)
            elif isinstance(value, Instance):
                value = self.enter(value, item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        if self.pending:
            return ""
        if "try_import" in guards:
            return self.soft_block(node.body, frozenset(guards), frozenset(caught))
        with self.under(*guards, caught=frozenset(caught)):
            end = self.run_block(node.body)
        if folder is not None:
            self.place = replace(self.place, folder=folder)
        return end

    def soft_block(self, body: list[ast.stmt], guards: frozenset[str], caught: frozenset[str]) -> End:
        """A block whose failing import is passed over in silence: what follows it there is not reached."""

        def way() -> End:
            with self.under(*guards, caught=caught):
                return self.run_soft(body)

        return self.branches([way, lambda: ""])

    def run_soft(self, body: list[ast.stmt]) -> End:
        for statement in body:
            at = len(self.events)
            end = self.run_block([statement])
            if end:
                return end
            if self.import_failed(at) is True:
                return ""
        return ""

    def import_failed(self, at: int) -> bool | None:
        """Whether an import since event `at` surely failed; None where that is not known."""
        is_proven = True
        for event in self.events[at:]:
            if isinstance(event, Import) and event.guards >= self.guards:
                if isinstance(event.resolution, MissingModule) and event.is_certain == self.is_certain:
                    return True
                if not isinstance(event.resolution, FoundModule) or event.has_member is False:
                    is_proven = False
        return False if is_proven else None

    def is_own_image(self, value: Value) -> bool:
        function = self.current
        if self.is_local or function is None or function.image is None or not isinstance(value, ImageValue):
            return False
        last = next(
            (step for step in reversed(function.image.steps) if hasattr(step, "site") and step.site), None
        )
        site = last.site if last else None
        return site is not None and (site.end_line, site.end_column) == value.ends

    def enter(self, value: Instance, node: ast.expr) -> Value:
        _, method = value.owner.find("__enter__")
        if isinstance(method, UserFunction):
            return self.follow(replace(method, receiver=value), (), {}, None)
        return value

    def call_named(self, name: str, node: ast.expr) -> None:
        if isinstance(node, ast.Call):
            args = self.items(node.args)
            self.call(External(name), args, {}, node, name)

    def try_(self, node: ast.Try) -> End:
        providing = [handler for handler in node.handlers if not fails(handler)]
        caught = frozenset(name for handler in providing for name in handled(handler))
        soft = bool(caught & IMPORT_ERRORS)
        if soft and is_of_imports(node):
            caught = caught | {"ImportError"}  # `except Exception` around imports alone is meant for these
        start = self.save()
        at = len(self.events)
        guards = ["try", "try_import"] if soft else ["try"] if node.handlers else []
        with self.under(*guards, caught=caught):
            end = self.run_soft(node.body) if soft else self.run_block(node.body)
            failed = self.import_failed(at) if soft else None
        end = self.handle(node, start, end, failed)
        if node.finalbody:
            with self.under("finally"):
                last = self.run_block(node.finalbody)
            end = last or end
        return end

    def handle(self, node: ast.Try, start: tuple[Any, Any], end: End, failed: bool | None) -> End:
        """Handlers, and the else block, from what the body left."""
        after = self.save()

        def body_way() -> End:
            self.restore(after)
            if end:
                return end
            return self.run_block(node.orelse)

        def handler_way(handler: ast.ExceptHandler, is_sure: bool) -> Callable[[], End]:
            def way() -> End:
                self.restore(start)
                if not is_sure:
                    self.merge(after)
                if handler.name:
                    self.set_name(handler.name, MADE)
                with self.under("except", is_sure=is_sure):
                    return self.run_block(handler.body)

            return way

        for handler in node.handlers:
            if failed is True and handled(handler) & IMPORT_ERRORS:
                return handler_way(handler, is_sure=True)()
        only_imports = is_of_imports(node)
        ways: list[Callable[[], End]] = [body_way]
        for handler in node.handlers:
            if (
                failed is False
                and only_imports
                and handled(handler) <= {"ImportError", "ModuleNotFoundError"}
            ):
                continue
            ways.append(handler_way(handler, is_sure=False))
        if len(ways) == 1:
            return body_way()
        return self.branches(ways)


def is_of_imports(node: ast.Try) -> bool:
    """Whether a try's body has nothing but imports, and names for what they bind."""
    return all(isinstance(part, ast.Import | ast.ImportFrom | ast.Assign) for part in node.body)


def handled(handler: ast.ExceptHandler) -> frozenset[str]:
    """The names of the exceptions that a handler catches."""
    if handler.type is None:
        return frozenset({"BaseException"})
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return frozenset(written(kind).rpartition(".")[2] for kind in types)


def fails(handler: ast.ExceptHandler) -> bool:
    """Whether a handler always raises, or ends the program with a failure: it guards nothing."""
    last = handler.body[-1] if handler.body else None
    if isinstance(last, ast.Raise):
        return True
    if isinstance(last, ast.Expr) and isinstance(last.value, ast.Call):
        call = last.value
        name = written(call.func)
        if name in ("sys.exit", "exit", "quit", "os._exit") and call.args:
            status = call.args[0]
            return not (isinstance(status, ast.Constant) and status.value in (0, None))
    return False


def stored_names(node: ast.AST) -> frozenset[str]:
    """Names that a piece of code sets."""
    return frozenset(
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)
    )


def has_break(node: ast.For | ast.AsyncFor) -> bool:
    return any(isinstance(inner, ast.Break) for inner in ast.walk(node))
