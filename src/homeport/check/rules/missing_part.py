"""A part of a package that is not shipped with it.

A package that is shipped may lack what lies in its folder where you launch: `add_local_python_source` takes
`.py` files only and none that begin with a dot, `ignore=` leaves files out, and a package added file by file
has what was named. A submodule that is missing fails by `ModuleNotFoundError`, a data file that is read
beside the code by `FileNotFoundError`.

Bad:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_python_source("cats")
    app = modal.App("names")


    @app.function(image=image)
    def work() -> None:
        from cats.names import names

        print(names())
    # file: cats/__init__.py
    # file: cats/names.py
    from pathlib import Path


    def names() -> list[str]:
        return (Path(__file__).parent / "names.txt").read_text().split()
    # file: cats/names.txt
    Abyssinian
    Bengal

Bad:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_dir("cats", "/root/cats", ignore=["dit.py"])
    app = modal.App("names")


    @app.function(image=image)
    def work() -> None:
        from cats import dit

        print(dit)
    # file: cats/__init__.py
    # file: cats/dit.py
    SIZE = 128

Good:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_dir("cats", "/root/cats", ignore=["**/__pycache__"])
    app = modal.App("names")


    @app.function(image=image)
    def work() -> None:
        from cats.names import names

        print(names())
    # file: cats/__init__.py
    # file: cats/names.py
    from pathlib import Path


    def names() -> list[str]:
        return (Path(__file__).parent / "names.txt").read_text().split()
    # file: cats/names.txt
    Abyssinian
    Bengal
"""

import posixpath
from collections.abc import Iterator

from homeport.check.facts import Facts, FoundModule
from homeport.check.findings import Finding
from homeport.check.missing_imports import Failing, failing_imports
from homeport.check.opened_files import missing_files
from homeport.check.source_text import shown

CODE = "HP104"


def check(facts: Facts) -> Iterator[Finding]:
    for failing in failing_imports(facts, "part"):
        yield _submodule(facts, failing)
    for missing in missing_files(facts, "package"):
        name = missing.function.name
        yield Finding(
            CODE,
            missing.event.site,
            f"{missing.path} is not in the container of {name}: the package is shipped without this file",
            missing.severity,
            function=name,
            fix="Ship the package's folder with .add_local_dir, which takes every file: "
            "add_local_python_source takes .py files only.",
            others=(
                f'Add the file alone: .add_local_file("{shown(missing.source, facts)}", "{missing.path}").',
            )
            if missing.source
            else (),
        )


def _submodule(facts: Facts, failing: Failing) -> Finding:
    package, inner = _present(failing)
    name = failing.function.name
    here = failing.resolution.nearest_launcher
    lies = (
        f", which lies at {shown(here[0], facts)} where you launch"
        if here
        else ", nor does it lie anywhere where you launch"
    )
    last = inner.rpartition(".")[2]
    return Finding(
        CODE,
        failing.event.site,
        f"module '{failing.name}' is not in the container of {name}: {package} is shipped without {last}"
        + lies,
        failing.severity,
        function=name,
        fix="Ship the whole package, with .add_local_python_source or .add_local_dir."
        if here
        else f"Import what {package} has.",
        related=tuple((site, "imported here, too") for site in failing.again),
    )


def _present(failing: Failing) -> tuple[str, str]:
    """Where the part of the package lies that there is, and the first name that there is not."""
    parts = failing.name.split(".")
    where = ""
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        found = failing.container.find(name, failing.event.search_path)
        if not isinstance(found, FoundModule):
            return where, name
        where = posixpath.dirname(found.where) if found.where.endswith("__init__.py") else found.where
    return where, failing.name
