"""What reading holds while it follows an app's source: names, the app's own functions and classes, and
what becomes of values where it cannot tell which way the code goes.

Inside, lists, sets and dicts are Python's own and change as the source changes them, whoever else holds
them; `freeze` makes of them the values that others see.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from homeport.check.facts import Function, Image, Module, Secret, Volume
from homeport.check.source import Sources
from homeport.check.values import External, FromShell, Made, Site, Unknown, Value

MOST_STEPS = 400_000  # expressions and statements that one reading follows: some tenths of a second
DEEPEST_CALLS = 40


class TooLongError(Exception):
    """The source computes more than a reading follows."""


class StoppedError(Exception):
    """The source ends the process here (sys.exit), or surely raises."""


@dataclass(frozen=True)
class Rest(Unknown):
    """In a list or tuple: any number of further elements."""


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

    def disk(self, path: PurePath) -> Path | None:
        """The launcher's file or folder behind a path."""
        if self.local_file is not None:
            return self.local_file(path)
        return self.folder / path if self.is_local else None


Contents: TypeAlias = "dict[Any, Any] | list[Any] | set[Any]"


class Names(dict[str, Any]):
    """The names of a module, function or class."""


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
        self.risks = 0  # calls that may raise, and imports that may fail
        self.import_risks = 0
        self.depth = 0
        self.import_name: Callable[[str, Scope], Any] = lambda name, scope: None  # None: not the app's own
        self._steps = 0
        self._journal: list[dict[int, tuple[Contents, Contents]]] = []

    def spend(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooLongError

    def renew(self) -> None:
        """Lets a further question have its own number of steps."""
        self._steps = 0

    def touch(self, contents: Contents) -> None:
        """To be called before every change of a list, dict or set of the source's."""
        if self._journal and id(contents) not in self._journal[-1]:
            self._journal[-1][id(contents)] = (contents, contents.copy())

    def either(
        self, ways: "list[Callable[[], str]]", test: Value, *, survives: Callable[[str], bool]
    ) -> list[str]:
        """Follows each of the ways, and leaves everything as it may be after one of them, if it survives."""
        ends: list[str] = []
        after: list[dict[int, tuple[Contents, Contents]]] = []
        for way in ways:
            self._journal.append({})
            try:
                ends.append(way())
            finally:
                touched = self._journal.pop()
                after.append({key: (held, held.copy()) for key, (held, _) in touched.items()})
                for held, before in touched.values():
                    restore(held, before)
        living = [states for end, states in zip(ends, after, strict=True) if survives(end)] or after
        changed = {key: held for states in living for key, (held, _) in states.items()}
        for key, held in changed.items():
            states = [states[key][1] if key in states else held.copy() for states in living]
            self.touch(held)
            is_whole = len(living) == len(ways)
            restore(held, merged_contents(states, test if is_whole else None))
        return ends


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
    of: UserClass
    names: Names = field(default_factory=Names)


@dataclass(eq=False, repr=False)
class LocalModule:
    name: str
    scope: Scope


@dataclass(eq=False)
class Method:
    """A method of a value, not yet called: `receiver.name`."""

    receiver: Any
    name: str
    node: ast.Attribute


@dataclass(eq=False)
class OpenFile:
    path: PurePath


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


# ---- values


def freeze(value: Any, depth: int = 0) -> Value:
    """The value as others see it: nothing in it changes any more."""
    if isinstance(value, str | int | Image | Volume | Secret | Unknown | PurePath) or value is None:
        return value
    if depth > 50:
        return Unknown("is nested too deeply")
    if isinstance(value, list | tuple):
        return tuple(freeze(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return {key: freeze(item, depth + 1) for key, item in value.items()}
    if isinstance(value, set):
        return frozenset(value)
    if isinstance(value, FromShell) and isinstance(value.default, list | dict | set | tuple):
        return FromShell(value.name, freeze(value.default, depth + 1), value.site)
    return value


PLAIN = str | bytes | int | float | complex | PurePath


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is the source's value itself, all of it, so that Python can go on with it."""
    if value is None or isinstance(value, PLAIN):
        return True
    if depth > 50:
        return False
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_plain(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return all(is_plain(key, depth + 1) and is_plain(item, depth + 1) for key, item in value.items())
    return isinstance(value, slice | range)


def truth(value: Any) -> bool | None:
    """Whether a value counts as true, None where that cannot be told."""
    if isinstance(value, Unknown | FromShell | Instance | Method):
        return None
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, Rest) for item in value):
            return None
        return bool(value)
    if isinstance(value, Made):
        return None
    return bool(value)


def why_of(test: Value, otherwise: str) -> str:
    """Why something that hangs on a test cannot be told."""
    if isinstance(test, Unknown):
        return test.why
    if isinstance(test, FromShell):
        return f"hangs on the shell's {test.name or 'environment'}"
    if isinstance(test, list | tuple):
        return next((part.why for part in test if isinstance(part, Unknown)), otherwise)
    return otherwise


def merged(values: list[Any], test: Value = None) -> Any:
    """What is known of a value that is one of these: the first where the test is true, the last where not."""
    first, *others = values
    if all(same(first, other) for other in others):
        return first
    why = why_of(test, "is one of several")
    if all(isinstance(value, Image) for value in values):
        steps = common([value.steps for value in values])
        return Image((*steps, Unknown(why)), first.site)
    for kind in (list, tuple):
        if all(isinstance(value, kind) for value in values):
            return kind((*common(values), Rest(why)))
    if all(isinstance(value, dict) for value in values):
        return merged_contents(values, test)
    if isinstance(test, FromShell):
        chosen = truth(test.default)
        if chosen is not None:
            default = first if chosen else values[-1]
            return FromShell(
                test.name, default.default if isinstance(default, FromShell) else default, test.site
            )
    unknown = next((value for value in values if isinstance(value, Unknown)), None)
    return unknown or Unknown(why)


def same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, Unknown):
        return False
    try:
        return (is_plain(one) or isinstance(one, FromShell | External)) and bool(one == other)
    except Exception:
        return False


def common(sequences: list[Any]) -> list[Any]:
    """The elements with which all of them begin."""
    found = []
    for items in zip(*sequences, strict=False):
        if not all(same(items[0], item) for item in items):
            break
        found.append(items[0])
    return found


def merged_contents(states: list[Any], test: Value) -> Any:
    first = states[0]
    if isinstance(first, list):
        return first if all(same(first, other) for other in states) else merged(states, test)
    if isinstance(first, set):
        return set.union(*states)
    result = {}
    for key in {key: None for state in states for key in state}:
        there = [state[key] for state in states if key in state]
        value = merged(there, test) if len(there) > 1 else there[0]
        if len(there) < len(states) and not isinstance(first, Names) and not isinstance(value, FromShell):
            value = Unknown(why_of(test, "is only there in some cases"))
        result[key] = value
    return result
