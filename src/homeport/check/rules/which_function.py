"""The command does not say which function to run

`modal run app.py` runs the one local entry point that there is, else the one function. Where there are
several, or what stands behind `::` is no function of the app, the client refuses with a list. A web
function cannot be run so, nor a generator.

Bad:
    # command: app.py --
    import modal

    app = modal.App("cats")

    @app.function()
    def train():
        print("training")

    @app.function()
    def evaluate():
        print("evaluating")

Bad:
    # command: app.py::trian --
    import modal

    app = modal.App("cats")

    @app.function()
    def train():
        print("training")

Good:
    # command: app.py::train --
    import modal

    app = modal.App("cats")

    @app.function()
    def train():
        print("training")

    @app.function()
    def evaluate():
        print("evaluating")
"""

import ast
from collections.abc import Iterator

from homeport.check.command_line import Runnable, matching, meant, runnables
from homeport.check.facts import Facts
from homeport.check.findings import Finding, Severity
from homeport.check.values import Site
from homeport.plan import suggestions

CODE = "HP501"


def check(facts: Facts) -> Iterator[Finding]:
    if facts.command is None:
        return
    asked = facts.command.function
    file = facts.entry.path.name
    everything = runnables(facts)
    found = matching(facts, asked)
    runnable = meant(facts)
    if runnable is not None:
        if not runnable.method and _is_generator(runnable):
            yield _finding(
                facts,
                f"{runnable.name} is a generator, and modal run does not run generators",
                "Call it by remote_gen() from a local entry point.",
            )
        return
    if not everything:
        yield _finding(facts, f"{file} has no function that modal run could run", "Decorate one.")
        return
    names = [each.name for each in everything]
    if not found:
        near = suggestions.closest(asked, names)
        what = f"{file} has no {asked}; there are {', '.join(names)}"
        yield _finding(facts, what, f"Write {file}::{near or names[0]}.")
    elif not asked:
        what = f"{file} has several functions, and the command names none: {', '.join(names)}"
        yield _finding(facts, what, f"Write {file}::{names[0]}, or another of them.")
    else:
        what = f"{asked} may be any of {', '.join(each.name for each in found)}"
        yield _finding(facts, what, f"Write {file}::{found[0].name}, or another of them.")


def _is_generator(runnable: Runnable) -> bool:
    function = runnable.function
    if function.kind == "local_entrypoint":
        return False
    given = function.options.get("is_generator")
    return given is True or (given is None and _yields(function.node))


def _yields(node: ast.AST) -> bool:
    inside = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    return any(
        isinstance(child, ast.Yield | ast.YieldFrom) or (not isinstance(child, inside) and _yields(child))
        for child in ast.iter_child_nodes(node)
    )


def _finding(facts: Facts, what: str, fix: str) -> Finding:
    return Finding(CODE, Site(facts.entry.path, 1), what, _certainty(facts), fix=fix)


def _certainty(facts: Facts) -> Severity:
    """Functions that the reading did not find may be there."""
    return "warning" if facts.app.unknown else "error"
