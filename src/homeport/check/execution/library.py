"""Pure functions of Python and its standard library, on known values: paths and text above all."""

import posixpath
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from homeport.check.execution import beginnings
from homeport.check.execution.objects import MADE
from homeport.check.values import Unknown, Value

CONSTANTS: dict[str, Value] = {
    "sys.platform": "linux",
    "sys.executable": "/usr/local/bin/python",
    "os.name": "posix",
    "os.sep": "/",
    "os.path.sep": "/",
    "os.pathsep": ":",
    "os.linesep": "\n",
    "os.curdir": ".",
    "os.pardir": "..",
    "typing.TYPE_CHECKING": False,
    "typing_extensions.TYPE_CHECKING": False,
}
HOME = "/root"


def texts(*args: Value) -> tuple[str, ...]:
    """Arguments that are paths, as text. Raises TypeError for others."""
    if not all(isinstance(arg, str | PurePath) for arg in args):
        raise TypeError
    return tuple(map(str, args))


def as_path(*args: Value) -> Value:
    if any(isinstance(arg, Unknown) for arg in args):
        return beginnings.of_path(args)
    return Path(*texts(*args))


def join_paths(*args: Value) -> Value:
    if any(isinstance(arg, Unknown) for arg in args):
        return beginnings.of_path(args)
    return posixpath.join(*texts(*args))


def as_text(value: Value = "") -> Value:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, str | int | float | bool | None | PurePath):
        return str(value)
    return MADE


def as_items(value: Value = ()) -> Value:
    if isinstance(value, dict):
        return tuple(value)
    if isinstance(value, str):
        return tuple(value)
    return value if isinstance(value, tuple) else MADE


def in_order(value: Value) -> Value:
    if isinstance(value, tuple | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(sorted(value))
    return MADE


def numbered(value: Value) -> Value:
    return tuple(enumerate(value)) if isinstance(value, tuple) else MADE


def zipped(*values: Value) -> Value:
    if all(isinstance(value, tuple) for value in values):
        return tuple(zip(*values, strict=False))
    return MADE


def expand_user(path: Value) -> str:
    (text,) = texts(path)
    return HOME + text[1:] if text == "~" or text.startswith("~/") else text


def as_dict(value: Value = (), **options: Value) -> Value:
    return {**value, **options} if isinstance(value, dict) else dict(options) if value == () else MADE


PURE: dict[str, Callable[..., Any]] = {
    "str": as_text,
    "list": as_items,
    "tuple": as_items,
    "dict": as_dict,
    "sorted": in_order,
    "enumerate": numbered,
    "zip": zipped,
    "pathlib.Path": as_path,
    "pathlib.PurePath": as_path,
    "pathlib.PosixPath": as_path,
    "pathlib.PurePosixPath": as_path,
    "pathlib.Path.home": lambda: Path(HOME),
    "os.fspath": lambda path: path if isinstance(path, Unknown) else texts(path)[0],
    "os.path.join": join_paths,
    "os.path.dirname": lambda path: posixpath.dirname(*texts(path)),
    "os.path.basename": lambda path: posixpath.basename(*texts(path)),
    "os.path.normpath": lambda path: posixpath.normpath(*texts(path)),
    "os.path.split": lambda path: posixpath.split(*texts(path)),
    "os.path.splitext": lambda path: posixpath.splitext(*texts(path)),
    "os.path.isabs": lambda path: posixpath.isabs(*texts(path)),
    "os.path.expanduser": expand_user,
    "platform.system": lambda: "Linux",
    "shlex.split": lambda text: tuple(shlex.split(texts(text)[0])),
    "shlex.join": lambda words: shlex.join(texts(*words)),
}

# of `pathlib.Path`, by the method's name; those that look at the disk are in calls.py
PATH_METHODS: dict[str, Callable[..., Any]] = {
    "joinpath": lambda path, *parts: as_path(path, *parts),
    "with_name": lambda path, name: path.with_name(*texts(name)),
    "with_suffix": lambda path, suffix: path.with_suffix(*texts(suffix)),
    "with_stem": lambda path, stem: path.with_stem(*texts(stem)),
    "relative_to": lambda path, other: path.relative_to(*texts(other)),
    "is_absolute": lambda path: path.is_absolute(),
    "as_posix": lambda path: path.as_posix(),
    "expanduser": lambda path: Path(expand_user(path)),
    "__str__": str,
    "__fspath__": str,
}


def apply_pure(function: Callable[..., Any], args: tuple[Value, ...], options: Mapping[str, Value]) -> Value:
    """What a pure function gives; MADE where it would raise, or does not take such values."""
    try:
        return function(*args, **options)
    except Exception:  # a wrong number or kind of arguments: the run fails in its own way
        return MADE
