"""Something of modal's that the installed client does not have

`modal.Stub`, `modal.Mount`, `modal.gpu.A100()`, `@modal.web_endpoint`, `modal.Function.lookup` and others
were renamed or removed. Code that uses one raises an AttributeError or a DeprecationError where the file is
imported: on the launcher, before anything runs. A name that is misspelt does the same.

Bad:
    import modal

    app = modal.Stub("cats")

    @app.function()
    def train():
        print("training")

Bad:
    import modal

    app = modal.App("cats")

    @app.function(gpu=modal.gpu.A100(count=2))
    def train():
        print("training")

Good:
    import modal

    app = modal.App("cats")

    @app.function(gpu="A100:2")
    def train():
        print("training")
"""

import ast
import re
from collections.abc import Iterator

from homeport.check.client_api import GONE_NAMES, NAMES, NEWEST, Gone, Version, version_of
from homeport.check.facts import Facts, Module
from homeport.check.findings import Edit, Finding, Severity
from homeport.check.rules._given import site_of
from homeport.check.rules._modal_names import aliases, dotted, is_modal
from homeport.check.values import Site
from homeport.plan import suggestions

CODE = "HP412"

_USED = re.compile(r"\bmodal\.(\w+)")
_IMPORTED = re.compile(r"^\s*from modal\S* import ([^\n(]+|\([^)]*\))", re.MULTILINE)
_WORDS = re.compile(r"[A-Za-z_]\w*")
_KNOWN = NAMES - {name.split(".")[1] for name in GONE_NAMES if name.count(".") == 1}
_METHODS = {name.rpartition(".")[2] for name in GONE_NAMES if name.count(".") == 2}


def check(facts: Facts) -> Iterator[Finding]:
    client = version_of(facts.launcher.client_version)
    for module in facts.modules.values():
        if "modal" in module.text and _may_have(module.text):
            yield from _of_module(facts, module, aliases(module), client)


def _may_have(text: str) -> bool:
    """Whether a text is worth being looked at: nearly none is."""
    names = {name for name in _USED.findall(text) if not name.startswith("_")}
    imported = {name for line in _IMPORTED.findall(text) for name in _WORDS.findall(line)}
    return bool(
        "import modal as" in text
        or (names | (imported - {"as", "import", "modal"})) - _KNOWN
        or any(f".{method}(" in text for method in _METHODS)
    )


def _of_module(facts: Facts, module: Module, known: dict[str, str], client: Version) -> Iterator[Finding]:
    said = set[tuple[int, int]]()
    for node, is_at_top in _walk(module.tree):
        for name, place in _names(node, known):
            mistake = _mistake(name, client)
            if mistake is None or (place.lineno, place.col_offset) in said:
                continue
            said.add((place.lineno, place.col_offset))
            gone, near = mistake
            yield _finding(facts, module, name, place, gone, near, client, is_at_top=is_at_top)


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes, outer ones first, and whether each runs whenever the module is imported."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, True)]
    while waiting:
        node, is_at_top = waiting.pop()
        yield node, is_at_top
        is_branch = isinstance(node, ast.If | ast.Try | ast.IfExp | ast.While)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for field, value in ast.iter_fields(node):
            inside = is_at_top and not is_branch and (not is_function or field == "decorator_list")
            children = value if isinstance(value, list) else (value,)
            waiting += [(child, inside) for child in children if isinstance(child, ast.AST)]


def _names(node: ast.AST, known: dict[str, str]) -> Iterator[tuple[str, ast.expr | ast.stmt]]:
    """The dotted names of modal's that a node uses."""
    if isinstance(node, ast.ImportFrom) and not node.level and node.module and is_modal(node.module):
        for name in node.names:
            if name.name != "*":
                yield f"{node.module}.{name.name}", node
    elif isinstance(node, ast.Attribute):
        owner = dotted(node.value, known)
        if owner:
            yield f"{owner}.{node.attr}", node


def _mistake(name: str, client: Version) -> tuple[Gone | None, str] | None:
    """What became of a name, or which one was meant; None where it is there."""
    gone = GONE_NAMES.get(name)
    if gone is not None:
        return (gone, "") if client >= gone.since else None
    module, _, last = name.rpartition(".")
    if module != "modal" or last in NAMES or last.startswith("_"):
        return None
    return None, suggestions.closest(last, NAMES)


def _finding(
    facts: Facts,
    module: Module,
    name: str,
    node: ast.expr | ast.stmt,
    gone: Gone | None,
    near: str,
    client: Version,
    *,
    is_at_top: bool,
) -> Finding:
    is_sure = is_at_top and module.path == facts.entry.path and (gone is not None or client <= NEWEST)
    severity: Severity = "error" if is_sure else "warning"
    version = ".".join(map(str, client))
    if gone is None:
        meant = f"; there is modal.{near}" if near else ""
        fix = f"Write modal.{near}." if near else ""
        return Finding(
            CODE, site_of(module, node), f"modal {version} has no {name}{meant}", severity, fix=fix
        )
    became = f"is {gone.rename} now" if gone.rename else "is gone"
    return Finding(
        CODE,
        site_of(module, node),
        f"{name} {became}, and modal {version} does not have it",
        severity,
        fix=gone.fix,
        edits=tuple(_edits(module, node, gone)),
    )


def _edits(module: Module, node: ast.expr | ast.stmt, gone: Gone) -> Iterator[Edit]:
    if gone.rename and isinstance(node, ast.Attribute):
        line, end = node.end_lineno or 0, node.end_col_offset or 0
        yield Edit(Site(module.path, line, end - len(node.attr.encode()), line, end), gone.rename)
