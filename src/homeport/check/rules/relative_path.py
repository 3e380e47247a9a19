"""A path is relative where its Volume is mounted at an absolute one.

`data/cats` is below the folder that the code happens to run in, `/root` unless the image says otherwise. A
Volume at `/data` is not there: what is read is not found, and what is written is lost with the container.
On one's own machine, in the project's folder, the same line works.

Bad:

    import os
    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def train():
        print(os.listdir("data/cats"))

Good:

    import os
    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def train():
        print(os.listdir("/data/cats"))
"""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from homeport.check.facts import Facts, Function, Parameter
from homeport.check.findings import Finding
from homeport.check.paths import Touch, absolute, is_below, mounts, read_paths, written_paths
from homeport.check.values import Unknown

CODE = "HP302"


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        places = mounts(function)
        container = facts.containers.get(function.name)
        if not places or container is None:
            continue
        said: set[str] = set()
        for event in facts.events.get(function.name, ()):
            if event.guards & {"local", "type_checking"}:
                continue
            for touch in (*read_paths(event), *written_paths(event)):
                mount = _meant(touch.given, places)
                if mount is None or touch.given in said:
                    continue
                if (
                    any(is_below(touch.path, place) for place in places)
                    or container.at(touch.path) is not None
                ):
                    continue
                said.add(touch.given)
                yield _finding(touch, mount, function)
        if not isinstance(container.workdir, Unknown):
            for parameter in function.parameters:
                yield from _default(parameter, function, places, container.workdir, facts)


def _meant(given: str, places: dict[str, object]) -> str | None:
    """The mount that a relative path is spelled like: `data/cats` is like `/data`, and like `/mnt/data`."""
    path = PurePosixPath(given)
    if path.is_absolute() or not path.parts or path.parts[0] == "..":
        return None
    for place in places:
        mount = PurePosixPath(place)
        if path.parts[0] == mount.name or path.parts[: len(mount.parts) - 1] == mount.parts[1:]:
            return place
    return None


def _finding(touch: Touch, mount: str, function: Function) -> Finding:
    does = "writes" if touch.is_written else "looks for"
    return Finding(
        CODE,
        touch.call.site,
        f"{function.name} {does} '{touch.given}', which is {touch.path} in its container, while the Volume "
        f"is at {mount}",
        "warning",
        function.name,
        f"write {_absolute(touch.given, mount)}",
    )


def _absolute(given: str, mount: str) -> str:
    path, place = PurePosixPath(given), PurePosixPath(mount)
    rest = path.parts[1:] if path.parts[0] == place.name else path.parts[len(place.parts) - 1 :]
    return str(place.joinpath(*rest))


def _default(
    parameter: Parameter, function: Function, places: dict[str, object], workdir: str, facts: Facts
) -> Iterator[Finding]:
    """An argument's default that is such a path, where the function does not join it to something."""
    if parameter.default is None or not isinstance(function.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    try:
        given = ast.literal_eval(parameter.default)
    except (ValueError, SyntaxError):
        return
    if not isinstance(given, str) or "/" not in given or (mount := _meant(given, places)) is None:
        return
    path = absolute(given, workdir)
    container = facts.containers[function.name]
    if path is None or any(is_below(path, place) for place in places) or container.at(path) is not None:
        return
    if _is_joined(parameter.name, function.node):
        return
    yield Finding(
        CODE,
        parameter.site,
        f"the default '{given}' of {parameter.name} is {path} in the container of {function.name}, while "
        "the Volume is at "
        f"{mount}",
        "warning",
        function.name,
        f"write {_absolute(given, mount)}",
    )


def _is_joined(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """`ROOT / name`, `os.path.join(ROOT, name)`, `f"{ROOT}/{name}"`."""
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div | ast.Add):
            joined: list[ast.expr] = [part.right]
        elif isinstance(part, ast.Call):
            joined = list(part.args[1:])
        elif isinstance(part, ast.JoinedStr):
            joined = [value.value for value in part.values[1:] if isinstance(value, ast.FormattedValue)]
        else:
            continue
        if any(
            isinstance(inner, ast.Name) and inner.id == name for item in joined for inner in ast.walk(item)
        ):
            return True
    return False
