"""What is true while code is followed: where Python searches, how certain it is to get here."""

import ast
import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, Protocol

from homeport.check.execution.objects import MADE, ModuleState, UserFunction, Variables, either, is_same
from homeport.check.facts import (
    App,
    Container,
    Event,
    FoundModule,
    Function,
    Module,
    Placed,
    Resolution,
    UnprovenModule,
)
from homeport.check.values import Site, Unknown, Value

MAX_STEPS = 60_000  # statements; a whole training project has some thousands
MAX_EVENTS = 20_000
MAX_DEPTH = 24  # calls in calls
MAX_WALKS = 8  # of one function, where it is certain that it is called
MAX_DOUBTFUL_WALKS = 2  # and where it is not

End = Literal["", "break", "return", "raise", "exit"]
"""How a block ends: "" goes on; "break" is continue, too."""

UNPROVEN = UnprovenModule("sys.path is edited with a folder that is not known")
Guards = frozenset[str]
NO_GUARDS: Guards = frozenset()


class Reader(Protocol):
    """The files of the launcher (source.Sources)."""

    def read(self, path: Any, name: str = "") -> Module: ...


class SpentError(Exception):
    """More was followed than a check has time for; what was seen until here stands."""


@dataclass(slots=True)
class Place:
    """What code can change of the process, other than its variables. Replaced, never changed in place.

    `maybe` are folders that only some runs put on sys.path; `is_path_open`: other ones may be there, too.
    """

    search_path: tuple[str, ...]
    folder: str | Unknown
    maybe: tuple[str, ...] = ()
    is_path_open: bool = False
    environment: Mapping[str, Value] = field(default_factory=dict)  # what the code itself has set
    is_environment_open: bool = False
    made: frozenset[str] = frozenset()  # files and folders that it may have made
    is_disk_open: bool = False  # a child process may have made any
    may_find_more: bool = False  # and modules


@dataclass(slots=True)
class Process:
    """A Python process: its modules, and how it was started."""

    modules: dict[str, ModuleState] = field(default_factory=dict)
    roots: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the sys.path that found a package
    argv: tuple[Value, ...] | None = None


@dataclass(slots=True)
class Frame:
    """A function, or a module's top level, that is being followed."""

    state: ModuleState
    scope: str
    variables: Variables
    enclosing: tuple[Variables, ...] = ()
    global_names: frozenset[str] = frozenset()
    outer_names: frozenset[str] = frozenset()
    function: UserFunction | None = None
    returned: list[Value] = field(default_factory=list)
    is_doubtful: bool = False  # an earlier branch may have returned
    is_loop_doubtful: bool = False  # or gone to the loop's next round
    left: list[Place] = field(default_factory=list)  # as it was where it returned
    is_generator: bool = False
    is_class: bool = False


class Core:
    """The state of one walk; the other files of this folder add what it can do."""

    def __init__(self, container: Container, sources: Reader, app: App, *, is_local: bool) -> None:
        self.container = container
        self.sources = sources
        self.app = app
        self.is_local = is_local
        self.events: list[Event] = []
        self.steps = 0
        self.process = Process()
        workdir = container.workdir
        self.place = Place(container.search_path, workdir)
        self.frame = Frame(ModuleState("", None, "", False), "", {})
        self.stack: list[Frame] = []
        self.is_sure = True
        self.guards: Guards = NO_GUARDS
        self.caught: frozenset[str] = frozenset()
        self.via: tuple[Site, ...] = ()
        self.pending: End = ""
        self.found: dict[tuple[str, tuple[str, ...]], Resolution] = {}
        self.functions = {id(function.node): function for function in app.functions}
        self.functions_by_place = {
            (function.module.path, function.node.name, function.node.lineno): function
            for function in app.functions
        }
        self.bodies: dict[int, Value] = {}  # id of a Function -> its UserFunction or UserClass
        self.walked: dict[tuple[int, bool], int] = {}
        self.current: Function | None = None
        self.stored: dict[int, frozenset[str]] = {}
        self.generators: dict[int, bool] = {}
        self.depth = 0  # of processes

    # what the parts need of each other

    def evaluate(self, node: ast.expr) -> Value:
        raise NotImplementedError

    def run_block(self, statements: list[ast.stmt]) -> End:
        raise NotImplementedError

    def call(
        self, target: Value, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call, name: str
    ) -> Value:
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    def import_module(
        self, name: str, node: ast.AST, *, member: str = "", member_at: ast.AST | None = None
    ) -> Value:
        raise NotImplementedError

    def run_command(self, words: Value, options: Mapping[str, Value], node: ast.Call, name: str) -> None:
        raise NotImplementedError

    def attribute_of(self, base: Value, name: str, node: ast.expr) -> Value:
        raise NotImplementedError

    def constant_of(self, full: str) -> Value:
        raise NotImplementedError

    def items(self, nodes: list[ast.expr]) -> tuple[Value, ...]:
        raise NotImplementedError

    def closure(self) -> tuple[Variables, ...]:
        raise NotImplementedError

    def defaults_of(self, arguments: ast.arguments) -> dict[str, Value]:
        raise NotImplementedError

    def follow(
        self,
        function: UserFunction,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        node: ast.expr | None,
        *,
        is_sure: bool = True,
    ) -> Value:
        raise NotImplementedError

    def is_running(self, node: ast.AST) -> bool:
        raise NotImplementedError

    def run_import(self, node: ast.Import) -> None:
        raise NotImplementedError

    def run_import_from(self, node: ast.ImportFrom) -> None:
        raise NotImplementedError

    def run_module(self, state: ModuleState, node: ast.AST | None, is_certain: bool, main: str = "") -> None:
        raise NotImplementedError

    def resolve_all(self, name: str) -> tuple[Resolution, list[tuple[str, FoundModule]]]:
        raise NotImplementedError

    def load_all(self, chain: list[tuple[str, FoundModule]], node: ast.AST) -> Value:
        raise NotImplementedError

    def note_import(self, name: str, node: ast.AST, resolution: Resolution) -> None:
        raise NotImplementedError

    def new_state(self, name: str, found: FoundModule) -> ModuleState:
        raise NotImplementedError

    def join(self, one: Place, other: Place) -> Place:
        return merged(one, other)

    # events

    @property
    def is_certain(self) -> bool:
        return self.is_sure and not self.frame.is_doubtful and not self.frame.is_loop_doubtful

    def site(self, node: ast.AST) -> Site:
        module = self.frame.state.module
        assert module
        return Site(
            module.path,
            node.lineno,  # type: ignore[attr-defined]
            node.col_offset,  # type: ignore[attr-defined]
            node.end_lineno,  # type: ignore[attr-defined]
            node.end_col_offset,  # type: ignore[attr-defined]
        )

    def emit(self, kind: Callable[..., Event], node: ast.AST, /, **facts: Any) -> None:
        frame = self.frame
        if frame.state.module is None:
            return
        if len(self.events) >= MAX_EVENTS:
            raise SpentError
        self.events.append(
            kind(
                module=frame.state.module,
                scope=frame.scope,
                site=self.site(node),
                is_certain=self.is_certain,
                guards=self.guards,
                via=self.via,
                caught=self.caught,
                **facts,
            )
        )

    # certainty, and what branches leave behind

    @contextmanager
    def under(
        self, *guards: str, is_sure: bool = True, caught: frozenset[str] = frozenset()
    ) -> Iterator[None]:
        before = self.is_sure, self.guards, self.caught
        self.is_sure = self.is_sure and is_sure
        if guards:
            self.guards = self.guards | frozenset(guards)
        if caught:
            self.caught = self.caught | caught
        try:
            yield
        finally:
            self.is_sure, self.guards, self.caught = before

    def save(self) -> tuple[Variables, Place]:
        return dict(self.frame.variables), self.place

    def restore(self, saved: tuple[Variables, Place]) -> None:
        variables = self.frame.variables
        variables.clear()
        variables.update(saved[0])
        self.place = saved[1]

    def branches(self, ways: list[Callable[[], End]]) -> End:
        """Goes each of several ways from here, of which a run takes one; leaves what is so after any."""
        start = self.save()
        ends: list[End] = []
        left: list[tuple[Variables, Place]] = []
        for number, way in enumerate(ways):
            if number:
                self.restore(start)
            end = way()
            ends.append(end)
            if not end:
                left.append(self.save())
        if left:
            self.restore(left[0])
            for other in left[1:]:
                self.merge(other)
            self.doubt(ends)
            return ""
        if all(end == ends[0] for end in ends):
            return ends[0]
        self.doubt(ends)
        remaining = [end for end in ends if end != "raise"]
        if all(end == remaining[0] for end in remaining):
            return remaining[0]
        return "break" if "break" in remaining else "return"

    def doubt(self, ends: list[End]) -> None:
        """After a branch that returned, the rest is not certain; one that failed has failed the run."""
        if "return" in ends:
            self.frame.is_doubtful = True
        if "break" in ends:
            self.frame.is_loop_doubtful = True
        if "exit" in ends:
            self.frame.is_doubtful = True
            for frame in self.stack:
                frame.is_doubtful = True

    def merge(self, other: tuple[Variables, Place]) -> None:
        variables = self.frame.variables
        for name, value in other[0].items():
            variables[name] = either(variables[name], value) if name in variables else MADE
        for name in variables:
            if name not in other[0]:
                variables[name] = MADE
        self.place = merged(self.place, other[1])

    # the container's files

    def absolute(self, path: str) -> str | None:
        """A path of the container made absolute by the working folder; None where that is not known."""
        return absolute(path, self.place.folder if isinstance(self.place.folder, str) else None)

    def is_there(self, path: str) -> bool | None:
        """Whether a file or folder is there; None where that is not known."""
        found = self.absolute(path)
        if found is None:
            return None
        there = self.container.at(found)
        if isinstance(there, Placed):
            return True
        if isinstance(there, Unknown) or self.place.is_disk_open:
            return None
        made = self.place.made
        return None if any(path == found or path.startswith(f"{found}/") for path in made) else False

    def search_path(self, *, maybe: bool = False) -> tuple[str, ...]:
        """sys.path as it is now, absolute. Entries that are below an unknown folder are left out."""
        entries = self.place.search_path + (self.place.maybe if maybe else ())
        return all_absolute(entries, self.place.folder if isinstance(self.place.folder, str) else None)

    def resolve(self, name: str) -> Resolution:
        """What `import name` finds now."""
        top = name.partition(".")[0]
        path = self.process.roots.get(top) if top != name else None
        path = path or self.search_path()
        found = self.find(name, path)
        if isinstance(found, FoundModule | UnprovenModule):
            return found
        if self.place.maybe and isinstance(self.find(name, self.search_path(maybe=True)), FoundModule):
            return UnprovenModule("it is found only where a branch that edits sys.path is taken")
        if self.place.may_find_more:
            return UnprovenModule("a command that is run before may bring it")
        if any(self.may_be_made(entry, top) for entry in self.search_path()):
            return UnprovenModule("what is run before may make it")
        return UNPROVEN if self.place.is_path_open or self.is_path_relative_to_unknown() else found

    def may_be_made(self, folder: str, name: str) -> bool:
        """Whether the code itself may have put a module into a folder: it has made that, or a file there."""
        start = f"{folder.rstrip('/')}/{name}"
        return any(
            path in (start, f"{start}.py")
            or path.startswith(f"{start}/")
            or (path != "/root" and f"{folder}/".startswith(f"{path}/"))
            for path in self.place.made
        )

    def is_path_relative_to_unknown(self) -> bool:
        return not isinstance(self.place.folder, str) and any(
            not entry.startswith("/") for entry in self.place.search_path
        )

    def find(self, name: str, path: tuple[str, ...]) -> Resolution:
        key = name, path
        found = self.found.get(key)
        if found is None:
            found = self.found[key] = self.container.find(name, path)
        return found

    def function_of(self, node: ast.AST) -> Function | None:
        """The app's function that a definition is."""
        found = self.functions.get(id(node))
        module = self.frame.state.module
        if found is None and module and self.functions_by_place:
            key = (module.path, getattr(node, "name", ""), getattr(node, "lineno", 0))
            found = self.functions_by_place.get(key)
        return found


def absolute(path: str, folder: str | None) -> str | None:
    if path.startswith("/"):
        return posixpath.normpath(path)
    return None if folder is None else posixpath.normpath(posixpath.join(folder, path))


@lru_cache(maxsize=64)  # asked at each import, and hardly ever changed between two
def all_absolute(entries: tuple[str, ...], folder: str | None) -> tuple[str, ...]:
    return tuple(path for entry in entries if (path := absolute(entry, folder)) is not None)


def merged(one: Place, other: Place) -> Place:
    """What is so after either of two ways."""
    if one is other:
        return one
    common = tuple(entry for entry in one.search_path if entry in other.search_path)
    some = dict.fromkeys(one.search_path + other.search_path + one.maybe + other.maybe)
    environment = {
        name: one.environment[name]
        if name in one.environment
        and name in other.environment
        and is_same(one.environment[name], other.environment[name])
        else MADE
        for name in {**one.environment, **other.environment}
    }
    return Place(
        search_path=one.search_path if one.search_path == other.search_path else common,
        folder=one.folder
        if one.folder == other.folder
        else Unknown("os.chdir is called in some of its runs only"),
        maybe=tuple(entry for entry in some if entry not in common),
        is_path_open=one.is_path_open or other.is_path_open,
        environment=environment,
        is_environment_open=one.is_environment_open or other.is_environment_open,
        made=one.made | other.made,
        is_disk_open=one.is_disk_open or other.is_disk_open,
        may_find_more=one.may_find_more or other.may_find_more,
    )
