"""A relative import in a file that is no part of a package.

`from .model import build` is relative to the package that its file is in. `modal run app.py` imports the file
by itself, here and in the container, where it belongs to none: the import fails. `modal run -m pkg.app`
imports it as a part of its package, and ships the package.

Bad:
    # file: app.py
    import modal

    from .model import build

    app = modal.App("relative")


    @app.function()
    def train() -> None:
        build()
    # file: __init__.py
    # file: model.py
    def build() -> None: ...

Good:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_python_source("model")
    app = modal.App("absolute")


    @app.function(image=image)
    def train() -> None:
        from model import build

        build()
    # file: model.py
    def build() -> None: ...
"""

from collections.abc import Iterator

from homeport.check.facts import Event, Facts, Import
from homeport.check.findings import Finding
from homeport.check.missing_imports import severity_of

CODE = "HP109"


def _why(event: Event) -> str:
    if "." in event.module.name or event.module.path.name == "__init__.py":
        return "has no package that far above it"
    return "is no part of a package"


def check(facts: Facts) -> Iterator[Finding]:
    said: set[object] = set()
    everywhere: list[tuple[str, tuple[Event, ...]]] = [("", facts.launch_events)]
    everywhere += [(name, facts.events.get(name, ())) for name in facts.containers]
    for function, events in everywhere:
        for event in events:
            if not isinstance(event, Import) or not isinstance(event.name, str):
                continue
            severity = severity_of(event)
            if not event.name.startswith(".") or severity is None or event.site in said:
                continue
            said.add(event.site)
            file = event.module.path.name
            where = f"in the container of {function}" if function else "where modal run imports it"
            is_entry = event.module.path == facts.entry.path
            module = f"{facts.entry.path.parent.name}.{facts.entry.path.stem}"
            name = event.name.lstrip(".") or event.member
            yield Finding(
                CODE,
                event.site,
                f"{file} {_why(event)} {where}, and imports '{event.name}' relative to one",
                severity,
                function=function,
                fix=f"Run it as a part of its package, from the folder above: modal run -m {module}."
                if is_entry
                else f"Import '{name}' by its own name, or ship {file} in its package.",
                others=(f"Import '{name}' by its own name.",) if is_entry else (),
            )
