"""The preflight as a whole: gathers the facts of an app, has the rules look at them, sorts what they find.

The one place that calls the parts in turn: reading or loading, laying out containers, walking the code,
rules, ignores. What is shown, and how, is rendering's.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from homeport.check import rules
from homeport.check.facts import (
    App,
    Command,
    Container,
    Event,
    Facts,
    Launcher,
    Module,
    Project,
)
from homeport.check.findings import Finding
from homeport.check.values import Site


@dataclass(frozen=True)
class Question:
    """What is to be checked: the app of `entry`, as it is run from `launcher.folder`.

    `as_module` is the name that `modal run -m` takes. `function` restricts what is said to it and what it
    calls. `python` is the interpreter that loads the app; without one it is only read.
    """

    entry: Path
    launcher: Launcher
    as_module: str = ""
    function: str = ""
    command: Command | None = None
    python: Path | None = None
    load_timeout_s: float = 20.0
    target: Literal["homeport", "modal"] = "homeport"
    server_secrets: frozenset[str] | None = None


@dataclass(frozen=True)
class Reported:
    """A finding, with all functions that it is about; none where it is about the app."""

    finding: Finding
    functions: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    facts: Facts
    findings: tuple[Reported, ...]
    elapsed_s: float


def preflight(question: Question, sources: Any = None) -> Report:
    """Everything that the rules say of an app, in the order of its files."""
    started = time.perf_counter()
    facts = gather(question, sources)
    found = list(_merged(_apply(facts), facts))
    found.sort(key=lambda reported: _order(reported.finding, facts))
    return Report(facts, tuple(found), time.perf_counter() - started)


def gather(question: Question, sources: Any = None) -> Facts:
    """The facts of one entry file."""
    folder = question.launcher.folder
    sources = sources or import_module("homeport.check.source").Sources()
    entry: Module = sources.read(question.entry, question.as_module or question.entry.stem)
    source_app: App = import_module("homeport.check.reading").read_app(entry, sources, folder)
    app = source_app
    containers: dict[str, Container] = {}
    events: dict[str, tuple[Event, ...]] = {}
    lay_out = import_module("homeport.check.filesystem").lay_out
    walk = import_module("homeport.check.walk")
    for function in app.functions:
        if function.kind == "local_entrypoint":
            continue
        container = lay_out(function, app, entry, folder=folder, as_module=bool(question.as_module))
        containers[function.name] = container
        events[function.name] = walk.walk(function, container, sources, app)
    return Facts(
        entry=entry,
        app=app,
        source_app=source_app,
        modules={entry.path: entry},
        containers=containers,
        events=events,
        launch_events=walk.walk_launch(entry, sources, app, question.launcher),
        launcher=question.launcher,
        command=question.command,
        project=Project(folder, {}, {}),
        target=question.target,
        server_secrets=question.server_secrets,
    )


def _apply(facts: Facts) -> Iterator[Finding]:
    for rule in rules.rules():
        try:
            yield from rule.check(facts)
        except Exception as error:  # one rule's mistake hides nothing of what the others say
            yield Finding(
                "HP000",
                Site(facts.entry.path, 1),
                f"the rule {rule.CODE} could not be applied, a mistake of Homeport's: "
                f"{type(error).__name__}: {error}",
                "note",
            )


def _merged(found: Iterable[Finding], facts: Facts) -> Iterator[Reported]:
    """The same finding of several functions as one, which names them all."""
    alike: dict[Any, list[Finding]] = {}
    for finding in found:
        alike.setdefault(_template(finding), []).append(finding)
    order = {function.name: place for place, function in enumerate(facts.app.functions)}
    for findings in alike.values():
        names = sorted({finding.function for finding in findings}, key=lambda name: order.get(name, -1))
        first = next(finding for finding in findings if finding.function == names[0])
        if len(names) > 1:
            first = _renamed(first, " and ".join([", ".join(names[:-1]), names[-1]]))
        yield Reported(first, tuple(name for name in names if name))


def _template(finding: Finding) -> tuple[object, ...]:
    bare = _renamed(finding, "\0")
    return (
        bare.code,
        bare.site,
        bare.message,
        bare.severity,
        bare.fix,
        bare.others,
        bare.edits,
        bare.related,
    )


def _renamed(finding: Finding, name: str) -> Finding:
    """The finding with its function called otherwise, wherever its sentences name it as a word of its own."""
    if not finding.function:
        return finding
    import re

    pattern = re.compile(rf"(?<![\w.]){re.escape(finding.function)}(?![\w.]\w)(?!\w)")

    def said(text: str) -> str:
        return pattern.sub(lambda match: name, text)

    return replace(
        finding,
        message=said(finding.message),
        fix=said(finding.fix),
        others=tuple(map(said, finding.others)),
        related=tuple((site, said(word)) for site, word in finding.related),
    )


def _order(finding: Finding, facts: Facts) -> tuple[bool, str, int, int, str, str]:
    site = finding.site
    return (
        site.path != facts.entry.path,
        str(site.path),
        site.line,
        site.column,
        finding.code,
        finding.message,
    )
