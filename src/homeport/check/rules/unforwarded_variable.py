"""The launcher's shell exports a variable that a function reads, and it does not get there.

    export LIMIT_FILES=50
    modal run app.py::train

`os.environ.get("LIMIT_FILES")` in the function finds nothing: a container's environment is made of the
image's `env`, Secrets and `env=`, and the shell has no part in it. The run goes on without, and nothing
says so. The same happens to a value that the app's file reads at its top: `modal run` sees the shell's, and
each container reads it anew and finds the default.

Bad:

    # shell: LIMIT_FILES
    import os
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim())
    def train():
        print(os.environ.get("LIMIT_FILES", "all"), "files")

Bad:

    # shell: GPUS
    import os
    import modal

    app = modal.App("train")
    GPUS = int(os.environ.get("GPUS", "1"))

    @app.function(image=modal.Image.debian_slim(), gpu=f"A100:{GPUS}")
    def train():
        print(f"{GPUS} processes, whatever the shell says")

Good:

    # shell: LIMIT_FILES
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim())
    def train(limit_files: int = 0):
        print(limit_files or "all", "files")
"""

import ast
from collections.abc import Iterator

from homeport.check.facts import EnvironmentRead, Facts, Function
from homeport.check.findings import Finding
from homeport.check.redaction import names_a_secret
from homeport.check.variables import is_given_by_itself, kept_in, reads

CODE = "HP203"


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        if function.name in facts.containers:
            yield from _in_container(facts, function)


def _in_container(facts: Facts, function: Function) -> Iterator[Finding]:
    container = facts.containers[function.name]
    said: set[str] = set()
    for read in reads(facts, function):
        event, name = read.event, read.event.name
        if not isinstance(name, str) or event.is_required or read.is_anything_set or name in said:
            continue
        if name not in facts.launcher.variables or is_given_by_itself(name):
            continue
        if name in read.written or name in container.environment or read.is_given:
            continue
        if container.has_unknown_secrets and names_a_secret(name):
            continue
        message = _message(event, name, function, facts)
        if message:
            said.add(name)
            yield Finding(
                CODE,
                event.site,
                message,
                "note" if container.has_unknown_secrets else "warning",
                function.name,
                f"make it an argument of {function.name}",
                (f'hand it over by name: secrets=[modal.Secret.from_local_environ(["{name}"])]',),
            )


def _message(event: EnvironmentRead, name: str, function: Function, facts: Facts) -> str:
    if event.scope or event.module is not facts.entry:
        return (
            f"this shell exports {name}, which is read in the container of {function.name}, but nothing "
            "takes it there"
        )
    used = _used_as(event, function, facts)
    if not used:
        return ""  # read for what `modal run` is told, which is done with the shell's value
    return (
        f"this shell exports {name}, and {used}, which is made of it, is used in the container of "
        f"{function.name}: that reads the file anew, has no {name}, and finds another value than `modal "
        "run` does"
    )


def _used_as(event: EnvironmentRead, function: Function, facts: Facts) -> str:
    """The global of the entry file that the value is kept in, where the container's code uses it."""
    names = kept_in(event.site, facts.entry)
    return next((name for name in names if _is_used(name, function, facts)), "")


def _is_used(name: str, function: Function, facts: Facts) -> bool:
    """In the function's body, or in that of another definition of the file which is no entry point."""
    local = {other.node for other in facts.app.functions if other.kind == "local_entrypoint"}
    of_modal = {other.node for other in facts.app.functions} - {function.node}
    for statement in facts.entry.tree.body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if statement in local or statement in of_modal:
            continue
        for inner in statement.body:
            if any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(inner)):
                return True
    return False
