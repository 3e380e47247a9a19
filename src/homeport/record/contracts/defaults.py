"""Values of a function's parameters that a call leaves to their defaults, by reading the source."""

import ast

from homeport.record.contracts.configuration import as_text
from homeport.record.parsing import parsed


def defaults(source: str, function: str) -> dict[str, str]:
    """Of `train` or `Trainer.fit` at the top of a module, those that are written there or in a constant."""
    tree = parsed(source)
    if tree is None:
        return {}
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    body: list[ast.stmt] = tree.body
    *owners, name = function.split(".")
    for owner in owners:
        body = next((n.body for n in body if isinstance(n, ast.ClassDef) and n.name == owner), [])
    found = [n for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name == name]
    return _of(found[-1].args, constants) if found else {}


def _of(arguments: ast.arguments, constants: dict[str, ast.expr]) -> dict[str, str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(reversed(positional), reversed(arguments.defaults), strict=False),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    found: dict[str, str] = {}
    for argument, default in pairs:
        if isinstance(default, ast.Name):
            default = constants.get(default.id)
        if default is None:
            continue
        try:
            found[argument.arg] = as_text(ast.literal_eval(default))
        except (ValueError, TypeError, SyntaxError):
            continue  # the run computes it
    return found
