"""What the checker knows of a value in the source: the value itself, or why it is not known.

A value is plain Python (None, bool, int, float, complex, str, bytes, Path, and tuples, frozensets and
dicts of these; lists become tuples), one of the objects of facts.py, or one of the classes here (a
function or class of the app's own source is one of scope.py).

What is computed from the shell's variables is `FromShell`, too: its default is what comes out where the
variable is not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

Value: TypeAlias = Any


@dataclass(frozen=True)
class Site:
    """A place in a file: lines from 1, columns from 0 (as `ast` counts, in UTF-8 bytes), the end
    exclusive.
    """

    path: Path
    line: int
    column: int = 0
    end_line: int = 0
    end_column: int = 0


@dataclass(frozen=True)
class Unknown:
    """A value that reading cannot tell; `why` completes the sentence "not known, since it …".

    `begins` is what its text begins with, where that is known: f"/results/{run}" begins "/results/".
    """

    why: str
    site: Site | None = None
    begins: str = ""


@dataclass(frozen=True, eq=False)
class OneOf(Unknown):
    """One of `values`, and it cannot be told which. In a tuple, what follows is one of these tuples; in an
    image's steps, one of these rows of steps.
    """

    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class FromShell:
    """What the launcher's environment says when the app's module is imported: `os.environ[name]`,
    `os.getenv(name, default)`.

    `name` is None for all of it (`dict(os.environ)`, `os.environ.copy()`, a loop over it). `others` are
    further variables that a computed value is made of.
    """

    name: str | None
    default: Value
    site: Site
    others: "tuple[FromShell, ...]" = ()


@dataclass(frozen=True)
class External:
    """Something of a module that is not the app's own, by its dotted name: "os.path.join", "numpy"."""

    name: str


@dataclass(frozen=True, eq=False)
class Made:
    """An object of which only the arguments matter, by the dotted name of what makes it (modal.Retries,
    modal.Cron, modal.gpu.A100), as the value of an option: `retries=modal.Retries(max_retries=3)`.
    """

    name: str
    args: tuple[Value, ...]
    options: Mapping[str, Value]
    site: Site


def is_known(value: Value) -> bool:
    """Whether a value, with all that it holds, is known."""
    if isinstance(value, Unknown | FromShell):
        return False
    if isinstance(value, dict):
        return all(is_known(key) and is_known(item) for key, item in value.items())
    if isinstance(value, tuple | frozenset):
        return all(is_known(item) for item in value)
    if isinstance(value, Made):
        return is_known(value.args) and all(is_known(item) for item in value.options.values())
    return True


def parts_from_shell(value: Value) -> tuple[FromShell, ...]:
    """Everything in a value that the launcher's environment gives."""
    if isinstance(value, FromShell):
        return (value, *value.others)
    if isinstance(value, dict):
        return tuple(part for pair in value.items() for item in pair for part in parts_from_shell(item))
    if isinstance(value, tuple | frozenset):
        return tuple(part for item in value for part in parts_from_shell(item))
    if isinstance(value, Made):
        return parts_from_shell((*value.args, *value.options.values()))
    return ()
