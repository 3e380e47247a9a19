"""Reads an app out of its source, without running it: follows the entry file from its top to its end, with
the app's own modules that it imports.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from homeport.check.facts import App, Command, Function, Launcher, Module
from homeport.check.reading.local_imports import new_scope
from homeport.check.reading.merge import freeze
from homeport.check.reading.scope import AppBuilder, Scope, Side, TooLongError, Version
from homeport.check.reading.statements import follow, new_world
from homeport.check.source import Sources
from homeport.check.values import Site, Unknown, Value

DEEPEST_STACK = 5000  # calls of Python's; they take no room on the stack of C


def read_app(
    entry: Module,
    sources: Sources,
    folder: Path,
    launcher: Launcher | None = None,
    command: Command | None = None,
) -> App:
    """The app of an entry file, as `modal run` typed in `folder` would make it; as this command there would,
    where they are known.
    """
    scope, unknown = module_scope(entry, sources, Side(folder, known=known(entry, launcher, command)))
    return replace(app_of(entry, scope, unknown), search_path=tuple(searched(scope, folder)))


def known(entry: Module, launcher: Launcher | None, command: Command | None) -> dict[str, Value]:
    """What the code sees of the process that imports it."""
    found: dict[str, Value] = {}
    if launcher is not None:
        found["modal.__version__"] = launcher.client_version
        numbers = [int(part) for part in launcher.python_version.split(".") if part.isdigit()]
        if len(numbers) >= 2:
            found["sys.version_info"] = Version(numbers[0], numbers[1], [*numbers, 0][2])
    if command is not None:
        asked = f"{entry.path}::{command.function}" if command.function else str(entry.path)
        found["sys.argv"] = ("modal", "run", asked, *command.arguments)
    return found


def searched(scope: Scope, folder: Path) -> Iterator[str]:
    """sys.path as the app's code left it, absolute."""
    for part in scope.world.search_path:
        if isinstance(part, str):
            yield os.path.normpath(folder / part)


def module_scope(
    entry: Module, sources: Sources, side: Side, search_path: tuple[str, ...] | None = None
) -> tuple[Scope, list[Unknown]]:
    """A module's names after it was followed, where modal runs or in a container (`side`), and what kept it
    from being followed to its end.
    """
    path = launch_path(entry, side.folder) if search_path is None else search_path
    world = new_world(entry.path, sources, side, list(path))
    scope = new_scope(entry, world)
    world.modules[str(entry.path)] = scope
    unknown: list[Unknown] = []
    if entry.error:
        unknown.append(Unknown(f"is in {entry.path.name}, which {entry.error}"))
    try:
        with deep_stack():
            follow(scope)
    except TooLongError:
        unknown.append(Unknown("computes more than is followed", Site(entry.path, 1)))
    unknown.extend(Unknown("comes after what ends the import", site) for site in world.ends)
    return scope, unknown


@contextmanager
def deep_stack() -> Iterator[None]:
    """Room for modules that import one another in a long row, each some ten calls deep."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST_STACK))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def launch_path(entry: Module, folder: Path) -> tuple[str, ...]:
    """sys.path where `modal run FILE` or `modal run -m pkg.mod` is typed: the file's folder, and this one."""
    more = [str(folder / part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if "." in entry.name:
        return (str(folder), *more)
    return (str(entry.path.parent), str(folder), *more)


def app_of(entry: Module, scope: Scope, unknown: list[Unknown]) -> App:
    builders = apps_of(scope)
    if not builders:
        unknown.append(Unknown(f"is in no modal.App that {entry.path.name} has", Site(entry.path, 1)))
        return App(
            Unknown("is the name of an app that is not there"),
            Site(entry.path, 1),
            {},
            (),
            "static",
            tuple(unknown),
        )
    main = builders[0]
    functions: list[Function] = []
    for builder in builders:
        functions.extend(one for one in builder.functions if one not in functions)
    for value in scope.names.values():
        if isinstance(value, Function) and value not in functions:
            functions.append(value)
    return App(freeze(main.name), main.site, freeze(main.options), tuple(functions), "static", tuple(unknown))


def apps_of(scope: Scope) -> list[AppBuilder]:
    """The apps that are names of the module, as `modal run` looks for them: the one called `app` first."""
    found: list[AppBuilder] = []
    for name in sorted(scope.names, key=lambda name: name not in ("app", "stub")):
        value = scope.names[name]
        if isinstance(value, AppBuilder) and value not in found:
            found.append(value)
    return found or scope.world.apps[:1]
