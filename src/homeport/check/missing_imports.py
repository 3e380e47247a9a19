"""Imports that fail in a container, told apart by what is the matter. Each rule on them takes one kind."""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from homeport.check.facts import (
    Container,
    Event,
    Facts,
    FoundModule,
    Function,
    Import,
    MissingModule,
    PathEdit,
    Placed,
    Step,
)
from homeport.check.findings import Severity
from homeport.check.values import Site

What = Literal["relative", "part", "listed", "own", "library"]
"""relative: no package to be relative to. part: of a shipped package. listed: beside files that the image
adds one by one. own: the user's, elsewhere. library: somebody else's."""

IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError"})


@dataclass(frozen=True)
class Failing:
    """An import that fails. `edits` are the folders put on sys.path before, `again` its further places."""

    function: Function
    container: Container
    event: Import
    resolution: MissingModule
    name: str
    what: What
    severity: Severity
    edits: tuple[PathEdit, ...]
    again: tuple[Site, ...] = ()
    siblings: tuple[Step, ...] = ()


@dataclass
class _Group:
    """Places that import the same missing module, and the worst of them."""

    best: Failing
    sites: list[Site] = field(default_factory=list)


def severity_of(event: Event) -> Severity | None:
    """How bad it is that this fails: an error where every run does, None where that is provided for."""
    if event.guards & {"type_checking", "local"} or event.caught & IMPORT_ERRORS:
        return None
    if event.is_certain and "try_import" not in event.guards:
        return "error"
    return "warning"


def failing_imports(facts: Facts, what: What) -> Iterator[Failing]:
    """The imports that fail in each function's container, each module once."""
    for failing in _all(facts):
        if failing.what == what:
            yield failing


@lru_cache(maxsize=2)
def _all(facts: Facts) -> tuple[Failing, ...]:
    found: list[Failing] = []
    for function in facts.app.functions:
        container = facts.containers.get(function.name)
        if container is not None:
            walks = facts.events.get(function.name, ()), facts.with_arguments.get(function.name, ())
            found += _of_function(function, container, walks)
    return tuple(found)


def _of_function(
    function: Function, container: Container, walks: Iterable[tuple[Event, ...]]
) -> Iterator[Failing]:
    groups: dict[str, _Group] = {}
    for events in walks:
        edits: list[PathEdit] = []
        for event in events:
            if isinstance(event, PathEdit):
                edits.append(event)
            if not isinstance(event, Import) or not isinstance(event.name, str):
                continue
            name, resolution = _missing(event, container)
            severity = severity_of(event)
            if resolution is None or severity is None:
                continue
            group = groups.get(name)
            if group is None or (severity == "error" and group.best.severity != "error"):
                failing = _made(function, container, event, resolution, name, severity, tuple(edits))
                if group is None:
                    group = groups[name] = _Group(failing)
                group.best = failing
            if event.site not in group.sites:
                group.sites.append(event.site)
    for group in groups.values():
        best = group.best
        others = tuple(site for site in group.sites if site != best.event.site)
        yield Failing(**{**vars(best), "again": others[:5]})


def _missing(event: Import, container: Container) -> tuple[str, MissingModule | None]:
    """The module that an import fails by: its own, or the submodule that `from package import it` names."""
    name = str(event.name)
    if isinstance(event.resolution, MissingModule):
        return name, event.resolution
    if event.has_member is False and isinstance(event.resolution, FoundModule):
        inner = f"{name}.{event.member}"
        found = container.find(inner, event.search_path)
        if isinstance(found, MissingModule) and found.nearest_launcher:
            return inner, found
    return name, None


def _made(
    function: Function,
    container: Container,
    event: Import,
    resolution: MissingModule,
    name: str,
    severity: Severity,
    edits: tuple[PathEdit, ...],
) -> Failing:
    siblings: tuple[Step, ...] = ()
    what: What = "library"
    top = container.find(name.partition(".")[0], event.search_path)
    if name.startswith("."):
        what = "relative"
    elif "." in name and isinstance(top, FoundModule) and top.kind == "shipped":
        what = "part"
    elif is_own(resolution):
        siblings = _siblings(function, container, event, resolution)
        what = "listed" if siblings and not resolution.nearest_container else "own"
    return Failing(function, container, event, resolution, name, what, severity, edits, siblings=siblings)


def is_own(resolution: MissingModule) -> bool:
    """Whether a missing module is the user's own, rather than a library."""
    if resolution.nearest_container:
        return True
    return bool(resolution.nearest_launcher) and not resolution.distribution


def _siblings(
    function: Function, container: Container, event: Import, resolution: MissingModule
) -> tuple[Step, ...]:
    """Steps that add files of the module's folder one by one, to a folder that Python searches."""
    folders = {path.parent for path in resolution.nearest_launcher if path.suffix == ".py"}
    steps = []
    for step in function.image.steps if function.image else ():
        if not isinstance(step, Step) or step.method not in ("add_local_file", "copy_local_file"):
            continue
        target = target_of(step)
        placed = container.at(target) if target else None
        if not isinstance(placed, Placed) or placed.source is None or placed.source.suffix != ".py":
            continue
        if placed.source.parent in folders and posixpath.dirname(str(placed.path)) in event.search_path:
            steps.append(step)
    return tuple(steps)


def target_of(step: Step) -> str:
    """Where an add_local_* step puts a file, as far as that is said; empty where it is not known."""
    target = step.args[1] if len(step.args) > 1 else step.options.get("remote_path")
    source = step.args[0] if step.args else step.options.get("local_path")
    if not isinstance(target, str):
        return ""
    return target + posixpath.basename(str(source)) if target.endswith("/") else target


def folders_text(search_path: tuple[str, ...]) -> str:
    """The folders that Python searches, without the client's own."""
    return ", ".join(folder for folder in search_path if folder != "/pkg") or "nothing of yours"


def last_step(function: Function) -> Step | None:
    """The step that ends a function's image, where all of it is known and stands in the source."""
    if function.image is None or not all(isinstance(step, Step) for step in function.image.steps):
        return None
    last = function.image.steps[-1] if function.image.steps else None
    return last if isinstance(last, Step) and last.site.end_line else None


def end_of(site: Site) -> Site:
    return Site(site.path, site.end_line, site.end_column, site.end_line, site.end_column)
