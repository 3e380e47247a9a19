"""Values that exist only while code is followed: modules, functions, instances, names of libraries."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from homeport.check.facts import Function, Module
from homeport.check.values import FromShell, Unknown, Value

MADE = Unknown("it is made while the app runs")
REST = Unknown("it is any number of values")  # stands in a tuple for all that follow
Variables = dict[str, Value]


@dataclass(frozen=True, slots=True)
class External:
    """Something of a library or of Python itself, by its dotted name: "torch.nn", "os.environ", "open"."""

    name: str


@dataclass(frozen=True, slots=True)
class Made:
    """What a call of something external gave: `name` is what was called."""

    name: str


@dataclass(eq=False, slots=True)
class ModuleState:
    """A shipped module while it is followed. `module` is None for a folder without `__init__.py`."""

    name: str
    module: Module | None
    file: str
    is_package: bool
    variables: Variables = field(default_factory=dict)
    is_loading: bool = False
    is_certain: bool = False
    is_open: bool = False  # names may come from where nobody sees: `from x import *` of a library, exec

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]


@dataclass(eq=False, slots=True)
class UserFunction:
    """A function of the user's own. `enclosing` are the variables of the functions around it, inmost first.

    `marks` are its decorators' names; `is_wrapped` where one may do anything with it.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    state: ModuleState
    scope: str
    enclosing: tuple[Variables, ...]
    defaults: Mapping[str, Value]
    marks: frozenset[str] = frozenset()
    is_wrapped: bool = False
    owner: "UserClass | None" = None
    receiver: Value = None


@dataclass(eq=False, slots=True)
class UserClass:
    """A class of the user's own."""

    node: ast.ClassDef
    state: ModuleState
    scope: str
    bases: tuple[Value, ...]
    attributes: Variables
    is_dataclass: bool

    def find(self, name: str) -> tuple["UserClass | None", Value]:
        """An attribute of the class or of its bases, and which has it. MADE where a base is not known."""
        return self._find(name, 0)

    def _find(self, name: str, depth: int) -> tuple["UserClass | None", Value]:
        if name in self.attributes:
            return self, self.attributes[name]
        if depth > 20:
            return None, None
        for base in self.bases:
            if isinstance(base, UserClass):
                owner, value = base._find(name, depth + 1)
                if owner:
                    return owner, value
        return None, None


@dataclass(eq=False, slots=True)
class Instance:
    """An object of a class of the user's own, with what is known of its attributes."""

    owner: UserClass
    attributes: Variables = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class Super:
    """What super() gives in a method."""

    owner: UserClass
    receiver: Value


@dataclass(frozen=True, eq=False, slots=True)
class Method:
    """A method of something that is known: a Volume's, a Path's, a text's. `name` is how events call it."""

    name: str
    attribute: str
    receiver: Value


@dataclass(frozen=True, eq=False, slots=True)
class ImageValue:
    """An image of the app's, by where the last call of its chain ends (line, column)."""

    ends: tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class CloudInstance:
    """An object of an `@app.cls`, or a method of one: its calls run in a container of their own."""

    function: Function
    method: str = ""


INTERNAL = (
    External,
    Made,
    ModuleState,
    UserFunction,
    UserClass,
    Instance,
    Super,
    Method,
    ImageValue,
    CloudInstance,
)


def plain(value: Value) -> Value:
    """A value as events show it: what exists only here is Unknown."""
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, INTERNAL):
        return Unknown(_why(value))
    return value


def _why(value: Value) -> str:
    match value:
        case External(name):
            return f"it is {name}"
        case Made(name):
            return f"it comes from {name}()"
        case UserFunction(scope=scope):
            return f"it is the function {scope or 'lambda'}"
        case Instance(owner=UserClass(scope=scope)):
            return f"it is an object of {scope}"
        case _:
            return "it is made while the app runs"


def is_concrete(value: Value) -> bool:
    """Whether a value is plain Python all through."""
    if isinstance(value, tuple | frozenset):
        return all(map(is_concrete, value))
    if isinstance(value, dict):
        return all(is_concrete(key) and is_concrete(item) for key, item in value.items())
    return not isinstance(value, (Unknown, FromShell, *INTERNAL))


def is_same(one: Value, other: Value) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    try:
        return bool(one == other)
    except Exception:  # recursive or odd values: not known to be the same
        return False


def either(one: Value, other: Value) -> Value:
    """A value that is one of two: of lists, what both begin with is known."""
    if is_same(one, other):
        return one
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return MADE
    count = 0
    while count < min(len(one), len(other)) and is_same(one[count], other[count]):
        count += 1
    return (*one[:count], REST) if count else MADE


def truth(value: Value) -> bool | None:
    """Whether a value is true where that is known."""
    if isinstance(value, Unknown | FromShell | Made | Method | External):
        return None
    if isinstance(value, Instance):
        return None
    if isinstance(value, INTERNAL) or value.__class__.__module__ == "homeport.check.facts":
        return True
    if isinstance(value, tuple | frozenset | dict):
        return len(value) > 0
    return bool(value)
