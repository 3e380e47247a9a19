"""What reading holds while it follows an app's source: names, the app's own functions and classes, and
what becomes of values where it cannot tell which way the code goes.

Inside, lists, sets and dicts are Python's own and change as the source changes them, whoever else holds
them; `freeze` makes of them the values that others see.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeAlias

from homeport.check.facts import Function, Module
from homeport.check.reading.merge import Names, freeze, merged_contents
from homeport.check.source import Sources
from homeport.check.values import Site, Unknown, Value

MOST_STEPS = 60_000  # expressions and statements that one reading follows: some tenths of a second
MOST_STEPS_OF_IMPORT = 10_000  # of these, for the top of each module that is imported
DEEPEST_CALLS = 40

# how a block ends: by its last statement, or before
FALLS, RETURNS, BREAKS, CONTINUES, RAISES = "", "return", "break", "continue", "raise"


class TooLongError(Exception):
    """The source computes more than a reading follows."""


class StoppedError(Exception):
    """The source ends the process here (sys.exit), or surely raises."""


@dataclass(frozen=True)
class Side:
    """Where the code runs: where `modal run` is typed, or in a function's container.

    `file_of` gives a module's `__file__`, `local_file` the launcher's file of a path as the code has it, None
    where there is none or it cannot be told. `variables` are a container's, None where these are the shell's.
    """

    folder: Path
    is_local: bool = True
    file_of: Callable[[Module], str] = field(default=lambda module: str(module.path))
    local_file: Callable[[PurePath], Path | None] | None = None
    variables: Mapping[str, Value] | None = None
    known: Mapping[str, Value] = field(default_factory=dict)  # by dotted name: sys.argv, modal.__version__

    def disk(self, path: PurePath) -> Path | None:
        """The launcher's file or folder behind a path."""
        if self.local_file is not None:
            return self.local_file(path)
        return self.folder / path if self.is_local else None


Way: TypeAlias = Callable[[], str]
Contents: TypeAlias = "dict[Any, Any] | list[Any] | set[Any]"


class World:
    """All of one reading: what was imported, sys.path, and which containers changed since where the code
    went two ways.
    """

    def __init__(self, sources: Sources, side: Side) -> None:
        self.sources = sources
        self.side = side
        self.modules: dict[str, Scope] = {}  # by path
        self.search_path: list[Any] = []
        self.environment: dict[str, Value] = {}  # what the source itself set
        self.apps: list[AppBuilder] = []
        self.ends: list[Site] = []  # statements of modules' tops that surely raise or exit
        self.risks = 0  # calls that may raise, and imports that may fail
        self.import_risks = 0
        self.depth = 0
        self.import_name: Callable[[str, Scope], Any] = lambda name, scope: None  # None: not the app's own
        self._steps = 0
        self._most_steps = MOST_STEPS
        self._journal: list[dict[int, tuple[Contents, Contents]]] = []

    def spend(self, steps: int = 1) -> None:
        self._steps += steps
        if self._steps > self._most_steps:
            raise TooLongError

    def import_within(self, follow: Callable[[], None]) -> None:
        """Follows an imported module as far as one may go on; what it has by then is what it has."""
        outer = self._most_steps
        self._most_steps = min(outer, self._steps + MOST_STEPS_OF_IMPORT)
        try:
            follow()
        except TooLongError:
            if self._steps > outer:
                raise
        finally:
            self._most_steps = outer

    def renew(self) -> None:
        """Lets a further question have its own number of steps."""
        self._steps = 0

    def touch(self, contents: Contents) -> None:
        """To be called before every change of a list, dict or set of the source's."""
        if self._journal and id(contents) not in self._journal[-1]:
            self.spend(len(contents) >> 2)
            self._journal[-1][id(contents)] = (contents, contents.copy())

    @property
    def is_in_doubt(self) -> bool:
        """Whether what is followed now may not be done at all."""
        return bool(self._journal)

    def deeper(self, run: Callable[[], Any]) -> Any:
        """What a call in a call comes to."""
        if self.depth >= DEEPEST_CALLS:
            return Unknown("is called too deeply to follow")
        self.depth += 1
        try:
            return run()
        finally:
            self.depth -= 1

    def either(self, ways: list["Way"], test: Value, more: Callable[[], list["Way"]] = list) -> list[str]:
        """Follows each of the ways, and leaves everything as it may be after any of them that does not raise.

        `more` is asked for further ways after the first.
        """
        ends: list[str] = []
        after: list[dict[int, tuple[Contents, Contents]]] = []
        for way in chain(ways, deferred(more)):
            self._journal.append({})
            try:
                ends.append(way())
            finally:
                touched = self._journal.pop()
                after.append({key: (held, held.copy()) for key, (held, _) in touched.items()})
                for held, before in touched.values():
                    restore(held, before)
        living = [states for end, states in zip(ends, after, strict=True) if end != RAISES] or after
        changed = {key: held for states in living for key, (held, _) in states.items()}
        for key, held in changed.items():
            states = [states[key][1] if key in states else held.copy() for states in living]
            self.spend(len(held))
            self.touch(held)
            is_whole = len(living) == len(ends)
            restore(held, merged_contents(states, test if is_whole else None))
        return ends


def deferred(more: Callable[[], list["Way"]]) -> Iterator["Way"]:
    yield from more()


def restore(held: Contents, state: Contents) -> None:
    held.clear()
    if isinstance(held, list):
        held.extend(state)
    else:
        held.update(state)


@dataclass(eq=False)
class Scope:
    """The names that an expression sees. `outer` is the module's scope, or that of the function around."""

    module: Module
    world: World
    names: Names = field(default_factory=Names)
    outer: "Scope | None" = None
    is_class: bool = False
    nonlocals: dict[str, "Scope"] = field(default_factory=dict)
    returns: list[Any] = field(default_factory=list)
    yields: list[Any] | None = None  # of a generator

    def child(self, *, is_class: bool = False) -> "Scope":
        """A function's scope, or a class's, inside this one."""
        outer: Scope | None = self
        while outer is not None and outer.is_class:
            outer = outer.outer
        return Scope(self.module, self.world, outer=outer, is_class=is_class)

    def lookup(self, name: str) -> Any:
        """The value of a name; KeyError where there is no such."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        raise KeyError(name)

    def bind(self, name: str, value: Any) -> None:
        names = self.nonlocals[name].names if name in self.nonlocals else self.names
        self.world.touch(names)
        names[name] = value

    def top(self) -> "Scope":
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope

    def site(self, node: Any) -> Site:
        return Site(
            self.module.path, node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0
        )


# ---- the app's own functions, classes and modules


@dataclass(eq=False, repr=False)
class UserFunction:
    """A `def` or lambda of the app's own source, with the values of its defaults. `run` follows a call."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    run: Callable[["UserFunction", list[Any], dict[str, Any]], Any]
    defaults: dict[str, Any] = field(default_factory=dict)
    decorators: dict[str, dict[str, Any]] = field(default_factory=dict)
    kind: str = ""  # property, classmethod, staticmethod
    bound: tuple[Any, ...] = ()  # self or cls
    is_generator: bool | None = None  # None: not looked into yet

    @property
    def name(self) -> str:
        return getattr(self.node, "name", "<lambda>")

    def call(self, *args: Any) -> Value:
        """What it returns for values, as far as that can be told."""
        self.scope.world.renew()
        try:
            return freeze(self.run(self, list(args), {}))
        except (TooLongError, StoppedError, RecursionError):
            return Unknown(f"is what {self.name}() returns")


@dataclass(eq=False, repr=False)
class UserClass:
    """A class of the app's own."""

    node: ast.ClassDef
    scope: Scope  # its own, with its attributes as names
    bases: list[Any]
    decorators: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_dataclass: bool = False

    def lineage(self) -> Iterator["UserClass"]:
        yield self
        for base in self.bases:
            if isinstance(base, UserClass):
                yield from base.lineage()


@dataclass(eq=False, repr=False)
class Instance:
    """An object of a class of the app's own."""

    of: UserClass
    names: Names = field(default_factory=Names)


@dataclass(eq=False, repr=False)
class LocalModule:
    """A module of the app's own."""

    name: str
    scope: Scope


@dataclass(eq=False)
class Method:
    """A method of a value, not yet called: `receiver.name`."""

    receiver: Any
    name: str
    node: ast.Attribute


class Version(NamedTuple):
    """sys.version_info of the Python that runs `modal`."""

    major: int
    minor: int
    micro: int


@dataclass(eq=False)
class Partial:
    """functools.partial(...)"""

    function: Any
    args: list[Any]
    options: dict[str, Any]


@dataclass(eq=False)
class OpenFile:
    """A file that was opened to be read, with what is in it."""

    content: Any


@dataclass(eq=False)
class AppBuilder:
    """A modal.App while its source is followed."""

    name: Any
    site: Site
    options: dict[str, Any]
    functions: list[Function] = field(default_factory=list)


@dataclass(eq=False)
class AppDecorator:
    """`app.function(...)`, not yet applied."""

    app: AppBuilder
    kind: str
    options: dict[str, Any]
    option_sites: dict[str, Site]
    site: Site
