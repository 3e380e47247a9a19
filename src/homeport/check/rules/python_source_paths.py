"""add_local_python_source() is given paths

It takes names of modules, as they stand behind `import`: "tiny_cats", "tiny_cats.model". The client looks
each up as an import would, so a path such as "src/train.py" is refused when the app starts, with an error
about a module that is not there. Single files and folders are added by `add_local_file` and
`add_local_dir`.

Bad:
    import modal

    image = modal.Image.debian_slim().add_local_python_source("model", "src/train.py")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: model.py
    WIDTH = 8

Good:
    import modal

    image = modal.Image.debian_slim().add_local_python_source("model")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: model.py
    WIDTH = 8
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from homeport.check.facts import Facts, Step
from homeport.check.findings import Finding
from homeport.check.rules._images import steps_of
from homeport.check.values import Value

CODE = "HP123"


def check(facts: Facts) -> Iterator[Finding]:
    for owner, step in steps_of(facts):
        if step.method != "add_local_python_source":
            continue
        paths = [name for name in step.args if _is_path(name)]
        if paths:
            yield _of_paths(owner, step, paths)
            continue
        yield from _missing(facts, owner, step)


def _is_path(name: Value) -> bool:
    if isinstance(name, str):
        return "/" in name or "\\" in name or name.endswith(".py") or name.startswith(".")
    return isinstance(name, Path | tuple)


def _of_paths(owner: str, step: Step, paths: list[Value]) -> Finding:
    said = ", ".join(repr(name) if isinstance(name, str | tuple) else repr(str(name)) for name in paths)
    module = PurePosixPath(str(paths[0]).replace("\\", "/")).stem
    return Finding(
        CODE,
        step.site,
        f"add_local_python_source() takes names of modules, as in import, and is given {said}",
        "error",
        owner,
        fix=f'Name modules that an import finds where the command is typed, as "{module}" would be if its '
        "folder "
        "is on sys.path.",
        others=("Add the files: add_local_file(…) for each, or add_local_dir(…) for their folder.",),
    )


def _missing(facts: Facts, owner: str, step: Step) -> Iterator[Finding]:
    """Modules that an import does not find. Of installed ones not all are seen, so that is no error."""
    if "sys.path" in facts.entry.text:
        return
    missing = [source.given for source in facts.sources.get(step.site, ()) if source.kind is None]
    if missing:
        yield Finding(
            CODE,
            step.site,
            f"add_local_python_source() is given {', '.join(map(repr, missing))}, and no such module is "
            "found "
            f"beside {facts.entry.path.name}, in {facts.launcher.folder} or among what is installed",
            "warning",
            owner,
            fix=f"Run it from the folder that has {missing[0]}, or install it where modal is.",
        )
