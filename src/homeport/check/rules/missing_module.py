"""A module of your own that is not in the container.

Of your files only the entry file is shipped to `/root` (or with `modal run -m` the package that it is in),
and what the image adds. Python finds there what lies in a folder of `sys.path`: `/root`, and what PYTHONPATH
and the code put on it. A file in `/app` is not found unless exactly its folder is on the path. On Modal this
comes out after the image was built and the machine has started, as `ModuleNotFoundError`.

Three ways mend it: put the folder that has the file on `sys.path`, put the file into a folder that is on it,
or ship the module by its name with `add_local_python_source`, which needs no path at all.

Bad:
    # file: app.py
    import sys

    import modal

    image = modal.Image.debian_slim().add_local_file("dataset.py", "/app/dataset.py")
    app = modal.App("cats")


    @app.function(image=image)
    def train() -> None:
        sys.path.insert(0, "/app/src")
        from dataset import load

        load()
    # file: dataset.py
    def load() -> None: ...

Bad:
    # file: app.py
    import modal

    import helpers

    app = modal.App("not-shipped")


    @app.function()
    def train() -> None:
        helpers.run()
    # file: helpers.py
    def run() -> None: ...

Good:
    # file: app.py
    import sys

    import modal

    image = modal.Image.debian_slim().add_local_file("dataset.py", "/app/dataset.py")
    app = modal.App("cats")


    @app.function(image=image)
    def train() -> None:
        sys.path.insert(0, "/app")
        from dataset import load

        load()
    # file: dataset.py
    def load() -> None: ...
"""

import posixpath
from collections.abc import Iterator
from pathlib import Path

from homeport.check.facts import Facts, FoundModule, PathEdit
from homeport.check.findings import Edit, Finding
from homeport.check.missing_imports import Failing, end_of, failing_imports, folders_text, last_step
from homeport.check.source_text import shown, text_at
from homeport.check.values import Site

CODE = "HP101"


def check(facts: Facts) -> Iterator[Finding]:
    for failing in failing_imports(facts, "own"):
        yield _elsewhere(facts, failing) if _folders(failing) else _not_shipped(facts, failing)


def _elsewhere(facts: Facts, failing: Failing) -> Finding:
    """The file is in the container, in a folder that Python does not search."""
    folder = _folders(failing)[0]
    place = next(iter(failing.resolution.nearest_container))
    edit = _mendable(facts, failing, folder)
    wrong = edit.path if edit and isinstance(edit.path, str) else ""
    searched = folders_text(failing.event.search_path)
    fix = f"Put {folder} on sys.path" + (f" instead of {wrong}." if wrong else " before the import.")
    into = wrong or next(iter(failing.event.search_path), "/root")
    others = [f"Place the file in the folder {into}, which is searched."]
    if failing.resolution.nearest_launcher:
        top = failing.name.partition(".")[0]
        others.append(
            f'Ship it by its name: .add_local_python_source("{top}") on the image puts it in /root, which '
            "is searched."
        )
    return Finding(
        CODE,
        failing.event.site,
        f"module '{failing.name}' is not in the container of {failing.function.name}: sys.path has "
        f"{searched}, the file is at {place}",
        failing.severity,
        function=failing.function.name,
        fix=fix,
        others=tuple(others),
        edits=(Edit(edit.folder_site, f'"{folder}"'),) if edit and edit.folder_site else (),
        related=_related(failing),
    )


def _not_shipped(facts: Facts, failing: Failing) -> Finding:
    """The file is on the launcher only."""
    top = failing.name.partition(".")[0]
    source = shown(failing.resolution.nearest_launcher[0], facts)
    name = failing.function.name
    importable = _is_importable_here(failing, facts)
    by_name = f'Ship it by its name: add .add_local_python_source("{top}") to the image'
    target = posixpath.join(next(iter(failing.event.search_path), "/root"), Path(source).name)
    method = "add_local_file" if source.endswith(".py") else "add_local_dir"
    by_file = f'Add it with .{method}("{source}", "{target}") to the image.'
    last = last_step(failing.function)
    edits: tuple[Edit, ...] = ()
    if importable and last and last.method != "from_id" and text_at(facts, last.site).endswith(")"):
        edits = (Edit(end_of(last.site), f'.add_local_python_source("{top}")'),)
    return Finding(
        CODE,
        failing.event.site,
        f"module '{failing.name}' is not in the container of {name}: nothing ships {source}",
        failing.severity,
        function=name,
        fix=f"{by_name}." if importable else by_file,
        others=(by_file if importable else f"{by_name}, with its folder on PYTHONPATH where you launch.",),
        edits=edits,
        related=_related(failing),
    )


def _folders(failing: Failing) -> list[str]:
    """Folders of the container that would have to be searched, the nearest first."""
    depth = failing.name.count(".") + 1
    found = []
    for place in failing.resolution.nearest_container:
        folder = place
        for _ in range(depth):
            folder = posixpath.dirname(folder)
        if place.endswith("/__init__.py"):
            folder = posixpath.dirname(folder)
        candidate = (folder, *failing.event.search_path)
        if isinstance(failing.container.find(failing.name, candidate), FoundModule):
            found.append(folder)
    return found


def _mendable(facts: Facts, failing: Failing, folder: str) -> PathEdit | None:
    """The one edit of sys.path that names a folder which is not there: it was meant to be `folder`."""
    wrong = [
        edit
        for edit in failing.edits
        if isinstance(edit.path, str) and failing.container.at(edit.path) is None
    ]
    if len(wrong) != 1 or wrong[0].folder_site is None:
        return None
    is_near = str(wrong[0].path).startswith(f"{folder}/") or folder.startswith(f"{wrong[0].path}/")
    if len(_folders(failing)) != 1 and not is_near:
        return None
    literal = text_at(facts, wrong[0].folder_site)
    return wrong[0] if literal in (f'"{wrong[0].folder}"', f"'{wrong[0].folder}'") else None


def _is_importable_here(failing: Failing, facts: Facts) -> bool:
    """Whether the client finds the module by its name: beside the entry file, or where one stands."""
    top = failing.name.partition(".")[0]
    roots = {facts.entry.path.parent, facts.launcher.folder}
    for path in failing.resolution.nearest_launcher:
        base = path
        for _ in range(failing.name.count(".")):
            base = base.parent
        if base.parent in roots and base.stem == top:
            return True
    return False


def _related(failing: Failing) -> tuple[tuple[Site, str], ...]:
    edits = [
        (edit.site, f"puts {edit.path} on sys.path")
        for edit in failing.edits
        if isinstance(edit.path, str) and failing.container.at(edit.path) is None
    ]
    return (*edits, *((site, "imported here, too") for site in failing.again))
