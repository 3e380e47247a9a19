"""Calls: of the user's own functions and classes, which are followed, and of libraries, which are noted."""

import ast
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from homeport.check.execution.core import MAX_DEPTH, MAX_DOUBTFUL_WALKS, MAX_WALKS, Core, Frame, Process
from homeport.check.execution.library import PATH_METHODS, PURE, apply_pure
from homeport.check.execution.objects import (
    MADE,
    REST,
    CloudInstance,
    External,
    ImageValue,
    Instance,
    Made,
    Method,
    Super,
    UserClass,
    UserFunction,
    Variables,
    is_same,
    plain,
)
from homeport.check.facts import (
    Call,
    EnvironmentRead,
    EnvironmentWrite,
    Function,
    Import,
    Module,
    PathEdit,
    Raise,
    Secret,
    Step,
    Volume,
)
from homeport.check.values import Unknown, Value

ENVIRON = External("os.environ")
SYS_PATH = External("sys.path")
# of no interest to any rule, and very many
SILENT = frozenset(
    [
        "len",
        "isinstance",
        "issubclass",
        "range",
        "enumerate",
        "zip",
        "min",
        "max",
        "sum",
        "abs",
        "round",
        "str",
        "int",
        "float",
        "bool",
        "list",
        "tuple",
        "dict",
        "set",
        "frozenset",
        "sorted",
        "reversed",
        "type",
        "super",
        "hasattr",
        "repr",
        "id",
        "iter",
        "next",
        "any",
        "all",
        "format",
        "callable",
        "divmod",
        "pow",
        "hash",
        "chr",
        "ord",
        "bytes",
        "bytearray",
        "property",
        "staticmethod",
        "classmethod",
        "object",
        "slice",
        "map",
        "filter",
    ]
)
# decorators that leave a function's body to run when it is called
TRANSPARENT = frozenset(
    [
        "staticmethod",
        "classmethod",
        "property",
        "abc.abstractmethod",
        "functools.wraps",
        "functools.lru_cache",
        "functools.cache",
        "functools.cached_property",
        "contextlib.contextmanager",
        "contextlib.asynccontextmanager",
        "typing.overload",
        "torch.no_grad",
        "torch.inference_mode",
        "torch.compile",
        "torch.jit.script",
        "typing.final",
        "dataclasses.dataclass",
        "atexit.register",
        "functools.singledispatch",
    ]
)
CONTEXTS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})


class Calls(Core):
    def call_(self, node: ast.Call) -> Value:
        func = node.func
        if isinstance(func, ast.Attribute):
            base = self.evaluate(func.value)
            target = self.attribute_of(base, func.attr, node)
        else:
            base = None
            target = self.evaluate(func)
        args: tuple[Value, ...] = self.items(node.args)
        options: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg:
                options[keyword.arg] = value
            elif isinstance(value, dict):
                options.update((key, item) for key, item in value.items() if isinstance(key, str))
            if value == ENVIRON:
                self.emit(EnvironmentRead, keyword.value, name=None, is_required=False)
        for value, argument in zip(args, node.args, strict=False):
            if value == ENVIRON:
                self.emit(EnvironmentRead, argument, name=None, is_required=False)
        return self.call(target, args, options, node, "")

    def call(
        self, target: Value, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call, name: str
    ) -> Value:
        match target:
            case UserFunction():
                self.note(written(node.func), args, options, None, node)
                return self.follow(target, args, options, node)
            case UserClass():
                self.note(written(node.func), args, options, None, node)
                return self.instantiate(target, args, options, node)
            case Instance():
                return self.call_instance(target, args, options, node)
            case External(called):
                return self.call_external(called, args, options, node)
            case Method():
                return self.call_method(target, args, options, node)
            case Function():
                self.note("Function", args, options, target, node)
                return CloudInstance(target) if target.kind == "class" else MADE
        self.note(written(node.func), args, options, None, node)
        self.give_away(args, options, node)
        self.touch(args, options)
        self.forget_mutated(node)
        return MADE

    def note(
        self,
        name: str,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        receiver: Value,
        node: ast.Call,
    ) -> None:
        self.emit(
            Call,
            node,
            name=name,
            args=tuple(map(plain, args)) if args else (),
            options={key: plain(value) for key, value in options.items()} if options else {},
            receiver=receiver,
            node=node,
            folder=self.place.folder,
        )

    # the user's own

    def follow(
        self,
        function: UserFunction,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        node: ast.expr | None,
        *,
        is_sure: bool = True,
    ) -> Value:
        """Goes through a function's body; what it returns, where that is one value."""
        key = id(function.node), self.is_certain
        count = self.walked.get(key, 0)
        if (
            count >= (MAX_WALKS if key[1] else MAX_DOUBTFUL_WALKS)
            or len(self.stack) > MAX_DEPTH
            or self.is_running(function.node)
        ):
            return MADE
        self.walked[key] = count + 1
        variables = bind(function, args, options)
        via, sure, frame = self.via, self.is_sure, self.frame
        if node is not None and frame.state.module:
            self.via = (*via, self.site(node))
        is_generator = self.yields(function)
        certain = self.is_certain and is_sure and not function.is_wrapped
        if is_generator and node is not None and not function.marks & CONTEXTS:
            certain = False  # nobody may take anything from it
        self.stack.append(frame)
        inner = Frame(function.state, function.scope, variables, function.enclosing, function=function)
        inner.is_generator = is_generator
        self.frame, self.is_sure = inner, certain
        start = self.place
        try:
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            end = self.run_block(function.node.body)
            if inner.left and end:
                self.place = inner.left[0]
            for place in inner.left:
                self.place = self.join(self.place, place)
        finally:
            self.stack.pop()
            self.frame, self.is_sure, self.via = frame, sure, via
            if not certain:
                self.place = self.join(start, self.place)
        if end in ("raise", "exit") and not inner.left:
            self.pending = end
        return result_of(inner, end)

    def yields(self, function: UserFunction) -> bool:
        node, module = function.node, function.state.module
        if isinstance(node, ast.Lambda) or module is None or "yield" not in module.text:
            return False
        found = self.generators.get(id(node))
        if found is None:
            is_possible = holds_line(node, yield_lines(module))
            found = self.generators[id(node)] = is_possible and any(map(yields, node.body))
        return found

    def is_running(self, node: ast.AST) -> bool:
        frames = (*self.stack, self.frame)
        return any(frame.function is not None and frame.function.node is node for frame in frames)

    def instantiate(
        self, owner: UserClass, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call | None
    ) -> Value:
        made = Instance(owner)
        _, initialise = owner.find("__init__")
        if isinstance(initialise, UserFunction):
            self.follow(self.bound(initialise, made), args, options, node)
        elif owner.is_dataclass:
            names = fields_of(owner)
            made.attributes.update(zip(names, args, strict=False))
            made.attributes.update(options)
            for name in names:
                if name not in made.attributes and owner.find(name)[0] is None:
                    made.attributes[name] = MADE
            _, after = owner.find("__post_init__")
            if isinstance(after, UserFunction):
                self.follow(self.bound(after, made), (), {}, node)
        else:
            self.give_away(args, options, node)
        return made

    def bound(self, function: UserFunction, receiver: Value) -> UserFunction:
        if "staticmethod" in function.marks:
            return function
        return replace(function, receiver=receiver)

    def call_instance(
        self, target: Instance, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        self.note(written(node.func), args, options, None, node)
        for name in ("__call__", "forward", "call"):
            _, method = target.owner.find(name)
            if isinstance(method, UserFunction):
                return self.follow(self.bound(method, target), args, options, node)
        return MADE

    def give_away(self, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call | None) -> None:
        """Functions and objects that a library is given: it may call them."""
        for value in (*args, *options.values()):
            if isinstance(value, UserFunction):
                with self.under(is_sure=False):
                    self.follow(value, (), {}, node)
            elif isinstance(value, Instance):
                with self.under(is_sure=False):
                    for method in list(value.owner.attributes.values()):
                        if isinstance(method, UserFunction) and method.scope.rpartition(".")[2] != "__init__":
                            self.follow(self.bound(method, value), (), {}, node)
            elif isinstance(value, tuple) and len(value) < 50:
                inner = tuple(item for item in value if isinstance(item, UserFunction | Instance))
                if inner:
                    self.give_away(inner, {}, node)

    def touch(self, args: tuple[Value, ...], options: Mapping[str, Value]) -> None:
        """Paths that a library is given: it may write there."""
        paths = {
            found
            for value in (*args, *options.values())
            if isinstance(value, PurePath) or (isinstance(value, str) and "/" in value and len(value) < 300)
            if (found := self.absolute(str(value)))
        }
        if paths - self.place.made:
            self.place = replace(self.place, made=self.place.made | paths)

    def forget_mutated(self, node: ast.Call) -> None:
        """A variable whose method is called may hold something else afterwards, where it is not known."""

    # libraries

    def call_external(
        self, name: str, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        if name not in SILENT:
            self.note(name, args, options, None, node)
        special = SPECIAL.get(name)
        if special:
            return special(self, args, options, node)
        if name in PURE:
            return apply_pure(PURE[name], args, options)
        if name.startswith("modal."):
            return self.call_modal(name, args, options, node)
        if name == "super":
            function = self.frame.function
            if function and function.owner:
                return Super(function.owner, function.receiver)
            return MADE
        if name.startswith("subprocess."):
            self.run_command(args[0] if args else options.get("args", MADE), options, node, name)
            self.place = replace(self.place, is_disk_open=True)
            return Made(name)
        self.give_away(args, options, node)
        if name not in SILENT:
            self.touch(args, options)
        return Made(name)

    def call_modal(
        self, name: str, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        """The client's own objects: the app's, where it has such ones."""
        _, kind, *rest = name.split(".")
        if kind == "is_local":
            return self.is_local
        if kind == "Image":
            return ImageValue((node.end_lineno or 0, node.end_col_offset or 0))
        if kind in ("Volume", "CloudBucketMount", "NetworkFileSystem", "SharedVolume"):
            return self.volume(kind, args, options, node)
        if kind == "Secret" and rest:
            return Secret(rest[0], args, options, self.site(node))
        return Made(name)

    def volume(
        self, kind: str, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Volume:
        name = plain(args[0] if args else options.get("name", options.get("bucket_name", MADE)))
        for function in self.app.functions:
            for known in function.volumes.values():
                if isinstance(known, Volume) and known.kind == kind and is_same(known.name, name):
                    return known
        return Volume(kind, name, {key: plain(value) for key, value in options.items()}, self.site(node))

    def call_method(
        self, target: Method, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        receiver = target.receiver
        match receiver:
            case str():
                return self.call_text(target, args, options)
            case tuple() | dict() | frozenset() | bytes():
                return self.call_collection(target, args, options, node)
            case PurePath():
                return self.call_path(target, receiver, args, options, node)
            case ImageValue():
                self.note(target.name, args, options, None, node)
                if target.attribute == "imports":
                    return target
                if target.attribute == "run_function":
                    self.run_in_build(args[0] if args else options.get("raw_f"), node)
                return ImageValue((node.end_lineno or 0, node.end_col_offset or 0))
            case Volume():
                self.note(target.name, args, options, receiver, node)
                if target.attribute in ("with_options", "with_mount_options", "read_only"):
                    return receiver
                return MADE
            case Function() | CloudInstance():
                function = receiver if isinstance(receiver, Function) else receiver.function
                self.note(target.name, args, options, function, node)
                return self.call_cloud(target, receiver, args, options, node)
        known = receiver if isinstance(receiver, Unknown) else None
        self.note(target.name, args, options, known, node)
        return Made(f"modal.{target.name}") if isinstance(receiver, Made) else MADE

    def run_in_build(self, value: Value, node: ast.Call) -> None:
        """A function that runs once, when the image is built: what it leaves are files. What it writes is
        lost nowhere, and what it imports has to be in that image.
        """
        if isinstance(value, UserFunction):
            place, seen = self.place, len(self.events)
            with self.under(is_sure=False):
                self.follow(value, (), {}, node)
            is_own = self.is_step_of_own_image(node)
            self.events[seen:] = [
                event for event in self.events[seen:] if is_own and isinstance(event, Import)
            ]
            self.place = replace(place, made=self.place.made, is_disk_open=True)
            self.pending = ""

    def is_step_of_own_image(self, node: ast.Call) -> bool:
        image = self.current.image if self.current is not None and not self.is_local else None
        end = (node.end_lineno, node.end_col_offset)
        return image is not None and any(
            (step.site.end_line, step.site.end_column) == end
            for step in image.steps
            if isinstance(step, Step) and step.method == "run_function"
        )

    def call_cloud(
        self,
        target: Method,
        receiver: Function | CloudInstance,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        node: ast.Call,
    ) -> Value:
        """`.local()` runs here, everything else in a container of its own."""
        if target.attribute == "with_options" and isinstance(receiver, Function):
            return receiver
        if target.attribute != "local":
            return MADE
        body = self.bodies.get(id(receiver if isinstance(receiver, Function) else receiver.function))
        if isinstance(body, UserFunction):
            return self.follow(body, args, options, node)
        if isinstance(body, UserClass) and isinstance(receiver, CloudInstance):
            _, method = body.find(receiver.method)
            if isinstance(method, UserFunction):
                return self.follow(self.bound(method, Instance(body)), args, options, node)
        return MADE

    def call_text(self, target: Method, args: tuple[Value, ...], options: Mapping[str, Value]) -> Value:
        text: str = target.receiver
        name = target.attribute
        if name == "join" and len(args) == 1 and isinstance(args[0], tuple):
            return text.join(args[0]) if all(isinstance(item, str) for item in args[0]) else MADE
        if name not in TEXT_METHODS or len(text) > 4000:
            return MADE
        if not all(isinstance(arg, str | int | None) for arg in (*args, *options.values())):
            return MADE
        if name in ("zfill", "format", "ljust") and (
            ":" in text or any(isinstance(arg, int) and arg > 99 for arg in args)
        ):
            return MADE
        if name == "replace" and sum(len(arg) for arg in args if isinstance(arg, str)) > 200:
            return MADE
        try:
            value = getattr(text, name)(*args, **options)
        except Exception:  # wrong arguments: the run fails in its own way
            return MADE
        return tuple(value) if isinstance(value, list) else value

    def call_collection(
        self, target: Method, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        """Reads of a dict are known; what changes a list or a dict changes the variable that holds it."""
        receiver, name = target.receiver, target.attribute
        if isinstance(receiver, dict):
            if name == "get" and args and isinstance(args[0], str | int):
                return receiver.get(args[0], args[1] if len(args) > 1 else None)
            if name in ("keys", "values"):
                return tuple(getattr(receiver, name)())
            if name == "items":
                return tuple(receiver.items())
            if name == "copy":
                return dict(receiver)
        if isinstance(receiver, tuple) and name == "copy":
            return receiver
        changed: Value = MADE
        if isinstance(receiver, tuple) and name == "append" and len(args) == 1:
            changed = (*receiver, args[0])
        elif (
            isinstance(receiver, tuple) and name == "extend" and len(args) == 1 and isinstance(args[0], tuple)
        ):
            changed = receiver + args[0]
        elif isinstance(receiver, tuple) and name == "insert" and len(args) == 2 and isinstance(args[0], int):
            items = list(receiver)
            items.insert(*args)
            changed = tuple(items)
        elif isinstance(receiver, dict) and name == "update" and all(isinstance(arg, dict) for arg in args):
            changed = dict(receiver)
            for arg in args:
                changed.update(arg)
            changed.update(options)
        elif name in ("index", "count", "union", "intersection", "difference", "decode", "hex"):
            return MADE
        if isinstance(changed, tuple | dict) and len(changed) > 1000:
            changed = MADE
        func = node.func
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name | ast.Attribute):
            self.assign(func.value, changed)
        return MADE

    def call_path(
        self,
        target: Method,
        path: PurePath,
        args: tuple[Value, ...],
        options: Mapping[str, Value],
        node: ast.Call,
    ) -> Value:
        name = target.attribute
        self.note(target.name, args, options, path, node)
        if name in PATH_METHODS:
            return apply_pure(PATH_METHODS[name], (path, *args), options)
        if name in ("resolve", "absolute"):
            found = self.absolute(str(path))
            return type(path)(found) if found else MADE
        if name in ("exists", "is_file", "is_dir"):
            there = self.is_there(str(path))
            return MADE if there is None else there
        if name in ("mkdir", "touch", "write_text", "write_bytes", "open", "rename", "symlink_to"):
            self.touch((path, *args), options)
        return Made(target.name)


def exists(self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) != 1 or not isinstance(args[0], str | PurePath):
        return MADE
    there = self.is_there(str(args[0]))
    return MADE if there is None else there


def absolute_path(
    self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    if len(args) != 1 or not isinstance(args[0], str | PurePath):
        return MADE
    return self.absolute(str(args[0])) or MADE


def working_folder(
    self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    folder = self.place.folder
    name = written(node.func)
    return (
        PURE["pathlib.Path"](folder)
        if isinstance(folder, str) and "cwd" in name[-3:] and "getcwd" not in name
        else folder
    )


def change_folder(
    self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    value = args[0] if args else MADE
    found = self.absolute(str(value)) if isinstance(value, str | PurePath) else None
    self.place = replace(
        self.place, folder=found if found else Unknown("os.chdir is given what is not known", self.site(node))
    )
    return None


def read_variable(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """os.environ.get, os.getenv."""
    name = args[0] if args else options.get("key", MADE)
    default = args[1] if len(args) > 1 else options.get("default")
    return self.read_environment(name, node, is_required=False, default=default)


def write_variable(
    self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    """os.putenv(name, value)."""
    if len(args) == 2:
        set_variable(self, args[0], args[1], node)
    return None


def set_default(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """os.environ.setdefault: a read, and a write where it was not set."""
    if not args:
        return MADE
    value = args[1] if len(args) > 1 else None
    known = self.read_environment(args[0], node, is_required=False)
    if known is None:
        set_variable(self, args[0], value, node)
        return value
    self.emit(EnvironmentWrite, node, name=shown_name(args[0]), value=MADE)
    if isinstance(known, Unknown) and isinstance(args[0], str):
        self.place = replace(self.place, environment={**self.place.environment, args[0]: MADE})
    return known


def update_environment(
    self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.AST
) -> Value:
    for value in (*args, options):
        if isinstance(value, dict):
            for name, item in value.items():
                set_variable(self, name, item, node)
        else:
            set_variable(self, MADE, MADE, node)
    return None


def drop_variable(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """os.environ.pop, os.unsetenv."""
    if not args:
        return MADE
    value = self.read_environment(args[0], node, is_required=len(args) == 1, default=args[-1])
    set_variable(self, args[0], None, node)
    return value


def all_variables(
    self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
) -> Value:
    self.emit(EnvironmentRead, node, name=None, is_required=False)
    return MADE


def set_variable(self: Core, name: Value, value: Value, node: ast.AST) -> None:
    """Sets a variable of the environment; None deletes it."""
    self.emit(EnvironmentWrite, node, name=shown_name(name), value=plain(value))
    if isinstance(name, str):
        self.place = replace(self.place, environment={**self.place.environment, name: value})
    else:
        self.place = replace(self.place, is_environment_open=True)


def shown_name(name: Value) -> str | Unknown:
    return name if isinstance(name, str | Unknown) else MADE


# sys.path


def edit(self: Core, value: Value, node: ast.AST, written_at: ast.AST | None = None) -> str | None:
    """Notes that a folder is put on sys.path; the entry, where it is one that Python heeds."""
    path: str | Unknown = value if isinstance(value, Unknown) else MADE
    if isinstance(value, str | PurePath):
        path = self.absolute(str(value)) or Unknown("the working folder is not known")
    self.emit(
        PathEdit,
        node,
        folder=plain(value),
        path=path,
        folder_site=self.site(written_at) if written_at else None,
    )
    if not isinstance(value, str | PurePath):
        self.place = replace(self.place, is_path_open=True)
    return value if isinstance(value, str) else None  # a Path is not heeded by Python


def insert(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) != 2:
        return MADE
    entry = edit(self, args[1], node, node.args[1] if len(node.args) == 2 else None)
    if entry is not None:
        entries = list(self.place.search_path)
        at = args[0] if isinstance(args[0], int) else 0
        entries.insert(at if at >= 0 else len(entries), entry)
        self.place = replace(self.place, search_path=tuple(entries))
    return None


def append(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) == 1:
        entry = edit(self, args[0], node, node.args[0] if node.args else None)
        if entry is not None:
            self.place = replace(self.place, search_path=(*self.place.search_path, entry))
    return None


def extend(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    if len(args) == 1:
        add_all(self, args[0], node, node.args[0] if node.args else None)
    return None


def add_all(
    self: Core, value: Value, node: ast.AST, listed: ast.AST | None, *, in_front: bool = False
) -> None:
    """`sys.path += value`, `sys.path[:0] = value`."""
    if not isinstance(value, tuple):
        edit(self, MADE, node)
        return
    places: list[ast.AST | None] = [None] * len(value)
    if isinstance(listed, ast.List | ast.Tuple) and len(listed.elts) == len(value):
        places = list(listed.elts)
    found = [edit(self, item, node, where) for item, where in zip(value, places, strict=True)]
    entries = tuple(entry for entry in found if entry is not None)
    now = self.place.search_path
    self.place = replace(self.place, search_path=(*entries, *now) if in_front else (*now, *entries))


def replace_path(self: Core, value: Value, node: ast.AST, listed: ast.AST | None = None) -> None:
    """`sys.path = value`: what is new in it was put there."""
    if not isinstance(value, tuple):
        self.place = replace(self.place, is_path_open=True)
        return
    for item in value:
        if item not in self.place.search_path:
            edit(self, item, node)
    self.place = replace(self.place, search_path=tuple(item for item in value if isinstance(item, str)))


def take_off(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """sys.path.remove, .pop, .clear: what is left is only known for a known entry."""
    entries = list(self.place.search_path)
    if written(node.func).endswith(".pop"):
        at = args[0] if args else -1
        if at == 0 and entries:
            self.place = replace(self.place, search_path=tuple(entries[1:]))
        else:
            self.place = replace(self.place, is_path_open=True)
    elif len(args) == 1 and args[0] in entries:
        entries.remove(args[0])
        self.place = replace(self.place, search_path=tuple(entries))
    elif not args:
        self.place = replace(self.place, is_path_open=True)
    return MADE


def copy_path(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    return self.place.search_path


# modules and processes


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


def find_spec(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    return self.find_spec(args[0] if args else MADE)


def leave(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """sys.exit, exit, quit, os._exit. With a text or a number that is not 0 the run fails."""
    self.emit(Raise, node, name="SystemExit")
    status = args[0] if args else None
    self.pending = "raise" if isinstance(status, str) or (isinstance(status, int) and status) else "exit"
    return MADE


def run_now(self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """asyncio.run(main()): the coroutine's body was followed where it was called."""
    return args[0] if args else MADE


def system(self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    self.run_command(args[0] if args else MADE, {"shell": True}, node, "os.system")
    self.place = replace(self.place, is_disk_open=True)
    return MADE


def execute(self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
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


def partial(self: Calls, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
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

TEXT_METHODS = frozenset(
    [
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "rsplit",
        "splitlines",
        "replace",
        "startswith",
        "endswith",
        "join",
        "removeprefix",
        "removesuffix",
        "title",
        "capitalize",
        "count",
        "find",
        "partition",
        "rpartition",
        "format",
        "zfill",
        "isdigit",
        "casefold",
    ]
)


@lru_cache(maxsize=1024)
def yield_lines(module: Module) -> tuple[int, ...]:
    """The lines with the word: a hundredth of the functions are worth a look at their expressions."""
    lines = module.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return tuple(number for number, line in enumerate(lines, 1) if "yield" in line)


def holds_line(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: tuple[int, ...]) -> bool:
    place = bisect_left(lines, node.lineno)
    return place < len(lines) and lines[place] <= (node.end_lineno or node.lineno)


def yields(node: ast.AST) -> bool:
    if isinstance(node, ast.Yield | ast.YieldFrom):
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return False
    return any(map(yields, ast.iter_child_nodes(node)))


def written(node: ast.expr) -> str:
    """A callable as it stands there: "model.eval", "make().run"."""
    parts: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Call):
            inner = written(node.func)
            parts.append(f"{inner}()")
            break
        elif isinstance(node, ast.Name):
            parts.append(node.id)
            break
        elif isinstance(node, ast.Subscript):
            parts.append("[]")
            node = node.value
        else:
            parts.append("")
            break
    return ".".join(reversed(parts)).replace(".[]", "[]")


def bind(function: UserFunction, args: tuple[Value, ...], options: Mapping[str, Value]) -> Variables:
    """The variables that a call begins with."""
    arguments = function.node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    variables: Variables = dict(function.defaults)
    given = args if function.receiver is None or function.owner is None else (function.receiver, *args)
    if REST in given:
        given = given[: given.index(REST)]
        variables.update(dict.fromkeys(names[len(given) :], MADE))
    variables.update(zip(names, given, strict=False))
    known = {*names, *(argument.arg for argument in arguments.kwonlyargs)}
    for name, value in options.items():
        if name in known:
            variables[name] = value
    for name in known:
        if name not in variables:
            variables[name] = Unknown(f"it is the argument {name}")
    if arguments.vararg:
        variables[arguments.vararg.arg] = given[len(names) :] if REST not in args else MADE
    if arguments.kwarg:
        variables[arguments.kwarg.arg] = {name: value for name, value in options.items() if name not in known}
    return variables


def result_of(frame: Frame, end: str) -> Value:
    """What a function returned, where every way returned the same."""
    if frame.is_generator:
        return MADE
    values = list(frame.returned)
    if end == "":
        values.append(None)
    if not values or not all(is_same(values[0], value) for value in values[1:]):
        return MADE
    return values[0]


def fields_of(owner: UserClass) -> list[str]:
    """A dataclass's fields in the order of its arguments."""
    names: list[str] = []
    for base in owner.bases:
        if isinstance(base, UserClass):
            names += fields_of(base)
    names += [
        statement.target.id
        for statement in owner.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]
    return names


__all__ = ["Calls", "Process", "add_all", "edit", "replace_path", "set_variable", "written"]
