"""What several rules ask of a function's decorator, and of the places in its source."""

import ast
from collections.abc import Iterator

from homeport.check.facts import Facts, Function, Made, Module
from homeport.check.findings import Edit
from homeport.check.values import Site, Unknown, Value

_DECORATORS = ("function", "cls", "server")


def remote_functions(facts: Facts) -> Iterator[Function]:
    """The functions and classes that run in containers."""
    return (function for function in facts.app.functions if function.kind != "local_entrypoint")


def has_more(function: Function) -> bool:
    """Whether the decorator was given options that are not known by name (`**options`)."""
    return any(name.startswith("*") for name in function.options)


def number(value: Value) -> float | None:
    """The value if it is a number, of which True and False are none."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def seconds(value: float) -> str:
    """A span of time as people say it: "5 minutes", "24 hours", "90 s"."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if value >= size and value % (size / 2) == 0:
            count = value / size
            return f"{count:g} {unit}" + ("s" if count != 1 else "")
    return f"{value:g} s"


def retries_of(function: Function) -> int | None:
    """How often a failed input is tried again; None where that is not known."""
    value = function.options.get("retries")
    if isinstance(value, Made):
        value = value.options.get("max_retries", value.args[0] if value.args else None)
    if value is None:
        return None if has_more(function) else 0
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def timeout_of(function: Function) -> float | None:
    """Seconds that an attempt may take, 300 where the decorator does not say; None where not known."""
    if "timeout" not in function.options:
        return None if has_more(function) else 300.0
    return number(function.options["timeout"])


def gpu_names(function: Function) -> tuple[str, ...]:
    """The GPUs that the decorator asks for, by preference, as far as they are known."""
    value = function.options.get("gpu")
    alternatives = value if isinstance(value, tuple) else (value,)
    return tuple(name for name in alternatives if isinstance(name, str) and name)


def wants_gpu(function: Function) -> bool:
    value = function.options.get("gpu")
    return bool(value) and not isinstance(value, Unknown)


def site_of(path: Function | Module, node: ast.expr | ast.keyword | ast.stmt) -> Site:
    module = path.module if isinstance(path, Function) else path
    return Site(
        module.path, node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or 0
    )


def decorator(function: Function) -> ast.Call | None:
    """The call of `@app.function(…)`, `@app.cls(…)` or `@app.server(…)`."""
    for node in function.node.decorator_list:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _DECORATORS
        ):
            return node
    return None


def keyword(call: ast.Call | None, name: str) -> ast.keyword | None:
    return next((word for word in call.keywords if word.arg == name), None) if call else None


def option_site(function: Function, name: str) -> Site:
    """Where an option stands in the decorator, or the function, where that is not to be seen."""
    word = keyword(decorator(function), name)
    if word is not None:
        return site_of(function, word)
    return function.option_sites.get(name, function.site)


def rename(function: Function | Module, word: ast.keyword, new: str) -> Edit:
    """Calls a keyword argument otherwise."""
    assert word.arg is not None
    end = word.col_offset + len(word.arg.encode())
    module = function.module if isinstance(function, Function) else function
    return Edit(Site(module.path, word.lineno, word.col_offset, word.lineno, end), new)


def add_keyword(module: Module, call: ast.Call, text: str) -> Edit | None:
    """Gives a call another argument, behind its last one; None where that is not surely its place."""
    given = [*call.args, *(word.value for word in call.keywords)]
    if not given:
        return None
    last = max(given, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0))
    line, column = last.end_lineno or 0, last.end_col_offset or 0
    rest = _between(module, line, column, call.end_lineno or 0, call.end_col_offset or 0)
    if isinstance(last, ast.GeneratorExp) or rest not in (")", ",)"):  # an argument in brackets of its own
        return None
    return Edit(Site(module.path, line, column, line, column), f", {text}")


def _between(module: Module, line: int, column: int, end_line: int, end_column: int) -> str:
    """What stands between two places, without comments and space."""
    lines = [text.encode() for text in module.text.splitlines()[line - 1 : end_line]]
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    return "".join(text.decode(errors="replace").partition("#")[0] for text in lines).replace(" ", "").strip()


def call_at(module: Module, site: Site, name: str) -> ast.Call | None:
    """The call of something called `name` that ends where `site` ends."""
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and (node.end_lineno, node.end_col_offset) == (site.end_line, site.end_column)
            and name in (getattr(node.func, "attr", None), getattr(node.func, "id", None))
        ):
            return node
    return None


def module_at(facts: Facts, site: Site) -> Module | None:
    return facts.entry if site.path == facts.entry.path else facts.modules.get(site.path)
