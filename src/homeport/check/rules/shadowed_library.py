"""A file of yours has the name of a library, and takes its place.

Python takes the first module of a name that it finds, and `/root`, where your files are, comes before the
standard library and before what the image installs. A `random.py` there is what every library gets that
imports `random`; a `torch.py` keeps PyTorch from being found.

Bad:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_file("random.py", "/root/random.py")
    app = modal.App("shadow")


    @app.function(image=image)
    def work() -> None: ...
    # file: random.py
    SEED = 1

Bad:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().pip_install("numpy").add_local_python_source("numpy")
    app = modal.App("shadow")


    @app.function(image=image)
    def work() -> None: ...
    # file: numpy.py
    SIZE = 1

Good:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_file("draws.py", "/root/draws.py")
    app = modal.App("shadow")


    @app.function(image=image)
    def work() -> None: ...
    # file: draws.py
    SEED = 1
"""

import posixpath
from collections.abc import Iterator

from homeport.check.facts import Container, Facts, FoundModule, Import, Placed
from homeport.check.findings import Finding
from homeport.check.values import Site

CODE = "HP107"


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        container = facts.containers.get(function.name)
        if container is None:
            continue
        folders = _folders(facts, function.name, container)
        for name, placed in _modules(container, folders):
            found = container.find(name, ())
            if not isinstance(found, FoundModule) or found.kind == "shipped":
                continue
            if found.is_guessed and "-" in found.where:  # chatterbox-tts has no module chatterbox_tts
                continue
            library = "the standard library" if found.kind == "stdlib" else f"the library {found.where}"
            yield Finding(
                CODE,
                _site(placed, function.site),
                f"{placed.path} takes the place of '{name}' of {library} in the container of {function.name}",
                "warning",
                function=function.name,
                fix=f"Call it otherwise, or put it into a package: every import of '{name}' finds this file.",
            )


def _folders(facts: Facts, name: str, container: Container) -> tuple[str, ...]:
    """All that is on sys.path at some time."""
    paths = [event.search_path for event in facts.events.get(name, ()) if isinstance(event, Import)]
    return tuple(
        dict.fromkeys(folder for path in (container.search_path, *dict.fromkeys(paths)) for folder in path)
    )


def _modules(container: Container, folders: tuple[str, ...]) -> Iterator[tuple[str, Placed]]:
    """The user's own modules and packages that lie in one of the folders, by name."""
    seen: set[str] = set()
    for folder in folders:
        for placed in container.below(folder):
            path = str(placed.path)
            if placed.kind != "file" or placed.source is None or not path.endswith(".py"):
                continue
            parent, file = posixpath.split(path)
            name = ""
            if parent == folder:
                name = file.removesuffix(".py")
            elif file == "__init__.py" and posixpath.dirname(parent) == folder:
                name = posixpath.basename(parent)
            if name and name not in seen and not name.startswith("__"):
                seen.add(name)
                yield name, placed


def _site(placed: Placed, otherwise: Site) -> Site:
    return placed.by or otherwise
