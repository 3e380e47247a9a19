"""A Volume is mounted where Modal refuses it.

The client checks a function's mounts before it sends anything: a path has to be absolute and in its
shortest spelling, none may be `/`, `/root` or `/tmp`, and one Volume has one place in a function. Otherwise
the command ends with `InvalidError`. Folders below `/root` are allowed.

Bad:

    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/root": data})
    def train():
        print("hello")

Good:

    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/root/data": data})
    def train():
        print("hello")
"""

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from homeport.check.facts import Facts, Function, Volume
from homeport.check.findings import Finding

CODE = "HP305"

FORBIDDEN = ("/", "/root", "/tmp")


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        for option, noun in (("volumes", "Volume"), ("network_file_systems", "NetworkFileSystem")):
            mounts = _mounts(function, option)
            for path in mounts:
                if why := _refusal(path):
                    yield _finding(
                        function,
                        option,
                        f"the {noun} at '{path}' is refused by the modal client: {why}",
                        _cure(path),
                    )
            if option == "volumes":
                yield from _twice(function, mounts)


def _mounts(function: Function, option: str) -> Mapping[str, Any]:
    if option == "volumes":
        return function.volumes
    given = function.options.get(option)
    if not isinstance(given, dict):
        return {}
    return {str(path): mount for path, mount in given.items() if isinstance(path, str | PurePath)}


def _refusal(path: str) -> str:
    """What modal's own validation finds, "" where it accepts."""
    spelled = PurePath(path).as_posix()
    if not path:  # where it is mounted is not known
        return ""
    if spelled in FORBIDDEN:
        return f"nothing can be mounted at {spelled}"
    if not spelled.startswith("/"):
        return "the path is relative"
    if spelled != posixpath.normpath(spelled):
        return "the path has '..' in it"
    return ""


def _cure(path: str) -> str:
    normal = posixpath.normpath(PurePath("/", path).as_posix())
    if normal in FORBIDDEN:
        return f"mount it at a folder of its own, such as {'/root/data' if normal == '/root' else '/data'}"
    return f"mount it at {normal}"


def _twice(function: Function, mounts: Mapping[str, Any]) -> Iterator[Finding]:
    """One Volume object at two paths, or two objects of one name, which are the same Volume when it is looked
    up.
    """
    places: dict[object, list[str]] = {}
    for path, volume in mounts.items():
        if not isinstance(volume, Volume) or volume.kind != "Volume":
            continue
        by_name = isinstance(volume.name, str) and "environment_name" not in volume.options
        places.setdefault(volume.name if by_name else id(volume), []).append(path)
    for key, paths in places.items():
        if len(paths) > 1:
            name = f"the Volume '{key}'" if isinstance(key, str) else "one Volume"
            yield _finding(
                function,
                "volumes",
                f"{name} is mounted at {' and '.join(paths)} in {function.name}, and the modal client "
                "refuses a second place",
                "mount it once, and use subfolders of it",
            )


def _finding(function: Function, option: str, message: str, fix: str) -> Finding:
    return Finding(
        CODE, function.option_sites.get(option, function.site), message, "error", function.name, fix
    )
