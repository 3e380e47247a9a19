"""A build step after files were added

`add_local_file`, `add_local_dir` and `add_local_python_source` add files when a container starts, and not
while the image is built, so that a change of them rebuilds nothing. A step that builds something cannot
stand behind them: the client refuses the image, when the app starts. That goes for all steps: packages,
commands, and also `env`, `workdir`, `entrypoint`. Either the files come last, or they are copied into the
image (`copy=True`).

Bad:
    import modal

    image = (
        modal.Image.debian_slim()
        .add_local_dir("src", "/root/src")
        .pip_install("numpy")
    )
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: src/model.py
    WIDTH = 8

Good:
    import modal

    image = (
        modal.Image.debian_slim()
        .pip_install("numpy")
        .add_local_dir("src", "/root/src")
    )
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: src/model.py
    WIDTH = 8
"""

from collections.abc import Iterator

from homeport.check.client_api import IMAGE, STEPS_THAT_ADD_FILES, STEPS_THAT_BUILD_NOTHING
from homeport.check.facts import Facts, Image, Step
from homeport.check.findings import Edit, Finding
from homeport.check.rules._given import add_keyword, call_at, keyword, module_at, site_of
from homeport.check.rules._images import images_of
from homeport.check.values import Site

CODE = "HP122"


def check(facts: Facts) -> Iterator[Finding]:
    seen = set[Site]()
    for owner, image in images_of(facts):
        pair = _mistake(image)
        if pair is None or pair[1].site in seen:
            continue
        added, built = pair
        seen.add(built.site)
        yield Finding(
            CODE,
            built.site,
            f"{built.method}() builds after {added.method}() of line {added.site.line} added files, and the "
            "client refuses that",
            "error",
            owner,
            fix=f"Give {added.method}() copy=True, or move it behind all that builds.",
            edits=_copying(facts, added),
            related=((added.site, "adds files when containers start"),),
        )


def _mistake(image: Image) -> tuple[Step, Step] | None:
    """The first step that adds files, and the first one behind it that builds."""
    added: Step | None = None
    for step in image.steps:
        if not isinstance(step, Step) or step.method not in IMAGE:
            added = None  # what such a step makes of the image is not known
        elif step.method in STEPS_THAT_ADD_FILES:
            if added is None and step.options.get("copy", False) is False:
                added = step
        elif added is not None and step.method not in STEPS_THAT_BUILD_NOTHING and _builds(step):
            return added, step
    return None


def _builds(step: Step) -> bool:
    """Steps of nothing are left out by the client: `.pip_install()`."""
    installs = step.method in ("pip_install", "apt_install", "run_commands", "dockerfile_commands")
    if not installs:
        return True
    given = [part for arg in step.args for part in (arg if isinstance(arg, tuple) else (arg,))]
    return bool(given)


def _copying(facts: Facts, added: Step) -> tuple[Edit, ...]:
    module = module_at(facts, added.site)
    call = call_at(module, added.site, added.method) if module is not None else None
    if module is None or call is None:
        return ()
    word = keyword(call, "copy")
    edit = Edit(site_of(module, word), "copy=True") if word else add_keyword(module, call, "copy=True")
    return (edit,) if edit is not None else ()
