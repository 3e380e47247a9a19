"""Statements: definitions, assignments, and what is certain after branches, loops and exceptions."""

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homeport.check.execution.calls import (
    TRANSPARENT,
    add_all,
    replace_path,
    set_variable,
    update_environment,
    written,
)
from homeport.check.execution.core import MAX_STEPS, Core, End, SpentError
from homeport.check.execution.expressions import MAX_ROUNDS, compute
from homeport.check.execution.objects import (
    MADE,
    REST,
    External,
    ImageValue,
    Instance,
    Made,
    Method,
    ModuleState,
    UserClass,
    UserFunction,
    is_same,
    truth,
)
from homeport.check.facts import Condition, EnvironmentRead, FoundModule, Import, MissingModule, Raise
from homeport.check.values import Value

SYS_PATH = External("sys.path")
ENVIRON = External("os.environ")
IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class Statements(Core):
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

    # simple ones

    def expression(self, node: ast.Expr) -> End:
        if type(node.value) is not ast.Constant:
            self.evaluate(node.value)
        return ""

    def assignment(self, node: ast.Assign) -> End:
        value = self.evaluate(node.value)
        for target in node.targets:
            if isinstance(target, ast.Attribute | ast.Subscript) and self.is_path_edit(target, value, node):
                continue
            self.assign(target, value)
        return ""

    def is_path_edit(self, target: ast.Attribute | ast.Subscript, value: Value, node: ast.Assign) -> bool:
        """`sys.path = [...]`, `sys.path[:0] = [...]`."""
        whole = target.value if isinstance(target, ast.Subscript) else target
        if self.evaluate_target(whole) != SYS_PATH:
            return False
        if isinstance(target, ast.Attribute):
            replace_path(self, value, node)
            return True
        if isinstance(target.slice, ast.Slice):
            lower, upper = target.slice.lower, target.slice.upper
            if lower is None and upper is None:
                replace_path(self, value, node)
            else:
                is_front = lower is None or (isinstance(lower, ast.Constant) and lower.value == 0)
                add_all(self, value, node, node.value, in_front=is_front)
        else:
            add_all(self, (value,), node, None, in_front=True)
        return True

    def evaluate_target(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return self.evaluate(node)
        return MADE

    def annotated(self, node: ast.AnnAssign) -> End:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))
        return ""

    def augmented(self, node: ast.AugAssign) -> End:
        value = self.evaluate(node.value)
        target = self.evaluate_loaded(node.target)
        if target == SYS_PATH:
            add_all(self, value, node, node.value)
            return ""
        if target == ENVIRON:  # os.environ |= {…}
            update_environment(self, (value,), {}, node)
            return ""
        self.assign(node.target, compute(node.op, target, value))
        return ""

    def evaluate_loaded(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Name | ast.Attribute):
            return self.evaluate(node)
        if isinstance(node, ast.Subscript):
            self.evaluate(node.slice)
        return MADE

    def assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self.set_name(name, value)
            case ast.Attribute():
                base = self.evaluate(target.value)
                if isinstance(base, Instance | ModuleState | UserClass):
                    holder = base.variables if isinstance(base, ModuleState) else base.attributes
                    is_known = self.is_certain or is_same(holder.get(target.attr, MADE), value)
                    holder[target.attr] = value if is_known else MADE
                elif base == ENVIRON:
                    set_variable(self, MADE, MADE, target)
            case ast.Subscript():
                self.assign_item(target, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                self.unpack(targets, value)
            case ast.Starred(value=inner):
                self.assign(inner, value)

    def set_name(self, name: str, value: Value) -> None:
        frame = self.frame
        if name in frame.global_names:
            frame.state.variables[name] = value if self.is_certain else MADE
        elif name in frame.outer_names:
            for variables in frame.enclosing:
                if name in variables:
                    variables[name] = value if self.is_certain else MADE
                    break
        else:
            frame.variables[name] = value

    def unpack(self, targets: list[ast.expr], value: Value) -> None:
        is_known = isinstance(value, tuple) and len(value) == len(targets) and REST not in value
        starred = any(isinstance(target, ast.Starred) for target in targets)
        for number, target in enumerate(targets):
            self.assign(target, value[number] if is_known and not starred else MADE)

    def assign_item(self, target: ast.Subscript, value: Value) -> None:
        base = self.evaluate(target.value)
        index = self.evaluate(target.slice)
        if base == ENVIRON:
            set_variable(self, index, value, target)
        elif isinstance(base, dict) and isinstance(index, str | int) and len(base) < 1000:
            self.assign_back(target.value, {**base, index: value})
        elif isinstance(base, dict | tuple):
            self.assign_back(target.value, MADE)

    def assign_back(self, holder: ast.expr, value: Value) -> None:
        """A dict or list that changed is a new value of the variable that holds it."""
        if isinstance(holder, ast.Name):
            name = holder.id
            frame = self.frame
            if name in frame.variables:
                frame.variables[name] = value
                return
            for variables in (*frame.enclosing, frame.state.variables):
                if name in variables:
                    variables[name] = value if self.is_certain else MADE
                    return
        elif isinstance(holder, ast.Attribute):
            self.assign(holder, value)

    def delete(self, node: ast.Delete) -> End:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and self.evaluate_target(target.value) == ENVIRON:
                set_variable(self, self.evaluate(target.slice), None, target)
            elif isinstance(target, ast.Name):
                self.frame.variables.pop(target.id, None)
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

    # definitions

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

    # branches

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

    # exceptions

    def try_(self, node: ast.Try) -> End:
        caught = frozenset(name for handler in node.handlers for name in handled(handler))
        soft = any(handled(handler) & IMPORT_ERRORS and not fails(handler) for handler in node.handlers)
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
        only_imports = all(isinstance(part, ast.Import | ast.ImportFrom | ast.Assign) for part in node.body)
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


def is_dataclass_mark(mark: Value) -> bool:
    return isinstance(mark, External | Made) and mark.name.rpartition(".")[2] in (
        "dataclass",
        "define",
        "frozen",
    )


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
