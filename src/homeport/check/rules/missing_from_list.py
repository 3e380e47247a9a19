"""A module that a list of files, kept by hand, misses.

An image that adds its modules one by one has to name each of them, in every entry file. The module that was
written last is the one that is not there, and often in one of two entry files only.

Bad:
    # file: app.py
    import modal

    image = (
        modal.Image.debian_slim()
        .add_local_file("model.py", "/root/model.py")
        .add_local_file("dataset.py", "/root/dataset.py")
    )
    app = modal.App("by-hand")


    @app.function(image=image)
    def train() -> None:
        import model

        print(model.SIZE)
    # file: model.py
    import layers

    SIZE = layers.SIZE
    # file: dataset.py
    # file: layers.py
    SIZE = 3

Good:
    # file: app.py
    import modal

    image = modal.Image.debian_slim().add_local_python_source("model", "dataset", "layers")
    app = modal.App("by-name")


    @app.function(image=image)
    def train() -> None:
        import model

        print(model.SIZE)
    # file: model.py
    import layers

    SIZE = layers.SIZE
    # file: dataset.py
    # file: layers.py
    SIZE = 3
"""

from collections.abc import Iterator
from pathlib import Path

from homeport.check.facts import Facts, Step
from homeport.check.findings import Edit, Finding
from homeport.check.missing_imports import Failing, end_of, failing_imports, target_of
from homeport.check.source_text import indentation, text_at
from homeport.check.values import Site

CODE = "HP105"


def check(facts: Facts) -> Iterator[Finding]:
    for failing in failing_imports(facts, "listed"):
        name = failing.function.name
        listed = [Path(target_of(step)).name for step in failing.siblings]
        said = ", ".join(listed[:3]) + (" and more" if len(listed) > 3 else "")
        file = failing.resolution.nearest_launcher[0].name
        yield Finding(
            CODE,
            failing.event.site,
            f"module '{failing.name}' is not in the container of {name}: the image adds {said} file by file, "
            f"and not {file}",
            failing.severity,
            function=name,
            fix=f"Add {file} to the list.",
            others=(
                "Ship the modules by their names with .add_local_python_source, or their folder with "
                ".add_local_dir: then there is no list to keep.",
            ),
            edits=_edits(facts, failing, file),
            related=((failing.siblings[-1].site, "the list ends here"), *_again(failing)),
        )


def _again(failing: Failing) -> tuple[tuple[Site, str], ...]:
    return tuple((site, "imported here, too") for site in failing.again)


def _edits(facts: Facts, failing: Failing, file: str) -> tuple[Edit, ...]:
    """A copy of the list's last line with the other name in it."""
    last: Step = failing.siblings[-1]
    text = text_at(facts, last.site)
    name = Path(target_of(last)).name
    if text.count(name) != 2 or not text.endswith(")"):
        return ()
    lead = indentation(facts, last.site)
    is_own_line = text_at(facts, Site(last.site.path, last.site.line, 0, last.site.line, last.site.column))
    between = "\n" + lead if is_own_line.strip() == "." else ""
    return (Edit(end_of(last.site), f"{between}.{text.replace(name, file)}"),)
