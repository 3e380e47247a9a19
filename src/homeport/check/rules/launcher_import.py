"""A module that is only in the image is imported where `modal run` is typed.

The client imports the entry file on your machine before anything is built: what stands at its top is
imported there, too. A library that only the image has belongs into the function that uses it, or at the top
under `with image.imports():`, which imports it in the containers of that image alone.

Bad:
    import modal
    import torch

    image = modal.Image.debian_slim().pip_install("torch")
    app = modal.App("top")


    @app.function(image=image)
    def train() -> None:
        print(torch.ones(3))

Good:
    import modal

    image = modal.Image.debian_slim().pip_install("torch")
    app = modal.App("top")

    with image.imports():
        import torch


    @app.function(image=image)
    def train() -> None:
        print(torch.ones(3))

Good:
    import modal

    image = modal.Image.debian_slim().pip_install("torch")
    app = modal.App("top")


    @app.function(image=image)
    def train() -> None:
        import torch

        print(torch.ones(3))
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from homeport.check.facts import Event, Facts, FoundModule, Import, MissingModule
from homeport.check.findings import Finding, Severity
from homeport.check.missing_imports import severity_of

CODE = "HP106"


def check(facts: Facts) -> Iterator[Finding]:
    imported = () if facts.app.how == "loaded" else facts.launch_events  # it was imported for real
    said: set[str] = set()
    for event in (*imported, *_of_entry_points(facts)):
        if not isinstance(event, Import) or not isinstance(event.resolution, MissingModule):
            continue
        name = str(event.name)
        severity = severity_of(event)
        if severity is None or "image_imports" in event.guards or name.startswith(".") or name in said:
            continue
        said.add(name)
        top = name.partition(".")[0]
        place = next((path.parent for path in facts.entry.path.parents if path.name == top), None)
        if place is not None:
            yield _own(facts, event, top, place, severity)
            continue
        holders = _having(facts, name)
        where = f"only the image of {holders} has it" if holders else "there is no such module here"
        yield Finding(
            CODE,
            event.site,
            f"library '{top}' is imported where modal run is typed, and is not installed there: {where}",
            severity,
            fix="Import it in the function that uses it."
            if holders
            else f"Install '{top}' where you launch, or import it in the function that uses it.",
            others=("Import it under `with image.imports():`, which runs in the image's containers only.",),
        )


def _own(facts: Facts, event: Event, top: str, place: Path, severity: Severity) -> Finding:
    """Of a package that the entry file lies in: `place` is the folder from which it is found."""
    return Finding(
        CODE,
        event.site,
        f"module '{top}' is imported where modal run is typed, and is not found from there: it lies in "
        f"{place}",
        severity,
        fix=f"Type it in {place}: modal run {facts.entry.path.relative_to(place)}",
        others=(
            f"Set PYTHONPATH={place} where you launch.",
            "Install its project where modal is, as with pip install -e.",
        ),
    )


def _of_entry_points(facts: Facts) -> Iterator[Event]:
    """What local entry points do, after the import. Which of them is run is not known: none is certain."""
    imported = len(facts.launch_events)
    for function in facts.app.functions:
        if function.kind == "local_entrypoint":
            for event in facts.events.get(function.name, ())[imported:]:
                yield replace(event, is_certain=False)


def _having(facts: Facts, name: str) -> str:
    names = [
        function
        for function, container in facts.containers.items()
        if isinstance(container.find(name, container.search_path), FoundModule)
    ]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
