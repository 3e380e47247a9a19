"""Which names of a module stand for something of modal's."""

import ast

from homeport.check.facts import Module


def aliases(module: Module) -> dict[str, str]:
    """What names of the module stand for, as far as they are modal's."""
    found = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.partition(".")[0] == "modal":
                    found[name.asname or "modal"] = name.name if name.asname else "modal"
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module and is_modal(node.module):
            for name in node.names:
                found[name.asname or name.name] = f"{node.module}.{name.name}"
    return found


def is_modal(name: str) -> bool:
    return name == "modal" or name.startswith("modal.")


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The dotted name of modal's that an expression is, empty where it is none."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, known)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
