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

from collections.abc import Iterator
from pathlib import PurePosixPath

from homeport.check.facts import Facts, Function, Placed
from homeport.check.findings import Finding
from homeport.check.paths import Touch, is_below, mounts, read_paths, written_paths
from homeport.check.syntax import container_events

CODE = "HP302"


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        places = mounts(function)
        container = facts.containers.get(function.name)
        if not places or container is None:
            continue
        said: set[str] = set()
        for event in container_events(facts, function):
            for touch in (*read_paths(event), *written_paths(event)):
                mount = _meant(touch.given, places)
                if mount is None or touch.given in said:
                    continue
                if any(is_below(touch.path, place) for place in places):
                    continue
                if isinstance(container.at(touch.path), Placed):
                    continue
                said.add(touch.given)
                yield _finding(touch, mount, function)


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
    return Finding(
        CODE,
        touch.call.site,
        f"'{touch.given}' is {touch.path} in the container of {function.name}, while the Volume is at "
        f"{mount}",
        "warning",
        function.name,
        f"write {_absolute(touch.given, mount)}",
    )


def _absolute(given: str, mount: str) -> str:
    path, place = PurePosixPath(given), PurePosixPath(mount)
    rest = path.parts[1:] if path.parts[0] == place.name else path.parts[len(place.parts) - 1 :]
    return str(place.joinpath(*rest))
