"""A variable of the launcher's shell becomes part of the run.

The app's file is imported where `modal run` is typed, and `Secret.from_dict({"X": os.environ["X"]})`,
`Image.env(dict(os.environ))` or `env={"X": os.getenv("X")}` take what that shell has at that moment. A
variable that somebody exported days ago for a test then changes a run that names another configuration, and
no file says so. Say it in the configuration, or pass it as an argument, which the command line and the log
both show.

Handing over a variable by its name with `Secret.from_local_environ`, or a token such as WANDB_API_KEY in a
Secret is common and works: it is a note. In an image's `env` a token lies in the image's layers.

Bad:

    import os
    import modal

    app = modal.App("train")
    settings = modal.Secret.from_dict({"LIMIT_FILES": os.environ.get("LIMIT_FILES", "")})

    @app.function(image=modal.Image.debian_slim(), secrets=[settings])
    def train():
        print(os.environ["LIMIT_FILES"] or "all", "files")

Bad:

    import os
    import modal

    app = modal.App("train")

    @app.function(image=modal.Image.debian_slim().env(dict(os.environ)))
    def train():
        print("with everything that the shell has")

Good:

    import modal

    app = modal.App("train")
    settings = modal.Secret.from_dict({"WANDB_MODE": "offline"})

    @app.function(image=modal.Image.debian_slim(), secrets=[settings])
    def train(limit_files: int = 0):
        print(limit_files or "all", "files")
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from homeport.check.facts import EnvironmentRead, Facts, Function, Image, Secret, Step
from homeport.check.findings import Finding, Severity
from homeport.check.redaction import names_a_secret
from homeport.check.values import Site, Value, parts_from_shell
from homeport.check.variables import is_given_by_itself, is_setting_of_library, kept_in, reads

CODE = "HP201"


@dataclass(frozen=True)
class _Captured:
    """A variable by name, or all of them, and what it is captured into."""

    name: str | None
    into: Literal["a Secret", "the image", "env="]
    site: Site
    around: Site  # of the whole call
    is_asked: bool = False  # by a list of names, which is there for it


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.source_app.functions:
        if function.kind == "local_entrypoint":
            continue
        for captured in dict.fromkeys(_captured(function)):
            if captured.name is None:
                yield _of_all(captured, function, facts)
            elif not is_given_by_itself(captured.name):
                yield _of_one(captured, captured.name, function, facts)


def _captured(function: Function) -> Iterator[_Captured]:
    for secret in function.secrets:
        if not isinstance(secret, Secret):
            continue
        if secret.kind == "from_local_environ":
            names = secret.args[0] if secret.args else secret.options.get("env_keys")
            for name in names if isinstance(names, tuple) else ():
                if isinstance(name, str) and not names_a_secret(name):
                    yield _Captured(name, "a Secret", secret.site, secret.site, True)
        elif secret.kind == "from_dict":
            yield from _parts((*secret.args, *secret.options.values()), "a Secret", secret.site)
    if isinstance(function.image, Image):
        for step in function.image.steps:
            if isinstance(step, Step) and step.method == "env":
                yield from _parts((*step.args, *step.options.values()), "the image", step.site)
    given = function.options.get("env")
    yield from _parts((given,), "env=", function.option_sites.get("env", function.site))


def _parts(
    values: tuple[Value, ...], into: Literal["a Secret", "the image", "env="], around: Site
) -> Iterator[_Captured]:
    for value in values:
        for part in dict.fromkeys(parts_from_shell(value)):
            yield _Captured(part.name, into, part.site, around)


def _of_one(captured: _Captured, name: str, function: Function, facts: Facts) -> Finding:
    read = _read(name, captured, function, facts)
    severity = _severity(name, captured, read, facts)
    message = (
        f"{name} comes into {captured.into} of {function.name} from the shell where the command is typed"
    )
    if severity == "warning" and names_a_secret(name):
        message = f"{name} of the launcher's shell lies in the image of {function.name}, where it can be read"
    elif severity == "warning":
        known = _known_of(name, read, facts)
        how = message.removeprefix(f"{name} ")
        comes = f"{name}, {known}, {how}" if known else f"{name} {how}"
        message = f"{comes}: what that shell happens to have is what the run gets"
    fix = f"set {name} to what is meant, in the configuration or as an argument of the function"
    if names_a_secret(name):
        fix = "keep it on the server: modal secret create, and modal.Secret.from_name"
    related = ((read.site, "read here"),) if read else ()
    return Finding(CODE, captured.site, message, severity, function.name, fix, related=related)


def _severity(name: str, captured: _Captured, read: EnvironmentRead | None, facts: Facts) -> Severity:
    if names_a_secret(name):
        return "warning" if captured.into == "the image" else "note"
    if captured.is_asked or _is_of_the_machine(captured, facts):
        return "note"
    is_required = any(
        isinstance(event, EnvironmentRead) and event.is_required and event.name == name
        for event in facts.launch_events
    )
    return "note" if read is None and (is_required or is_setting_of_library(name)) else "warning"


def _known_of(name: str, read: EnvironmentRead | None, facts: Facts) -> str:
    """What makes it matter now: "which this shell exports, and train.py:96 reads"."""
    exported = "this shell exports" if name in facts.launcher.variables else ""
    used = f"{read.site.path.name}:{read.site.line} reads" if read else ""
    return f"which {' and '.join(filter(None, (exported, used)))}" if exported or used else ""


def _of_all(captured: _Captured, function: Function, facts: Facts) -> Finding:
    """Of `dict(os.environ)`, or a loop over it that takes some."""
    read = _read(None, captured, function, facts)
    example = ""
    if read is not None and isinstance(read.name, str):
        example = f", such as {read.name}, {_known_of(read.name, read, facts)}"
    return Finding(
        CODE,
        captured.site,
        f"a loop over os.environ, or a copy, takes variables of the shell where the command is typed into "
        f"{captured.into} of {function.name}{example}: what that shell happens to have changes the run",
        "warning",
        function.name,
        "name the variables that are meant, one by one",
        ("set what decides how a run goes in its configuration",),
        related=((read.site, "read here"),) if read else (),
    )


def _read(name: str | None, captured: _Captured, function: Function, facts: Facts) -> EnvironmentRead | None:
    """Where the function's code reads the variable, or any that a loop may take.

    One that is exported just now goes first: that is the one that is captured.
    """
    beginnings = _beginnings(captured, facts) if name is None else ()
    found: EnvironmentRead | None = None
    for read in reads(facts, function):
        event = read.event
        if not isinstance(event.name, str) or is_given_by_itself(event.name) or event.name in read.written:
            continue
        if _is_within(event.site, captured.site) or (
            not event.scope and _is_within(event.site, captured.around)
        ):
            continue  # the capture itself, which the container's import of the file makes again
        if name is None:
            if names_a_secret(event.name) or (beginnings and not event.name.startswith(beginnings)):
                continue
            if event.name in facts.launcher.variables:
                return event
            found = found or event
        elif event.name == name:
            return event
    return found


def _beginnings(captured: _Captured, facts: Facts) -> tuple[str, ...]:
    """The names, or beginnings of names, that a loop over the environment asks for, as they stand there."""
    module = facts.modules.get(captured.around.path, facts.entry)
    lines = module.text.splitlines()[
        captured.around.line - 1 : max(captured.around.line, captured.around.end_line)
    ]
    return tuple(re.findall(r"""["']([A-Z][A-Z0-9_]*)["']""", "\n".join(lines)))


def _is_within(site: Site, around: Site) -> bool:
    return site.path == around.path and around.line <= site.line <= max(around.line, around.end_line)


def _is_of_the_machine(captured: _Captured, facts: Facts) -> bool:
    """Whether the app itself is made by the variable, too: `gpu=GPU`. Then it is meant to be typed."""
    if _is_within(captured.site, captured.around):
        return False
    names = set(kept_in(captured.site, facts.entry))
    return any(
        isinstance(node, ast.Name) and node.id in names
        for function in facts.app.functions
        for decorator in function.node.decorator_list
        for node in ast.walk(decorator)
    )
