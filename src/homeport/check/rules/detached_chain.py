"""With --detach, only the last call that an entry point triggered is kept alive

`modal run --detach` lets an app outlive the command that started it: the laptop may sleep. But a local
entry point runs on the laptop, and what it would have called next is never called; of several calls that
are under way only the last one triggered is kept. An entry point that prepares, trains and evaluates ends
with the step that was running. One function in the cloud that calls the others has no such end.

It is a warning for `modal run --detach`. Where the command is not known it is a note, for entry points that
call what may take half an hour or more.

Bad:
    # run: --detach app.py
    import modal

    app = modal.App("cats")

    @app.function(timeout=3600)
    def prepare():
        print("preparing")

    @app.function(timeout=3600)
    def train():
        print("training")

    @app.local_entrypoint()
    def main():
        prepare.remote()
        train.remote()

Good:
    # run: --detach app.py
    import modal

    app = modal.App("cats")

    @app.function(timeout=3600)
    def prepare():
        print("preparing")

    @app.function(timeout=3600)
    def train():
        prepare.remote()
        print("training")

    @app.local_entrypoint()
    def main():
        train.remote()
"""

import ast
from collections.abc import Iterator

from homeport.check.command_line import chosen
from homeport.check.facts import Facts, Function
from homeport.check.findings import Finding
from homeport.check.rules._given import site_of, timeout_of

CODE = "HP406"

_LONG_S = 30 * 60
_CALLS = ("remote", "remote_gen", "spawn", "map", "starmap", "for_each", "spawn_map")


def check(facts: Facts) -> Iterator[Finding]:
    asked = chosen(facts)
    for function in facts.app.functions:
        if function.kind != "local_entrypoint" or (facts.command is not None and asked is not function):
            continue
        if facts.command is not None and not facts.command.is_detached:
            continue
        calls = _calls(facts, function)
        if len(calls) < 2:
            continue
        names = list(dict.fromkeys(name for name, _ in calls))
        is_detached = facts.command is not None and facts.command.is_detached
        if not is_detached and not any(_is_long(facts, name) for name in names):
            continue
        said = "is triggered several times" if len(names) == 1 else "are triggered one by one"
        yield Finding(
            CODE,
            site_of(function, calls[0][1]),
            f"{' and '.join(names[:3])}{' and others' if len(names) > 3 else ''} {said} by "
            f"{function.name}, and "
            "with --detach only the last call that was triggered outlives this command",
            "warning" if is_detached else "note",
            fix=f"Call them from one function of the app, and that one from {function.name}.",
            related=tuple((site_of(function, node), "called here") for _, node in calls[1:4]),
        )


def _is_long(facts: Facts, name: str) -> bool:
    """Whether a function may take so long that somebody would rather not wait for it."""
    limits = [timeout_of(function) for function in facts.app.functions if function.name == name]
    return any(limit is not None and limit >= _LONG_S for limit in limits)


def _calls(facts: Facts, entrypoint: Function) -> list[tuple[str, ast.Call]]:
    """Calls of the app's functions, in order; one in a loop counts twice."""
    owners = {each.name: each.name for each in facts.app.functions if each.kind != "local_entrypoint"}
    for node in ast.walk(entrypoint.node):  # model = Model(), as it stands for Model
        if isinstance(node, ast.Assign) and (owner := _root(node.value)) in owners:
            owners |= {target.id: owner for target in node.targets if isinstance(target, ast.Name)}
    found = _found(entrypoint.node, owners, is_loop=False)
    return sorted(found, key=lambda call: (call[1].lineno, call[1].col_offset))


def _found(node: ast.AST, owners: dict[str, str], *, is_loop: bool) -> Iterator[tuple[str, ast.Call]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CALLS:
        owner = owners.get(_root(node.func.value), "")
        if owner:
            yield owner, node
            if is_loop:
                yield owner, node
    for name, value in ast.iter_fields(node):
        inside = is_loop or (
            isinstance(node, ast.For | ast.AsyncFor | ast.While) and name in ("body", "test")
        )
        inside = inside or (isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp) and name == "elt")
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield from _found(child, owners, is_loop=inside)


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes and calls begins with: Model of `Model().predict`."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return ""
    return node.id
