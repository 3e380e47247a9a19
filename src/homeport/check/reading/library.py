"""What the standard library's functions give, of those that apps build their objects with: paths, the
environment, files that lie beside the app.
"""

import ast
import copy
import importlib
import math
import os
import posixpath
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from homeport.check.reading import regular
from homeport.check.reading.containers import as_dict, as_list, length, quantified, together
from homeport.check.reading.environment import getenv
from homeport.check.reading.files import (
    abspath,
    current_folder,
    home,
    listdir,
    loader,
    on_disk,
    opened,
    path_here,
)
from homeport.check.reading.merge import is_plain
from homeport.check.reading.scope import Instance, Scope, StoppedError, UserClass, UserFunction
from homeport.check.values import External, FromShell, Made, Unknown

# ---- attributes of modules

CONSTANTS: dict[str, Any] = {
    **regular.FLAGS,
    "os.sep": "/",
    "os.path.sep": "/",
    "os.linesep": "\n",
    "os.pathsep": ":",
    "os.curdir": ".",
    "os.pardir": "..",
    "os.name": "posix",
    "os.devnull": "/dev/null",
    "math.pi": math.pi,
    "math.e": math.e,
    "math.inf": math.inf,
    "typing.TYPE_CHECKING": False,
    "sys.maxsize": (1 << 63) - 1,
    "string.ascii_lowercase": "abcdefghijklmnopqrstuvwxyz",
    "string.ascii_uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "string.digits": "0123456789",
}


def constant(name: str, node: ast.expr, scope: Scope) -> Any:
    """`module.attribute`, by its dotted name."""
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name == "os.environ":
        return FromShell(None, Unknown("is all of the environment"), scope.site(node))
    if name == "sys.path":
        return scope.world.search_path
    if name in scope.world.side.known:
        found = scope.world.side.known[name]
        return list(found) if name == "sys.argv" else found
    if name in ("sys.argv", "sys.orig_argv"):
        return Unknown("is what was typed", scope.site(node))
    if name.startswith(("sys.version", "platform.python_version", "modal.__version__", "sys.platform")):
        return Unknown("depends on the Python and the client that run it", scope.site(node))
    return External(name)


# ---- the environment


# ---- files


# ---- builtins that look into values that may not be known


def stopped(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    raise StoppedError


def nothing(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return None


def first_argument(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return args[0] if args else Unknown("has no argument", scope.site(node))


def decorator_or_first(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    """functools.cache(f), @lru_cache(maxsize=1): the function as it is."""
    if args and isinstance(args[0], UserFunction | UserClass):
        return args[0]
    return External("functools.cache")


def is_instance(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    kinds = {
        f"builtins.{kind.__name__}": kind for kind in (str, int, float, bool, list, dict, tuple, set, bytes)
    }
    asked = args[1] if len(args) == 2 else None
    names = asked if isinstance(asked, tuple) else (asked,)
    if (
        args
        and not isinstance(args[0], Unknown | FromShell)
        and all(isinstance(one, External) for one in names)
    ):
        classes = tuple(kinds[one.name] for one in names if isinstance(one, External) and one.name in kinds)
        if len(classes) == len(names):
            return isinstance(args[0], classes)
    return Unknown("depends on a type that cannot be told", scope.site(node))


def copied(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if args and isinstance(args[0], list | dict | set):
        return copy.copy(args[0]) if not is_plain(args[0]) else copy.deepcopy(args[0])
    return first_argument(args, options, node, scope)


def field(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    """dataclasses.field(...), pydantic.Field(...)"""
    if args:  # pydantic's default; ... where there is none
        options = {"default": Unknown("has to be given") if args[0] is ... else args[0], **options}
    return Made("dataclasses.field", (), options, scope.site(node))


def replaced(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if args and isinstance(args[0], Instance):
        made = Instance(args[0].of)
        made.names.update({**args[0].names, **options})
        return made
    return Unknown("is made of an object that is not followed", scope.site(node))


def on_demand(name: str) -> Callable[..., Any]:
    """A function of a module that takes some milliseconds to import, which most apps do not need."""
    module, _, attribute = name.rpartition(".")

    def call(*args: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), attribute)(*args, **options)

    return call


PURE: dict[str, Callable[..., Any]] = {
    **regular.FUNCTIONS,
    **{f"builtins.{kind.__name__}": kind for kind in (str, int, float, bool, bytes, range, complex)},
    **{f"builtins.{one.__name__}": one for one in (abs, max, min, sum, round, repr, ord, chr, hex, divmod)},
    "builtins.sorted": sorted,
    "builtins.reversed": lambda held: list(reversed(held)),
    "pathlib.Path": lambda *parts: Path(*parts),
    "pathlib.PosixPath": lambda *parts: Path(*parts),
    "pathlib.PurePath": lambda *parts: PurePosixPath(*parts),
    "pathlib.PurePosixPath": lambda *parts: PurePosixPath(*parts),
    "os.fspath": os.fspath,
    "os.path.join": posixpath.join,
    "os.path.dirname": posixpath.dirname,
    "os.path.basename": posixpath.basename,
    "os.path.normpath": posixpath.normpath,
    "os.path.split": posixpath.split,
    "os.path.splitext": posixpath.splitext,
    "os.path.isabs": posixpath.isabs,
    "os.path.commonpath": posixpath.commonpath,
    "json.loads": on_demand("json.loads"),
    "json.dumps": on_demand("json.dumps"),
    "tomllib.loads": on_demand("tomllib.loads"),
    "tomli.loads": on_demand("tomllib.loads"),
    "shlex.split": on_demand("shlex.split"),
    "shlex.join": on_demand("shlex.join"),
    "shlex.quote": on_demand("shlex.quote"),
    "textwrap.dedent": on_demand("textwrap.dedent"),
    "textwrap.indent": on_demand("textwrap.indent"),
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "collections.OrderedDict": lambda *given, **more: dict(*given, **more),
}

SPECIAL: dict[str, Callable[[list[Any], dict[str, Any], ast.Call, Scope], Any]] = {
    "os.getenv": getenv,
    "os.environ.get": getenv,
    "os.getcwd": current_folder,
    "pathlib.Path.cwd": path_here,
    "pathlib.Path.home": home,
    "os.path.abspath": abspath,
    "os.path.realpath": on_disk("resolve"),
    "os.path.expanduser": on_disk("expanduser"),
    "os.path.exists": on_disk("exists"),
    "os.path.isfile": on_disk("is_file"),
    "os.path.isdir": on_disk("is_dir"),
    "os.listdir": listdir,
    "builtins.open": opened,
    "json.load": loader(on_demand("json.loads")),
    "tomllib.load": loader(on_demand("tomllib.loads")),
    "tomli.load": loader(on_demand("tomllib.loads")),
    "builtins.list": as_list(list),
    "builtins.tuple": as_list(tuple),
    "builtins.set": as_list(set),
    "builtins.frozenset": as_list(set),
    "builtins.dict": as_dict,
    "builtins.len": length,
    "builtins.any": quantified(True),
    "builtins.all": quantified(False),
    "builtins.enumerate": lambda args, options, node, scope: together([None, *args], options, node, scope),
    "builtins.zip": lambda args, options, node, scope: together(args, {}, node, scope),
    "builtins.isinstance": is_instance,
    "builtins.print": nothing,
    "builtins.exit": stopped,
    "builtins.quit": stopped,
    "sys.exit": stopped,
    "os._exit": stopped,
    "os.abort": stopped,
    "copy.copy": copied,
    "copy.deepcopy": copied,
    "dataclasses.replace": replaced,
    "dataclasses.field": field,
    "pydantic.Field": field,
    "functools.cache": decorator_or_first,
    "functools.lru_cache": decorator_or_first,
    "typing.cast": lambda args, options, node, scope: (
        args[1] if len(args) > 1 else Unknown("has no argument")
    ),
}
