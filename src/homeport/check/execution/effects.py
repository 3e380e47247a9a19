"""Calls of Python's own that change what comes after them, by their names: `SPECIAL`."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from homeport.check.execution.binding import written
from homeport.check.execution.core import Core
from homeport.check.execution.environment import (
    all_variables,
    drop_variable,
    read_variable,
    set_default,
    update_environment,
    write_variable,
)
from homeport.check.execution.library import PURE
from homeport.check.execution.objects import (
    MADE,
    External,
    Instance,
    UserClass,
    UserFunction,
)
from homeport.check.execution.search_path import append, copy_path, extend, insert, take_off
from homeport.check.facts import (
    Raise,
)
from homeport.check.values import Unknown, Value


def exists(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) != 1 or not isinstance(args[0], str | PurePath):
        return MADE
    there = self.is_there(str(args[0]))
    return MADE if there is None else there


def absolute_path(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) != 1 or not isinstance(args[0], str | PurePath):
        return MADE
    return self.absolute(str(args[0])) or MADE


def working_folder(
    self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    folder = self.place.folder
    name = written(node.func)
    return (
        PURE["pathlib.Path"](folder)
        if isinstance(folder, str) and "cwd" in name[-3:] and "getcwd" not in name
        else folder
    )


def change_folder(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    value = args[0] if args else MADE
    found = self.absolute(str(value)) if isinstance(value, str | PurePath) else None
    self.place = replace(
        self.place, folder=found if found else Unknown("os.chdir is given what is not known", self.site(node))
    )
    return None


def import_module(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    name = args[0] if args else options.get("name", MADE)
    return self.import_by_call(name, args[1] if len(args) > 1 else options.get("package"), node)


def dunder_import(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    name = args[0] if args else options.get("name", MADE)
    value = self.import_by_call(name, None, node)
    if isinstance(name, str) and "." in name and not (len(args) > 3 or "fromlist" in options):
        top = name.partition(".")[0]
        return self.process.modules.get(top, External(top))
    return value


def stand_in(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    self.stand_in(args[0] if args else MADE)
    return MADE


def find_spec(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    return self.find_spec(args[0] if args else MADE)


def leave(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """sys.exit, exit, quit, os._exit. With a text or a number that is not 0 the run fails."""
    self.emit(Raise, node, name="SystemExit")
    status = args[0] if args else None
    self.pending = "raise" if isinstance(status, str) or (isinstance(status, int) and status) else "exit"
    return MADE


def run_now(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """asyncio.run(main()): the coroutine's body was followed where it was called."""
    return args[0] if args else MADE


def system(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    self.run_command(args[0] if args else MADE, {"shell": True}, node, "os.system")
    return MADE


def execute(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """os.execv(path, argv), os.execvp and their like: nothing comes after."""
    words = args[1] if len(args) > 1 and isinstance(args[1], tuple) else args[1:]
    self.run_command(words, {}, node, "os.exec")
    self.pending = "exit"
    return MADE


def run_path(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if args and isinstance(args[0], str | PurePath):
        name = options.get("run_name", "<run_path>")
        self.run_file(str(args[0]), node, main=name if isinstance(name, str) else "<run_path>")
    return MADE


def run_module(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    return self.import_by_call(args[0] if args else MADE, None, node)


def open_state(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """exec, globals: a module may have names that nobody sees."""
    self.frame.state.is_open = True
    return MADE


def read_attribute(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) >= 2 and isinstance(args[1], str):
        return self.attribute_of(args[0], args[1], node)
    return MADE


def write_attribute(
    self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    """setattr: of a module that is not known which, it may be any."""
    if len(args) == 3 and isinstance(args[1], str) and isinstance(args[0], Instance):
        args[0].attributes[args[1]] = args[2] if self.is_certain else MADE
    elif args and not isinstance(args[0], Instance | UserClass):
        for state in self.process.modules.values():
            state.is_open = True
        self.frame.state.is_open = True
    return None


def partial(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """functools.partial(function, ...): the function with other defaults."""
    if not args or not isinstance(args[0], UserFunction) or isinstance(args[0].node, ast.Lambda):
        return args[0] if args else MADE
    function = args[0]
    names = [argument.arg for argument in (*function.node.args.posonlyargs, *function.node.args.args)]
    given = dict(zip(names[1 if function.receiver is not None else 0 :], args[1:], strict=False))
    if given:
        return MADE if self.is_running(function.node) else replace(function, is_wrapped=True)
    return replace(function, defaults={**function.defaults, **options})


Special = Callable[[Any, tuple[Value, ...], Mapping[str, Value], ast.Call], Value]


SPECIAL: dict[str, Special] = {
    "os.path.exists": exists,
    "os.path.isfile": exists,
    "os.path.isdir": exists,
    "os.path.abspath": absolute_path,
    "os.path.realpath": absolute_path,
    "os.getcwd": working_folder,
    "pathlib.Path.cwd": working_folder,
    "os.chdir": change_folder,
    "os.environ.get": read_variable,
    "os.getenv": read_variable,
    "os.environ.setdefault": set_default,
    "os.environ.update": update_environment,
    "os.environ.pop": drop_variable,
    "os.unsetenv": drop_variable,
    "os.putenv": write_variable,
    "os.environ.copy": all_variables,
    "os.environ.items": all_variables,
    "os.environ.keys": all_variables,
    "os.environ.values": all_variables,
    "sys.path.insert": insert,
    "sys.path.append": append,
    "sys.path.extend": extend,
    "sys.path.remove": take_off,
    "sys.path.pop": take_off,
    "sys.path.clear": take_off,
    "sys.path.copy": copy_path,
    "site.addsitedir": append,
    "sys.modules.setdefault": stand_in,
    "sys.modules.update": stand_in,
    "importlib.import_module": import_module,
    "importlib.util.find_spec": find_spec,
    "__import__": dunder_import,
    "sys.exit": leave,
    "exit": leave,
    "quit": leave,
    "os._exit": leave,
    "asyncio.run": run_now,
    "anyio.run": run_now,
    "os.system": system,
    "os.execv": execute,
    "os.execvp": execute,
    "os.execl": execute,
    "runpy.run_path": run_path,
    "runpy.run_module": run_module,
    "exec": open_state,
    "globals": open_state,
    "locals": open_state,
    "vars": open_state,
    "setattr": write_attribute,
    "getattr": read_attribute,
    "functools.partial": partial,
}
