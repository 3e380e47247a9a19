"""A step of an image takes a path from the folder that one stands in

A relative path in `add_local_dir("src", …)` is meant from the folder in which `modal run` is typed, not
from the one in which the file lies. The app runs from there, and from another folder, in CI or out of an
editor it ships something else, or is refused.

Paths from the file itself are right everywhere: `Path(__file__).parent / "src"`.

Bad:
    from pathlib import Path

    import modal

    image = modal.Image.debian_slim().add_local_dir("src", "/root/src")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: src/model.py
    WIDTH = 8

Good:
    from pathlib import Path

    import modal

    image = modal.Image.debian_slim().add_local_dir(Path(__file__).parent / "src", "/root/src")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: src/model.py
    WIDTH = 8
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from homeport.check.facts import Facts, LocalSource, Module, Step
from homeport.check.findings import Edit, Finding
from homeport.check.rules._given import call_at, module_at, site_of
from homeport.check.rules._images import steps_of

CODE = "HP121"


def check(facts: Facts) -> Iterator[Finding]:
    for owner, step in steps_of(facts):
        for source in facts.sources.get(step.site, ()):
            if source.path is None or not source.is_relative or source.kind is None:
                continue  # what is not there at all is HP120's
            yield Finding(
                CODE,
                step.site,
                f"{step.method}() takes {source.given!r} from the folder where the command is typed, here "
                f"{facts.launcher.folder}, and another one from elsewhere",
                "warning",
                owner,
                fix=f"Name it from the file's own folder: {_from_file(facts, step, source)}.",
                edits=tuple(_edits(facts, step, source)),
            )


def _below(facts: Facts, step: Step, source: LocalSource) -> str | None:
    """The path from the folder of the file that has the step; None where it is not below that."""
    module = module_at(facts, step.site) or facts.entry
    assert source.path is not None
    try:
        return Path(str(source.path)).relative_to(module.path.parent).as_posix()
    except ValueError:
        return None


def _from_file(facts: Facts, step: Step, source: LocalSource) -> str:
    below = _below(facts, step, source)
    if below is None:
        return "Path(__file__).parents[N] / …"
    return "Path(__file__).parent" + (f' / "{below}"' if below != "." else "")


def _edits(facts: Facts, step: Step, source: LocalSource) -> Iterator[Edit]:
    """Where the name stands as text in the call, and the module has pathlib's Path."""
    module = module_at(facts, step.site)
    if module is None or _below(facts, step, source) is None or not _has_path(module):
        return
    call = call_at(module, step.site, step.method)
    if call is None or step.method in ("uv_sync", "uv_pip_install"):  # these take text only
        return
    for node in (*call.args[:1], *(word.value for word in call.keywords)):
        if isinstance(node, ast.Constant) and node.value == source.given and node.lineno == node.end_lineno:
            text = _from_file(facts, step, source)
            yield Edit(site_of(module, node), text if step.method.startswith("add_local") else f"str({text})")
            return


def _has_path(module: Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "pathlib"
        and any(name.name == "Path" and name.asname is None for name in node.names)
        for node in module.tree.body
    )
