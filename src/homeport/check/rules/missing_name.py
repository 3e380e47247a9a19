"""A name is imported from a module of yours that does not define it.

`from model import build` fails by ImportError where `model.py` has no `build`: after a rename, or where
another file of that name is found first. Names that a module may get in other ways (`__getattr__`,
`from library import *`, `globals()`) are left alone.

Bad:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_python_source("model")
    app = modal.App("names")


    @app.function(image=image)
    def train() -> None:
        from model import build_model

        build_model()
    # file: model.py
    def make_model() -> None: ...

Good:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_python_source("model")
    app = modal.App("names")


    @app.function(image=image)
    def train() -> None:
        from model import make_model

        make_model()
    # file: model.py
    def make_model() -> None: ...
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from homeport.check.facts import Facts, FoundModule, Import, MissingModule
from homeport.check.findings import Finding
from homeport.check.missing_imports import severity_of
from homeport.plan import suggestions

CODE = "HP108"


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        said: set[object] = set()
        container = facts.containers.get(function.name)
        for event in facts.events.get(function.name, ()) if container else ():
            if not isinstance(event, Import) or event.has_member is not False:
                continue
            severity, found = severity_of(event), event.resolution
            site = event.member_site or event.site
            if severity is None or not isinstance(found, FoundModule) or site in said or container is None:
                continue
            inner = container.find(f"{event.name}.{event.member}", event.search_path)
            if isinstance(inner, MissingModule) and inner.nearest_launcher:
                continue  # a part of a package that is not shipped
            said.add(site)
            near = suggestions.closest(event.member, _names(facts, found.source))
            library = container.find(str(event.name), ())
            shadows = isinstance(library, FoundModule) and library.kind != "shipped"
            yield Finding(
                CODE,
                site,
                f"name '{event.member}' is not in module '{event.name}' in the container of "
                f"{function.name}: {found.where} does not define it"
                + (
                    f", and takes the place of {library.where}"
                    if shadows and isinstance(library, FoundModule)
                    else ""
                ),
                severity,
                function=function.name,
                fix="Call your file otherwise."
                if shadows
                else f"Import '{near}', which it has."
                if near
                else f"Define '{event.member}' there, or import what it has.",
            )


def _names(facts: Facts, source: Path | None) -> list[str]:
    """What a module defines at its top."""
    module = facts.modules.get(source) if source else None
    names: list[str] = []
    for node in module.tree.body if module else ():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names
