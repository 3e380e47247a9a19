"""Methods of values that are known: texts, lists, dicts, paths, and the app's own objects."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from homeport.check.execution.following import Following
from homeport.check.execution.library import PATH_METHODS, apply_pure
from homeport.check.execution.objects import (
    MADE,
    CloudInstance,
    ImageValue,
    Instance,
    Made,
    Method,
    UserClass,
    UserFunction,
)
from homeport.check.facts import (
    Function,
    Import,
    Step,
    Volume,
)
from homeport.check.values import Unknown, Value

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


class Methods(Following):
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
