"""What the standard library's functions give, of those that apps build their objects with: paths, the
environment, files that lie beside the app.
"""

import ast
import copy
import json
import math
import os
import posixpath
import shlex
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from homeport.check import calls
from homeport.check.scope import (
    Instance,
    Method,
    OpenFile,
    Rest,
    Scope,
    StoppedError,
    UserClass,
    UserFunction,
    is_plain,
    truth,
    why_of,
)
from homeport.check.values import External, FromShell, Site, Unknown

LARGEST_BYTES = 1_000_000  # of a settings file that is read
MOST_FILES = 5000  # that a pattern may find

PLATFORM_VARIABLES = (
    "MODAL_IS_REMOTE",
    "MODAL_TASK_ID",
    "MODAL_IMAGE_ID",
    "MODAL_FUNCTION_RUNTIME",
    "MODAL_REGION",
)

# ---- attributes of modules

CONSTANTS: dict[str, Any] = {
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
SAME_NAMES = {"posixpath": "os.path", "environ": "os.environ"}


def constant(name: str, node: ast.expr, scope: Scope) -> Any:
    """`module.attribute`, by its dotted name."""
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name == "os.environ":
        return FromShell(None, Unknown("is all of the environment"), scope.site(node))
    if name == "sys.path":
        return scope.world.search_path
    if name in ("sys.argv", "sys.orig_argv"):
        return Unknown("is what was typed", scope.site(node))
    if name.startswith(("sys.version", "platform.python_version", "modal.__version__", "sys.platform")):
        return Unknown("depends on the Python and the client that run it", scope.site(node))
    return External(name)


# ---- the environment


def environment(name: Any, default: Any, site: Site, scope: Scope, *, is_required: bool = False) -> Any:
    """The value of a variable: what the source set itself, the container's, or the shell's."""
    if isinstance(name, Unknown | FromShell) or not isinstance(name, str):
        return FromShell(None, Unknown("is a variable of a name that cannot be told"), site)
    world = scope.world
    if name in world.environment:
        return world.environment[name]
    variables = world.side.variables
    if variables is not None:
        return variables.get(name, default)
    if name in PLATFORM_VARIABLES and world.side.is_local:
        return default
    if not world.side.is_local:
        return Unknown(f"is the container's {name}", site)
    if is_required:
        default = Unknown(f"has no default for {name}")
    return FromShell(name, default.default if isinstance(default, FromShell) else default, site)


def environment_method(shell: FromShell, name: str, args: list[Any], node: ast.Call, scope: Scope) -> Any:
    site = scope.site(node)
    if name == "get":
        return environment(args[0] if args else None, args[1] if len(args) > 1 else None, site, scope)
    if name in ("pop", "setdefault", "__getitem__"):
        found = environment(args[0] if args else None, args[1] if len(args) > 1 else None, site, scope)
        if name == "setdefault" and len(args) > 1 and isinstance(args[0], str):
            scope.world.touch(scope.world.environment)
            scope.world.environment[args[0]] = found
        return found
    if name == "update":
        scope.world.touch(scope.world.environment)
        for given in args:
            if isinstance(given, dict):
                scope.world.environment.update(
                    {key: value for key, value in given.items() if isinstance(key, str)}
                )
        return None
    if name == "copy":
        return {shell: shell}
    if name in ("items", "keys", "values"):
        return FromShell(shell.name, Unknown("is all of the environment"), site)
    return Unknown(f"is what os.environ.{name}() returns", site)


def getenv(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    default = args[1] if len(args) > 1 else options.get("default")
    return environment(args[0] if args else options.get("key"), default, scope.site(node), scope)


# ---- files


def content(path: Any, node: Any, scope: Scope, *, is_text: bool = True) -> Any:
    """What is in a file of the launcher's, where it is small."""
    if isinstance(path, Unknown | FromShell) or not isinstance(path, str | PurePath):
        return path if isinstance(path, Unknown) else Unknown("is read from a file that cannot be told")
    file = scope.world.side.disk(PurePath(path))
    if file is None:
        return Unknown(f"is read from {path}", scope.site(node))
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            return Unknown(f"is read from {path}, which is no file, or a large one", scope.site(node))
        return file.read_text("utf-8") if is_text else file.read_bytes()
    except (OSError, ValueError) as error:
        return Unknown(f"is read from {path}, which cannot be: {error}", scope.site(node))


def opened(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    path = args[0] if args else options.get("file")
    mode = args[1] if len(args) > 1 else options.get("mode", "r")
    scope.world.risks += 1
    if not isinstance(path, str | PurePath) or not isinstance(mode, str) or set(mode) & set("wax+"):
        return path if isinstance(path, Unknown) else Unknown("is a file that is written", scope.site(node))
    return OpenFile(PurePath(path))


def path_method(
    receiver: Any, name: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope
) -> Any:
    """Of a Path or an open file what asks the disk; NotImplemented for what only computes."""
    path = receiver.path if isinstance(receiver, OpenFile) else receiver
    if name in ("read_text", "read", "read_bytes"):
        scope.world.risks += 1
        return content(path, node, scope, is_text=name != "read_bytes")
    if name in ("readlines", "splitlines"):
        return calls.lift(
            lambda text: text.splitlines(keepends=True), [content(path, node, scope)], node, scope
        )
    if isinstance(receiver, OpenFile):
        return (
            receiver
            if name == "__enter__"
            else Unknown(f"is what a file's .{name}() returns", scope.site(node))
        )
    if name in ("resolve", "absolute", "expanduser"):
        return absolute(path, scope, is_resolved=name == "resolve", is_home=name == "expanduser")
    if name == "open":
        return opened([path, *args], options, node, scope)
    if name in ("exists", "is_file", "is_dir"):
        file = scope.world.side.disk(path)
        if file is None:
            return Unknown(f"depends on what {path} is there", scope.site(node))
        return calls.lift(lambda _: getattr(file, name)(), [path], node, scope)
    if name in ("glob", "rglob", "iterdir"):
        return listed(path, name, args, node, scope)
    if name in (
        "as_posix",
        "joinpath",
        "relative_to",
        "with_suffix",
        "with_name",
        "with_stem",
        "is_absolute",
    ) or (name in ("is_relative_to", "match", "as_uri", "__str__", "__fspath__", "__truediv__")):
        return NotImplemented
    scope.world.risks += 1
    return (
        None
        if name in ("mkdir", "touch", "unlink")
        else Unknown(f"is what .{name}() returns", scope.site(node))
    )


def absolute(path: PurePath, scope: Scope, *, is_resolved: bool, is_home: bool = False) -> Any:
    side = scope.world.side
    if is_home:
        return Path(path).expanduser() if side.is_local else Path(str(path).replace("~", "/root", 1))
    whole = side.folder / path
    if not is_resolved:
        return Path(whole)
    if side.is_local:
        try:
            return Path(whole).resolve()
        except (OSError, RuntimeError):
            return Unknown("cannot be resolved")
    return Path(posixpath.normpath(whole))


def listed(path: PurePath, name: str, args: list[Any], node: ast.Call, scope: Scope) -> Any:
    folder = scope.world.side.disk(path)
    if folder is None or not all(isinstance(arg, str) for arg in args):
        return Unknown(f"is what lies in {path}", scope.site(node))
    found = []
    try:
        for file in getattr(folder, name)(*args):
            found.append(path / file.relative_to(folder))
            if len(found) > MOST_FILES:
                return Unknown(f"is what lies in {path}, which are many files", scope.site(node))
    except (OSError, ValueError, NotImplementedError, IndexError, TypeError):
        return Unknown(f"is what lies in {path}, which cannot be listed", scope.site(node))
    return sorted(found)


def on_disk(method: str) -> Callable[..., Any]:
    """os.path.exists(path) as Path(path).exists()."""

    def answer(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        path = args[0] if args else None
        if not isinstance(path, str | PurePath):
            return path if isinstance(path, Unknown) else Unknown("asks for a file that cannot be told")
        found = path_method(Path(path), method, [], {}, node, scope)
        return str(found) if isinstance(found, PurePath) and method != "iterdir" else found

    return answer


def listdir(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    path = args[0] if args else "."
    if not isinstance(path, str | PurePath):
        return Unknown("lists a folder that cannot be told")
    return calls.lift(
        lambda found: [file.name for file in found],
        [listed(Path(path), "iterdir", [], node, scope)],
        node,
        scope,
    )


def abspath(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    folder = str(scope.world.side.folder)
    return calls.lift(lambda path: os.path.normpath(posixpath.join(folder, path)), args[:1], node, scope)


def loader(parse: Callable[[str], Any]) -> Callable[..., Any]:
    """json.load(file), tomllib.load(file)."""

    def load(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        scope.world.risks += 1
        file = args[0] if args else None
        text = content(file.path, node, scope) if isinstance(file, OpenFile) else file
        return calls.lift(parse, [text], node, scope)

    return load


def current_folder(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return str(scope.world.side.folder)


def path_here(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return Path(scope.world.side.folder)


def home(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return Path.home() if scope.world.side.is_local else Path("/root")


# ---- builtins that look into values that may not be known


def as_list(kind: type) -> Callable[..., Any]:
    def convert(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        if not args:
            return kind()
        items = calls.items_of(args[0])
        if items is not None:
            return kind(items)
        if isinstance(args[0], FromShell):
            return calls.lift(kind, args, node, scope)
        return kind((Rest(why_of(args[0], "goes through what is not known"), scope.site(node)),))

    return convert


def as_dict(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    result: dict[Any, Any] = {}
    for given in args[:1]:
        if isinstance(given, dict):
            result.update(given)
        elif isinstance(given, FromShell) and given.name is None:
            result[given] = given
        elif isinstance(given, list | tuple) and is_plain(given):
            pairs = calls.lift(lambda held: dict(held), [given], node, scope)
            result.update(pairs if isinstance(pairs, dict) else {pairs: pairs})
        else:
            unknown = given if isinstance(given, Unknown) else Unknown("is made of what is not known")
            result[unknown] = unknown
    result.update(options)
    return result


def length(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    held = args[0] if args else Unknown("has no length")
    if isinstance(held, list | tuple | dict | set):
        rest = next((part for part in held if isinstance(part, Rest | FromShell)), None)
        return len(held) if rest is None else Unknown(why_of(rest, ""), scope.site(node))
    return calls.lift(len, [held], node, scope)


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


def quantified(is_any: bool) -> Callable[..., Any]:
    def decide(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
        items = calls.items_of(args[0]) if args else None
        if items is None:
            return Unknown(
                why_of(args[0] if args else None, "goes through what is not known"), scope.site(node)
            )
        doubts = [item for item in items if truth(item) is None or isinstance(item, Rest)]
        if any(truth(item) is is_any for item in items):
            return is_any
        return Unknown(why_of(doubts[0], ""), scope.site(node)) if doubts else not is_any

    return decide


def mapped(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    items = calls.items_of(args[1]) if len(args) == 2 else None
    if items is None or len(items) > 2000:
        return Unknown("goes through what is not known", scope.site(node))
    return [
        item if isinstance(item, Rest) else calls.call(args[0], [item], {}, node, scope) for item in items
    ]


def get_attribute(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if len(args) < 2 or not isinstance(args[1], str):
        return Unknown("is an attribute that cannot be told", scope.site(node))
    place = ast.copy_location(ast.Attribute(node.func, args[1], ast.Load()), node)
    found = calls.attribute(args[0], args[1], place, scope)
    if len(args) > 2 and isinstance(found, Unknown | Method):
        return Unknown(f"is an attribute {args[1]} that may not be there", scope.site(node))
    return found


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


def replaced(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if args and isinstance(args[0], Instance):
        made = Instance(args[0].of)
        made.names.update({**args[0].names, **options})
        return made
    return Unknown("is made of an object that is not followed", scope.site(node))


def container_method(
    held: Any, name: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope
) -> Any:
    """Of a list, dict or set, whose items may be anything."""
    method = getattr(held, name, None)
    if method is None or name.startswith("__"):
        return Unknown(f"has no .{name}", scope.site(node))
    if name in ("extend", "update", "intersection_update", "difference_update") and args:
        items = calls.items_of(args[0])
        if name == "extend" and items is None:
            args = [[Rest(why_of(args[0], "is not a known list"), scope.site(node))]]
        elif isinstance(held, dict) and not isinstance(args[0], dict):
            unknown = (
                args[0] if isinstance(args[0], FromShell) else Unknown(why_of(args[0], "is not a known dict"))
            )
            args = [as_dict([args[0]], {}, node, scope) if items is not None else {unknown: unknown}]
    if name in ("get", "pop") and isinstance(held, dict) and args:
        found = held_item(held, args, node, scope)
        if name == "pop":
            scope.world.touch(held)
            held.pop(args[0], None)
        return found
    if name == "sort" and not (is_plain(held) and not options):
        scope.world.touch(held)
        held[:] = [Rest("is sorted in a way that is not followed")]
        return None
    scope.world.touch(held)
    try:
        found = method(*args, **options)
    except Exception as error:
        return Unknown(f"fails: {error}"[:200], scope.site(node))
    return list(found) if name in ("items", "keys", "values") else found


def held_item(held: dict[Any, Any], args: list[Any], node: ast.Call, scope: Scope) -> Any:
    try:
        if args[0] in held:
            return held[args[0]]
    except TypeError:
        return Unknown("is an item of a key that cannot be one", scope.site(node))
    if isinstance(args[0], Unknown | FromShell):
        return Unknown(why_of(args[0], ""), scope.site(node))
    doubt = next((key for key in held if isinstance(key, Unknown | FromShell)), None)
    if doubt is not None:
        return Unknown(why_of(doubt, ""), scope.site(node))
    return args[1] if len(args) > 1 else None


PURE: dict[str, Callable[..., Any]] = {
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
    "json.loads": json.loads,
    "json.dumps": json.dumps,
    "tomllib.loads": tomllib.loads,
    "tomli.loads": tomllib.loads,
    "shlex.split": shlex.split,
    "shlex.join": shlex.join,
    "shlex.quote": shlex.quote,
    "textwrap.dedent": textwrap.dedent,
    "textwrap.indent": textwrap.indent,
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
    "json.load": loader(json.loads),
    "tomllib.load": loader(tomllib.loads),
    "tomli.load": loader(tomllib.loads),
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
    "builtins.map": mapped,
    "builtins.getattr": get_attribute,
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
    "functools.cache": decorator_or_first,
    "functools.lru_cache": decorator_or_first,
    "typing.cast": lambda args, options, node, scope: (
        args[1] if len(args) > 1 else Unknown("has no argument")
    ),
    "importlib.import_module": lambda args, options, node, scope: import_module(args, node, scope),
    "builtins.__import__": lambda args, options, node, scope: import_module(args, node, scope),
}


def together(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    """zip(...), and enumerate(x) as zip(None, x)."""
    lists = [calls.items_of(arg) for arg in args if arg is not None]
    if not lists or any(items is None or any(isinstance(part, Rest) for part in items) for items in lists):
        return Unknown("goes through what is not known", scope.site(node))
    if args[0] is None:
        start = args[2] if len(args) > 2 else options.get("start", 0)
        return (
            list(enumerate(lists[0] or [], start))
            if isinstance(start, int)
            else Unknown("counts from what is not known")
        )
    return list(zip(*[items for items in lists if items is not None], strict=False))


def import_module(args: list[Any], node: ast.Call, scope: Scope) -> Any:
    name = args[0] if args else None
    if not isinstance(name, str):
        return Unknown("is a module of a name that cannot be told", scope.site(node))
    found = scope.world.import_name(name, scope) if not name.startswith(".") else None
    if found is not None:
        return found
    scope.world.import_risks += 1
    return External(name)
