"""What the source sees of the environment: the shell's variables, a container's, and what it sets itself."""

import ast
from typing import Any

from homeport.check.reading.scope import Scope
from homeport.check.values import FromShell, Site, Unknown

PLATFORM_VARIABLES = (
    "MODAL_IS_REMOTE",
    "MODAL_TASK_ID",
    "MODAL_IMAGE_ID",
    "MODAL_FUNCTION_RUNTIME",
    "MODAL_REGION",
)


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
        world.risks += 1
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
