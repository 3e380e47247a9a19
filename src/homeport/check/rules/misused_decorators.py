"""A decorator of modal's is used in a way that the client refuses

`@app.function` without its parentheses, `@app.function()` on a class, `@modal.concurrent(…)` above
`@app.function()`: the client raises an exception where the file is imported, and some of these say little of
what is the matter. A `modal.parameter()` of a class has to be annotated as int, str, bytes or bool; under
`from __future__ import annotations` every annotation is a text, and the client refuses them all.

Bad:
    import modal

    app = modal.App("cats")

    @app.function
    def train():
        print("training")

Bad:
    from __future__ import annotations

    import modal

    app = modal.App("cats")

    @app.cls()
    class Model:
        size: int = modal.parameter(default=3)

        @modal.method
        def predict(self):
            return self.size

Bad:
    import modal

    app = modal.App("cats")

    @modal.concurrent(max_inputs=4)
    @app.function()
    def train():
        print("training")

Good:
    import modal

    app = modal.App("cats")

    @app.function()
    @modal.concurrent(max_inputs=4)
    def train():
        print("training")

    @app.cls()
    class Model:
        size: int = modal.parameter(default=3)

        @modal.method()
        def predict(self):
            return self.size
"""

import ast
import re
from collections.abc import Iterator
from typing import TypeAlias

from homeport.check.client_api import version_of
from homeport.check.facts import Facts, Module
from homeport.check.findings import Edit, Finding, Severity
from homeport.check.rules._given import site_of
from homeport.check.rules._modal_names import aliases, dotted
from homeport.check.values import Site

CODE = "HP413"

_SINCE = (1, 6)  # earlier clients took some of it, with a warning

_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_OF_APPS = frozenset({"function", "cls", "server", "local_entrypoint"})
_BARE = frozenset({"method", "enter", "exit", "asgi_app", "wsgi_app", "fastapi_endpoint"})
_WITH_ARGUMENTS = frozenset({"web_server", "concurrent", "batched", "clustered"})
_PARAMETER_TYPES = frozenset({"int", "str", "bytes", "bool"})
_MAY_BE_BARE = re.compile(
    rf"^\s*@[\w.]*\b(?:{'|'.join(_OF_APPS | _BARE | _WITH_ARGUMENTS)})\s*(?:#.*)?$", re.M
)


def check(facts: Facts) -> Iterator[Finding]:
    for module in facts.modules.values():
        if "modal" not in module.text or not _may_have(module.text):
            continue
        is_sure = module.path == facts.entry.path and version_of(facts.launcher.client_version) >= _SINCE
        rule = _Decorators(module, "error" if is_sure else "warning")
        for node in module.tree.body:
            if isinstance(node, _Definition):
                yield from rule.of_definition(node)


def _may_have(text: str) -> bool:
    words = ("parameter(", "class ", "concurrent", ".cls(")
    return any(word in text for word in words) or bool(_MAY_BE_BARE.search(text))


class _Decorators:
    """The decorators of one module."""

    def __init__(self, module: Module, severity: Severity) -> None:
        self._module = module
        self._severity = severity
        self._known = aliases(module)
        self._apps = {
            target.id
            for node in module.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            if dotted(node.value.func, self._known) in ("modal.App", "modal.Stub")
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self._are_texts = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" and _names(node, "annotations")
            for node in module.tree.body
        )

    def of_definition(self, node: _Definition) -> Iterator[Finding]:
        for decorator in node.decorator_list:
            yield from self._bare(decorator, node)
        yield from self._of_the_other_kind(node)
        yield from self._above(node)
        is_registered = isinstance(node, ast.ClassDef) and self._registering(node, "cls") is not None
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                for decorator in inner.decorator_list:
                    yield from self._bare(decorator, inner)
                if is_registered and inner.name == "__init__":
                    yield self._constructor(node, inner)
            if is_registered:
                yield from self._parameter(inner)

    def _kind(self, node: ast.expr) -> str:
        """Which decorator of modal's it is: "app.function", "modal.method"; empty for others."""
        owner = node.value if isinstance(node, ast.Attribute) and node.attr in _OF_APPS else None
        if isinstance(owner, ast.Name) and owner.id in self._apps:
            return f"app.{node.attr}"  # type: ignore[attr-defined]
        name = dotted(node, self._known)
        return name if name.removeprefix("modal.") in _BARE | _WITH_ARGUMENTS else ""

    def _registering(self, node: _Definition, *names: str) -> ast.Call | None:
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and self._kind(decorator.func).removeprefix("app.") in names:
                return decorator
        return None

    def _bare(self, decorator: ast.expr, node: _Definition) -> Iterator[Finding]:
        kind = "" if isinstance(decorator, ast.Call) else self._kind(decorator)
        if not kind:
            return
        written = ast.unparse(decorator)
        site = site_of(self._module, decorator)
        is_whole = kind.partition(".")[2] not in _WITH_ARGUMENTS
        end = Site(site.path, site.end_line, site.end_column, site.end_line, site.end_column)
        yield Finding(
            CODE,
            site,
            f"@{written} of {node.name} is not called, and the client refuses that",
            self._severity,
            fix=f"Write @{written}()." if is_whole else f"Write @{written}(…), with what it is to do.",
            edits=(Edit(end, "()"),) if is_whole else (),
        )

    def _of_the_other_kind(self, node: _Definition) -> Iterator[Finding]:
        is_class = isinstance(node, ast.ClassDef)
        call = self._registering(node, "function" if is_class else "cls")
        if call is not None:
            what, other = ("class", "cls") if is_class else ("function", "function")
            written = ast.unparse(call.func)
            yield Finding(
                CODE,
                site_of(self._module, call),
                f"@{written}() stands at the {what} {node.name}, and the client refuses that",
                self._severity,
                fix=f"Write @{written.rpartition('.')[0]}.{other}(…).",
            )

    def _above(self, node: _Definition) -> Iterator[Finding]:
        """What is written above a decorator is applied to what that one made."""
        call = self._registering(node, "function", "cls")
        for decorator in node.decorator_list:
            if call is None or decorator is call:
                return
            if isinstance(decorator, ast.Call) and self._kind(decorator.func).startswith("modal."):
                above, below = ast.unparse(decorator.func), ast.unparse(call.func)
                yield Finding(
                    CODE,
                    site_of(self._module, decorator),
                    f"@{above}() of {node.name} stands above @{below}(), and the client refuses that order",
                    self._severity,
                    fix=f"Write @{below}(…) first, and @{above}(…) below it.",
                )

    def _constructor(self, node: _Definition, inner: ast.FunctionDef | ast.AsyncFunctionDef) -> Finding:
        site = Site(self._module.path, inner.lineno, inner.col_offset)
        return Finding(
            CODE,
            site,
            f"class {node.name} has an __init__, and the client refuses classes with one",
            self._severity,
            fix="Give it modal.parameter()s, and begin its work under @modal.enter().",
        )

    def _parameter(self, node: ast.stmt) -> Iterator[Finding]:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if not isinstance(value, ast.Call) or dotted(value.func, self._known) != "modal.parameter":
            return
        if any(word.arg == "init" and getattr(word.value, "value", None) is False for word in value.keywords):
            return
        fix = "Annotate it as int, str, bytes or bool."
        if isinstance(node, ast.Assign):
            why = f"parameter {ast.unparse(node.targets[0])} has no type"
        elif not isinstance(node, ast.AnnAssign):
            return
        elif self._are_texts or isinstance(node.annotation, ast.Constant):
            why = f"the type of parameter {ast.unparse(node.target)} is a text"
            if self._are_texts:
                why += ", by the file's `from __future__ import annotations`"
                fix = "Take `from __future__ import annotations` out of this file."
        elif _is_odd(written := ast.unparse(node.annotation)):
            why = f"parameter {ast.unparse(node.target)} is {written}"
        else:
            return
        yield Finding(
            CODE, site_of(self._module, node), f"{why}, and the client refuses that", self._severity, fix=fix
        )


def _is_odd(annotation: str) -> bool:
    """Whether a type surely is none of those that the client takes: another name may stand for one."""
    is_plain = re.fullmatch(r"float|complex|list|dict|tuple|set|object|Path|pathlib\.Path", annotation)
    return bool(is_plain) or ("[" in annotation and "Annotated" not in annotation) or "|" in annotation


def _names(node: ast.ImportFrom, name: str) -> bool:
    return any(each.name == name for each in node.names)
