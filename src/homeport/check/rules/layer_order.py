"""The order of an image's steps builds everything again after each change of the code

An image is built layer by layer, and a changed layer builds all that stand behind it anew. Code that is
copied into the image (`copy=True`) in front of the packages has them installed again after every change of
a line. `force_build=True` does the same for every run. Packages come first, the code last, without
`copy=True` where no later step needs it.

Bad:
    import modal

    image = (
        modal.Image.debian_slim()
        .add_local_dir("src", "/root/src", copy=True)
        .pip_install("torch==2.13.0", "numpy")
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
        .pip_install("torch==2.13.0", "numpy")
        .add_local_dir("src", "/root/src", copy=True)
        .run_commands("python -m compileall /root/src")
    )
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: src/model.py
    WIDTH = 8
"""

from collections.abc import Iterator
from pathlib import PurePath

from homeport.check.client_api import STEPS_THAT_ADD_FILES
from homeport.check.facts import Facts, Image, Step
from homeport.check.findings import Finding
from homeport.check.rules._images import images_of, steps_of
from homeport.check.values import Site, Value

CODE = "HP125"

_INSTALLS = {
    "pip_install",
    "uv_pip_install",
    "apt_install",
    "micromamba_install",
    "pip_install_from_requirements",
    "pip_install_from_pyproject",
    "poetry_install_from_file",
    "uv_sync",
}
_OF_PACKAGES = (
    ".txt",
    ".toml",
    ".lock",
    ".whl",
    ".yml",
    ".yaml",
    ".cfg",
    ".in",
    ".list",
    ".deb",
    ".sh",
    ".tar.gz",
)


def check(facts: Facts) -> Iterator[Finding]:
    seen = set[Site]()
    for owner, image in images_of(facts):
        pair = _too_early(image)
        if pair is not None and pair[1].site not in seen:
            copied, installs = pair
            seen.add(installs.site)
            yield Finding(
                CODE,
                installs.site,
                f"{installs.method}() is done again after each change of what {copied.method}() of line "
                f"{copied.site.line} copies into the image before it",
                "warning",
                owner,
                fix=f"Move {copied.method}() behind what installs packages.",
                related=((copied.site, "copied here"),),
            )
    for owner, step in steps_of(facts):
        if step.options.get("force_build") is True:
            yield Finding(
                CODE,
                step.site,
                f"force_build=True builds {step.method}() and all steps behind it anew in every run",
                "warning",
                owner,
                fix="Leave it out, and run once with MODAL_FORCE_BUILD=1 where the image should be built "
                "anew.",
            )


def _too_early(image: Image) -> tuple[Step, Step] | None:
    """A step that copies code, and the first one behind it that installs packages without need of it."""
    copied: list[Step] = []
    for step in image.steps:
        if not isinstance(step, Step):
            copied = []
        elif step.method in STEPS_THAT_ADD_FILES and step.options.get("copy") is True:
            if not _is_of_packages(step):
                copied.append(step)
        elif step.method in _INSTALLS and copied:
            if _needs_files(step):
                return None
            return copied[0], step
        elif step.method in ("run_commands", "dockerfile_commands", "run_function", "workdir"):
            return None  # may need the files, or make them ready for what comes
    return None


def _is_of_packages(step: Step) -> bool:
    """Whether a step copies lists of packages, or packages, rather than code."""
    source = step.args[0] if step.args else step.options.get("local_path")
    return isinstance(source, str | PurePath) and str(source).endswith(_OF_PACKAGES)


def _needs_files(step: Step) -> bool:
    """Whether a step installs from paths of the container."""

    def is_path(name: Value) -> bool:
        text = name if isinstance(name, str) else ""
        return text.startswith(("/", ".", "-e", "file:")) or "/" in text.partition("@")[0]

    named = step.args if step.method in ("pip_install", "uv_pip_install", "apt_install") else ()
    given = [*named, step.options.get("extra_options"), step.options.get("find_links")]
    return any(is_path(name) for arg in given for name in (arg if isinstance(arg, tuple) else (arg,)))
