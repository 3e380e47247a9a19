"""What the probe is to do in a function's container, and whether what came of it agrees with what was said.

Pure; inside/probe.py carries a plan out, cli/check_probe.py has it run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

from homeport.check.facts import (
    Call,
    Container,
    Event,
    Facts,
    FoundModule,
    Function,
    Import,
    MissingModule,
    PathEdit,
    Placed,
)
from homeport.check.opened_files import What, missing_files, wanted
from homeport.check.values import Site, Unknown

NEVER_HERE = frozenset({"type_checking", "local"})  # guards of what does not happen in a container
IS_CAUGHT = frozenset({"try_import", "image_imports", "except"})

Said: TypeAlias = Literal["there", "missing", "cannot prove"]
Verdict: TypeAlias = Literal["agrees", "differs", "unproven"]


@dataclass(frozen=True)
class Item:
    """An import, or a file that is opened, and what the check says of it. `is_needed`: the function fails
    without it. A file that code may have made before it opens it is not needed.
    """

    kind: Literal["import", "file"]
    what: str
    site: Site
    said: Said
    where: str
    is_needed: bool


@dataclass(frozen=True)
class Plan:
    """`steps` are JSON for inside/probe.py; the ids in them are places in `items`."""

    steps: dict[str, Any]
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Judged:
    """An item and what came of it: "there", "missing", "fails" (found, but not importable) or "untried"."""

    item: Item
    outcome: str
    where: str
    error: str

    @property
    def verdict(self) -> Verdict:
        if self.item.said == "cannot prove" or self.outcome == "untried":
            return "unproven"
        if self.item.said == "missing":
            return "agrees" if self.outcome == "missing" else "differs"
        is_elsewhere = bool(self.item.where and self.where) and _bare(self.where) != _bare(self.item.where)
        return "differs" if self.outcome == "missing" or is_elsewhere else "agrees"


def _bare(where: str) -> str:
    """A package's folder, whichever of its forms was given."""
    return where.removesuffix("/__init__.py").rstrip("/")


@dataclass(frozen=True)
class Probed:
    """A function: what is in its container, or the `error` that kept the probe out of it."""

    function: Function
    judged: tuple[Judged, ...] = ()
    python: str = ""
    error: str = ""
    entry: Mapping[str, str] = field(default_factory=dict)

    @property
    def lacks(self) -> tuple[Judged, ...]:
        """What the function needs and does not have."""
        return tuple(one for one in self.judged if one.item.is_needed and one.outcome in ("missing", "fails"))


def plan_of(function: Function, facts: Facts) -> Plan:
    """The imports and opened files of a function in the order in which its code comes to them."""
    items: list[Item] = []
    own: list[dict[str, Any]] = []
    children: list[dict[str, Any]] = []
    container = facts.containers[function.name]
    required = _required_files(function, facts)
    known = set(container.search_path)
    events = [event for event in facts.events.get(function.name, ()) if not event.guards & NEVER_HERE]
    for place, event in enumerate(events):
        if isinstance(event, PathEdit) and isinstance(event.path, str):
            if _is_of_child(event.path, events[place:], known):
                continue
            known.add(event.path)
        for step in _steps(event, container, required, items):
            if isinstance(event, Import) and not set(event.search_path) <= known:
                if not children or children[-1]["search_path"] != event.search_path:
                    children.append({"search_path": event.search_path, "steps": []})
                children[-1]["steps"].append(step)
            else:
                own.append(step)
    module = "" if function.options.get("serialized") is True else function.module.name
    return Plan({"module": module, "steps": own, "children": children}, tuple(items))


def _is_of_child(edited: str, following: list[Event], known: set[str]) -> bool:
    """Whether the next import that searches an edited folder searches others, too, that are not ours: then a
    child process made the edit.
    """
    for event in following:
        if isinstance(event, Import) and edited in event.search_path:
            return not set(event.search_path) <= known | {edited}
    return False


def _required_files(function: Function, facts: Facts) -> set[tuple[str, Site]]:
    kinds: tuple[What, ...] = ("package", "file", "folder", "script")
    return {
        (missing.path, missing.event.site)
        for kind in kinds
        for missing in missing_files(facts, kind)
        if missing.function is function and missing.severity == "error"
    }


def _steps(
    event: Event, container: Container, required: set[tuple[str, Site]], items: list[Item]
) -> list[dict[str, Any]]:
    done_by = event.module.name if not event.scope else ""
    if isinstance(event, PathEdit) and isinstance(event.path, str):
        text = event.module.text.splitlines()[event.site.line - 1 : event.site.end_line]
        return [{"do": "path", "path": event.path, "is_first": "insert" in " ".join(text), "unless": done_by}]
    if isinstance(event, Import):
        return _import(event, items)
    if not isinstance(event, Call):
        return []
    found: list[dict[str, Any]] = []
    for path, _ in wanted(event):
        found.append({"do": "file", "path": path, "id": str(len(items))})
        items.append(_file(event, path, container, (path, event.site) in required))
    folder = event.args[0] if event.name == "os.chdir" and event.args else None
    if isinstance(folder, str | PurePath):
        found.append({"do": "chdir", "path": str(folder), "unless": done_by})
    return found


def _import(event: Import, items: list[Item]) -> list[dict[str, Any]]:
    if isinstance(event.name, Unknown) or event.name.startswith("."):
        return []
    member = "" if event.member == "*" else event.member
    resolution = event.resolution
    said: Said = "cannot prove"
    if isinstance(resolution, MissingModule) or (event.has_member is False and member):
        said = "missing"
    elif isinstance(resolution, FoundModule):
        said = "there"
    is_file = isinstance(resolution, FoundModule) and resolution.kind == "shipped" and not member
    where = resolution.where if isinstance(resolution, FoundModule) and is_file and resolution.source else ""
    what = f"{event.name}.{member}" if member else event.name
    needed = event.is_certain and not event.guards & IS_CAUGHT
    step = {"do": "import", "name": event.name, "member": member, "id": str(len(items))}
    items.append(Item("import", what, event.site, said, where, needed))
    return [step]


def _file(event: Call, path: str, container: Container, is_needed: bool) -> Item:
    placed = container.at(path)
    said: Said = "cannot prove"
    if placed is None:
        said = "missing"
    elif isinstance(placed, Placed):
        said = "there"
    return Item("file", path, event.site, said, "", is_needed)


def judge(function: Function, plan: Plan, result: Mapping[str, Any] | None) -> Probed:
    """What inside/probe.py reports of a function, beside what the check said of it."""
    if result is None or "error" in result:
        return Probed(function, error=(result or {}).get("error", "its container did not answer"))
    outcomes = result["outcomes"]
    judged = []
    for number, item in enumerate(plan.items):
        outcome = outcomes.get(str(number), {"is": "untried"})
        judged.append(Judged(item, outcome["is"], outcome.get("where", ""), outcome.get("error", "")))
    return Probed(function, tuple(judged), result["python"], entry=result["entry"] or {})
