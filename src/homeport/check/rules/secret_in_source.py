"""A secret's value stands in the source.

Whoever gets the repository has it, it stays in the history when the line is gone, and a value in an image's
`env` also lies in every layer above. Keep it on the server (`modal secret create`) and name the Secret, or
take it from the launcher's environment. A value that has been committed should be replaced where it came
from.

The value is not shown, here or in the snippets of other findings.

Bad:

    import modal

    app = modal.App("train")
    wandb = modal.Secret.from_dict({"WANDB_API_KEY": "9f3c1d7be02a45586c1e77d2ab90f4c3e6581d07"})

    @app.function(image=modal.Image.debian_slim(), secrets=[wandb])
    def train():
        print("hello")

Good:

    import modal

    app = modal.App("train")
    wandb = modal.Secret.from_name("wandb", required_keys=["WANDB_API_KEY"])

    @app.function(image=modal.Image.debian_slim(), secrets=[wandb])
    def train():
        print("hello")
"""

import ast
import re
from collections.abc import Iterator

from homeport.check.facts import Facts, Module
from homeport.check.findings import Finding
from homeport.check.redaction import (
    PASSWORD,
    is_placeholder,
    known_kind,
    lines_with_candidates,
    looks_random,
    names_a_secret,
)
from homeport.check.syntax import dotted, function_around, reached_modules, site_of, text_of
from homeport.check.values import Site

CODE = "HP207"


def check(facts: Facts) -> Iterator[Finding]:
    for module in reached_modules(facts):
        lines = lines_with_candidates(module.text)
        if not lines:
            continue
        seen: set[int] = set()
        for statement in module.tree.body:
            first = min(
                [statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", ()))]
            )
            if any(first <= line <= (statement.end_lineno or 0) for line in lines):
                yield from _in(statement, module, facts, seen)


def _in(statement: ast.stmt, module: Module, facts: Facts, seen: set[int]) -> Iterator[Finding]:
    for node in ast.walk(statement):
        for name, value in _named(node):
            text = text_of(value)
            if text is None or id(value) in seen:
                continue
            kind = known_kind(text)
            if not kind and name and names_a_secret(name) and _is_secret(name, text):
                kind = f"the value of {name}"
            if kind:
                seen.add(id(value))
                where = f" of {name}" if name and not kind.startswith("the value") else ""
                yield Finding(
                    CODE,
                    _first_line(site_of(module, value)),
                    f"{kind}{where} stands in the source, where everybody who has the repository can read it",
                    "warning",
                    function_around(facts, module, value.lineno),
                    _fix(name),
                    ("take it from the launcher's environment: modal.Secret.from_local_environ([…])",),
                )


def _first_line(site: Site) -> Site:
    """A text over several lines, as a private key, is shown by its first."""
    return site if site.line == site.end_line else Site(site.path, site.line, site.column)


def _is_secret(name: str, text: str) -> bool:
    if PASSWORD.search(name):
        return len(text) >= 6 and not is_placeholder(text)
    return looks_random(text)


def _fix(name: str) -> str:
    keys = f"{name}=…" if re.fullmatch(r"[A-Z][A-Z0-9_]+", name) else "NAME=…"
    return f"replace it where it was made, then keep it on the server: modal secret create my-secret {keys}"


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Values with the names that they are given by, and all other literals without one."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            yield text_of(key) or "", value
    elif isinstance(node, ast.keyword):
        yield node.arg or "", node.value
    elif isinstance(node, ast.Assign):
        target = node.targets[0]
        if isinstance(target, ast.Subscript):
            yield text_of(target.slice) or "", node.value
        else:
            yield dotted(target).rpartition(".")[2], node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield dotted(node.target).rpartition(".")[2], node.value
    elif isinstance(node, ast.Call):
        if dotted(node.func).endswith(("environ.get", "getenv", "setdefault")) and len(node.args) == 2:
            yield text_of(node.args[0]) or "", node.args[1]
        for argument in node.args:
            yield "", argument
    elif isinstance(node, ast.arg):
        return
    elif isinstance(node, ast.Return | ast.Expr) and node.value is not None:
        yield "", node.value
