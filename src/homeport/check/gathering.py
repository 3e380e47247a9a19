"""Gathers the facts of one app: reads or loads it, lays out its containers, walks its code."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from homeport.check.arguments import walked_with_arguments
from homeport.check.container.built import Layers
from homeport.check.facts import (
    App,
    Command,
    Container,
    Event,
    Facts,
    Launcher,
    LoadFailure,
    Module,
    Step,
)
from homeport.check.filesystem import lay_out
from homeport.check.local_sources import local_sources
from homeport.check.project import project_of
from homeport.check.reading import read_app
from homeport.check.source import Sources
from homeport.check.values import Unknown
from homeport.check.walk import walk, walk_launch

if TYPE_CHECKING:
    from homeport.check.kept import Kept


@dataclass(frozen=True)
class Question:
    """What is to be checked: the app of `entry`, as it is run from `launcher.folder`.

    `as_module` is the name that `modal run -m` takes. `function` restricts what is said to it and what it
    calls. `python` is the interpreter that loads the app; without one it is only read. `is_sought`: the file
    was found below a folder, and may have no app. `secrets` tells the names that the server has, None where
    they are not known. `kept` has apps as they were loaded before. `layers` knows the images that are built
    there.
    """

    entry: Path
    launcher: Launcher
    as_module: str = ""
    function: str = ""
    command: Command | None = None
    python: Path | None = None
    load_timeout_s: float = 20.0
    kept: "Kept | None" = None
    target: Literal["homeport", "modal"] = "homeport"
    secrets: Callable[[], frozenset[str] | None] | None = None
    layers: Layers | None = None
    is_sought: bool = False


def gather(question: Question, sources: Sources) -> Facts:
    """The facts of one entry file."""
    launcher = question.launcher
    entry = sources.read(question.entry, question.as_module or question.entry.stem)
    source_app = read_app(entry, sources, launcher.folder, launcher, question.command)
    app, failure = _loaded(question, entry, sources, source_app) if question.python else (source_app, None)
    containers: dict[str, Container] = {}
    events: dict[str, tuple[Event, ...]] = {}
    for function in app.functions:
        if function.kind == "local_entrypoint":
            events[function.name] = walk_launch(entry, sources, app, launcher, function)
            continue
        container = lay_out(
            function,
            app,
            entry,
            folder=launcher.folder,
            as_module=bool(question.as_module),
            launcher_python=launcher.python_version,
            layers=question.layers,
        )
        containers[function.name] = container
        events[function.name] = walk(function, container, sources, app)
    launch_events = walk_launch(entry, sources, app, launcher)
    modules = sources.modules()
    facts = Facts(
        entry=entry,
        app=app,
        source_app=source_app,
        modules=modules,
        containers=containers,
        events=events,
        launch_events=launch_events,
        launcher=launcher,
        command=question.command,
        project=project_of(launcher.folder, modules.values(), containers, question.command),
        target=question.target,
        server_secrets=question.secrets() if question.secrets and _names_secrets(app) else None,
        sources=local_sources(app, entry, launcher.folder, launcher.modules),
        load_failure=failure,
    )
    return replace(facts, with_arguments=walked_with_arguments(facts, sources))


def _names_secrets(app: App) -> bool:
    """Whether it matters which Secrets the server has, which takes a while to look up."""
    steps = [step for function in app.functions if function.image for step in function.image.steps]
    return any(function.secrets for function in app.functions) or any(
        isinstance(step, Step) and not {"secret", "secrets"}.isdisjoint(step.options) for step in steps
    )


def _loaded(
    question: Question, entry: Module, sources: Sources, source_app: App
) -> tuple[App, LoadFailure | None]:
    """The app as loading it gives it; where that fails as the source has it, with why."""
    from homeport.check.loading import load_app

    assert question.python is not None
    if entry.error or not has_objects(source_app):
        return source_app, None
    loaded = load_app(
        question.entry,
        entry,
        as_module=bool(question.as_module),
        python=question.python,
        folder=question.launcher.folder,
        timeout_s=question.load_timeout_s,
        sources=sources,
        source_app=source_app,
        kept=question.kept,
    )
    return (source_app, loaded) if isinstance(loaded, LoadFailure) else (loaded, None)


def has_objects(app: App) -> bool:
    """Whether the file makes an app at all."""
    return bool(app.functions) or not isinstance(app.name, Unknown)
