"""Functions and classes of the user's own: their bodies are gone through where they are called."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from homeport.check.execution.binding import (
    bind,
    fields_of,
    holds_line,
    result_of,
    written,
    yield_lines,
    yields,
)
from homeport.check.execution.core import MAX_DEPTH, MAX_DOUBTFUL_WALKS, MAX_WALKS, Core, Frame
from homeport.check.execution.objects import (
    MADE,
    Instance,
    UserClass,
    UserFunction,
    plain,
)
from homeport.check.facts import (
    Call,
)
from homeport.check.values import Value

CONTEXTS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


class Following(Core):
    def note(
        self,
        name: str,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        receiver: Value,
        node: ast.Call,
    ) -> None:
        self.emit(
            Call,
            node,
            name=name,
            args=tuple(map(plain, args)) if args else (),
            options={key: plain(value) for key, value in options.items()} if options else {},
            receiver=receiver,
            node=node,
            folder=self.place.folder,
        )

    def follow(
        self,
        function: UserFunction,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        node: ast.expr | None,
        *,
        is_sure: bool = True,
    ) -> Value:
        """Goes through a function's body; what it returns, where that is one value."""
        key = id(function.node), self.is_certain
        count = self.walked.get(key, 0)
        if (
            count >= (MAX_WALKS if key[1] else MAX_DOUBTFUL_WALKS)
            or len(self.stack) > MAX_DEPTH
            or self.is_running(function.node)
        ):
            return MADE
        self.walked[key] = count + 1
        variables = bind(function, args, options)
        via, sure, frame = self.via, self.is_sure, self.frame
        if node is not None and frame.state.module:
            self.via = (*via, self.site(node))
        is_generator = self.yields(function)
        certain = self.is_certain and is_sure and not function.is_wrapped
        if is_generator and node is not None and not function.marks & CONTEXTS:
            certain = False  # nobody may take anything from it
        self.stack.append(frame)
        inner = Frame(function.state, function.scope, variables, function.enclosing, function=function)
        inner.is_generator = is_generator
        self.frame, self.is_sure = inner, certain
        start = self.place
        try:
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            end = self.run_block(function.node.body)
            if inner.left and end:
                self.place = inner.left[0]
            for place in inner.left:
                self.place = self.join(self.place, place)
        finally:
            self.stack.pop()
            self.frame, self.is_sure, self.via = frame, sure, via
            if not certain:
                self.place = self.join(start, self.place)
        if end in ("raise", "exit") and not inner.left:
            self.pending = end
        return result_of(inner, end)

    def yields(self, function: UserFunction) -> bool:
        node, module = function.node, function.state.module
        if isinstance(node, ast.Lambda) or module is None or "yield" not in module.text:
            return False
        found = self.generators.get(id(node))
        if found is None:
            is_possible = holds_line(node, yield_lines(module))
            found = self.generators[id(node)] = is_possible and any(map(yields, node.body))
        return found

    def is_running(self, node: ast.AST) -> bool:
        frames = (*self.stack, self.frame)
        return any(frame.function is not None and frame.function.node is node for frame in frames)

    def instantiate(
        self, owner: UserClass, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call | None
    ) -> Value:
        made = Instance(owner)
        _, initialise = owner.find("__init__")
        if isinstance(initialise, UserFunction):
            self.follow(self.bound(initialise, made), args, options, node)
        elif owner.is_dataclass:
            names = fields_of(owner)
            made.attributes.update(zip(names, args, strict=False))
            made.attributes.update(options)
            for name in names:
                if name not in made.attributes and owner.find(name)[0] is None:
                    made.attributes[name] = MADE
            _, after = owner.find("__post_init__")
            if isinstance(after, UserFunction):
                self.follow(self.bound(after, made), (), {}, node)
        else:
            self.give_away(args, options, node)
        return made

    def bound(self, function: UserFunction, receiver: Value) -> UserFunction:
        if "staticmethod" in function.marks:
            return function
        return replace(function, receiver=receiver)

    def call_instance(
        self, target: Instance, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        self.note(written(node.func), args, options, None, node)
        for name in ("__call__", "forward", "call"):
            _, method = target.owner.find(name)
            if isinstance(method, UserFunction):
                return self.follow(self.bound(method, target), args, options, node)
        return MADE

    def give_away(self, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call | None) -> None:
        """Functions and objects that a library is given: it may call them."""
        for value in (*args, *options.values()):
            if isinstance(value, UserFunction):
                with self.under(is_sure=False):
                    self.follow(value, (), {}, node)
            elif isinstance(value, Instance):
                with self.under(is_sure=False):
                    for method in list(value.owner.attributes.values()):
                        if isinstance(method, UserFunction) and method.scope.rpartition(".")[2] != "__init__":
                            self.follow(self.bound(method, value), (), {}, node)
            elif isinstance(value, tuple) and len(value) < 50:
                inner = tuple(item for item in value if isinstance(item, UserFunction | Instance))
                if inner:
                    self.give_away(inner, {}, node)

    def touch(self, args: tuple[Value, ...], options: Mapping[str, Value]) -> None:
        """Paths that a library is given: it may write there."""
        paths = {
            found
            for value in (*args, *options.values())
            if isinstance(value, PurePath) or (isinstance(value, str) and "/" in value and len(value) < 300)
            if (found := self.absolute(str(value)))
        }
        if paths - self.place.made:
            self.place = replace(self.place, made=self.place.made | paths)
