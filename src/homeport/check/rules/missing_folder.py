"""A folder on the search path that is not in the container.

Python passes over a folder of `sys.path` that does not exist, without a word; the imports that were to be
found there fail later. So it is with a `sys.path.insert` in the code and with PYTHONPATH in the image's
environment. Put the exact folder there that has the files.

Bad:
    # file: app.py
    import sys

    import modal

    image = modal.Image.debian_slim().add_local_dir("code", "/app")
    app = modal.App("path")


    @app.function(image=image)
    def work() -> None:
        sys.path.insert(0, "/app/src")
    # file: code/model.py

Bad:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().env({"PYTHONPATH": "/app/src"}).add_local_dir("code", "/app")
    app = modal.App("path")


    @app.function(image=image)
    def work() -> None: ...
    # file: code/model.py

Good:
    # file: app.py
    import sys

    import modal

    image = modal.Image.debian_slim().add_local_dir("code", "/app")
    app = modal.App("path")


    @app.function(image=image)
    def work() -> None:
        sys.path.insert(0, "/app")
    # file: code/model.py
"""

import posixpath
from collections.abc import Iterator

from homeport.check.facts import Call, Container, Facts, Function, PathEdit, Placed
from homeport.check.findings import Finding
from homeport.check.opened_files import PROCESSES, is_made, made_by

CODE = "HP102"
PLATFORM = ("/root", "/pkg")


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        container = facts.containers.get(function.name)
        if container is not None:
            yield from _in_environment(function, container)
            yield from _in_code(facts, function, container)


def _in_code(facts: Facts, function: Function, container: Container) -> Iterator[Finding]:
    made: set[str] = set()
    said: set[tuple[object, str]] = set()
    for event in facts.events.get(function.name, ()):
        if isinstance(event, Call):
            made |= made_by(event)
            if event.name.startswith(PROCESSES):
                return  # a child process may make any folder
        if not isinstance(event, PathEdit) or not isinstance(event.path, str):
            continue
        if event.guards & {"local", "type_checking"} or is_made(event.path, made):
            continue
        if container.at(event.path) is not None or (event.site, event.path) in said:
            continue
        said.add((event.site, event.path))
        there = _nearest(container, event.path)
        yield Finding(
            CODE,
            event.folder_site or event.site,
            f"folder {event.path} is put on sys.path, and is not in the container of {function.name}"
            + (f", where your files are in {there}" if there else ""),
            "warning",
            function=function.name,
            fix=f"Put {there} on sys.path." if there else "Take it away, or add the folder to the image.",
            others=(f'Place the files there: .add_local_dir(..., "{event.path}") on the image.',)
            if there
            else (),
        )


def _in_environment(function: Function, container: Container) -> Iterator[Finding]:
    value, origin, site = container.environment.get("PYTHONPATH", (None, "", None))
    if not isinstance(value, str) or origin == "platform":
        return
    for entry in value.split(":"):
        path = posixpath.normpath(entry) if entry.startswith("/") else ""
        if not path or path in PLATFORM or container.at(path) is not None:
            continue
        there = _nearest(container, path)
        yield Finding(
            CODE,
            site or function.site,
            f"folder {path} is in PYTHONPATH, and is not in the container of {function.name}"
            + (f", where your files are in {there}" if there else ""),
            "warning",
            function=function.name,
            fix=f"Name {there} there." if there else "Take it away, or add the folder to the image.",
        )


def _nearest(container: Container, path: str) -> str:
    """The nearest folder above that has Python files of the user's, else one that is called the same."""
    folder = posixpath.dirname(path)
    while folder != "/":
        if any(
            str(placed.path).endswith(".py") and str(placed.path.parent) == folder
            for placed in container.below(folder)
            if isinstance(placed, Placed)
        ):
            return "" if folder in PLATFORM else folder
        folder = posixpath.dirname(folder)
    return ""
