"""Calls that read and write `os.environ`."""

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from homeport.check.execution.core import Core
from homeport.check.execution.objects import (
    MADE,
    plain,
)
from homeport.check.facts import (
    EnvironmentRead,
    EnvironmentWrite,
)
from homeport.check.values import Unknown, Value


def read_variable(self: Any, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
    """os.environ.get, os.getenv."""
    name = args[0] if args else options.get("key", MADE)
    default = args[1] if len(args) > 1 else options.get("default")
    return self.read_environment(name, node, is_required=False, default=default)


def write_variable(
    self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
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


def all_variables(self: Core, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call) -> Value:
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
