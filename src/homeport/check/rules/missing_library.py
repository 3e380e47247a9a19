"""A library that the image does not install.

The container has the packages that the image's steps install, not those of your machine. An import of
another one fails there, however well it works where you launch. The name to install is often another than
the one to import: `cv2` comes with `opencv-python-headless`, `yaml` with `pyyaml`.

Bad:
    import modal

    image = modal.Image.debian_slim().pip_install("numpy")
    app = modal.App("plots")


    @app.function(image=image)
    def work() -> None:
        import yaml

        print(yaml.safe_load("a: 1"))

Good:
    import modal

    image = modal.Image.debian_slim().pip_install("numpy", "pyyaml")
    app = modal.App("plots")


    @app.function(image=image)
    def work() -> None:
        import yaml

        print(yaml.safe_load("a: 1"))
"""

from collections.abc import Iterator
from dataclasses import replace

from homeport.check.facts import Facts, Step
from homeport.check.findings import Edit, Finding
from homeport.check.missing_imports import Failing, end_of, failing_imports
from homeport.check.source_text import text_at

CODE = "HP103"
INSTALLERS = ("uv_pip_install", "pip_install")
FROM_FILES = {
    "uv_sync": "the project that uv_sync() installs, as uv add does",
    "pip_install_from_requirements": "the file that pip_install_from_requirements() takes",
    "pip_install_from_pyproject": "the dependencies in pyproject.toml",
    "poetry_install_from_file": "the project, as poetry add does",
    "from_dockerfile": "what the Dockerfile installs",
}


def check(facts: Facts) -> Iterator[Finding]:
    for failing in failing_imports(facts, "library"):
        name = failing.function.name
        distribution = failing.resolution.distribution
        top = failing.name.partition(".")[0]
        called = distribution or top
        said = f"'{top}'" if not distribution or distribution == top else f"'{top}' ({distribution})"
        edits = _edits(facts, failing, distribution) if distribution and failing.severity == "error" else ()
        yield Finding(
            CODE,
            failing.event.site,
            f"library {said} is not in the container of {name}: {_why(failing)}",
            failing.severity,
            function=name,
            fix=f'Install it in the image: .uv_pip_install("{called}").'
            if failing.function.image
            else f'Give the function an image: modal.Image.debian_slim().uv_pip_install("{called}").',
            others=(
                *_in_a_file(failing, called),
                *(() if distribution else (f"Ship it, if '{top}' is a module of your own.",)),
            ),
            edits=edits,
            related=tuple((site, "imported here, too") for site in failing.again),
        )


def _why(failing: Failing) -> str:
    if failing.function.image is None:
        return "the function has no image of its own, and Modal's default one has Python alone"
    return "no step of its image installs it"


def _in_a_file(failing: Failing, called: str) -> Iterator[str]:
    """Where the image installs what a file names, the package belongs there."""
    image = failing.function.image
    for step in reversed(image.steps if image else ()):
        if isinstance(step, Step) and step.method in FROM_FILES:
            yield f"Add {called} to {FROM_FILES[step.method]}."
            return


def _edits(facts: Facts, failing: Failing, distribution: str) -> tuple[Edit, ...]:
    """One more package, after the last of a step that installs some by name."""
    image = failing.function.image
    for step in reversed(image.steps if image else ()):
        if not isinstance(step, Step) or step.method not in INSTALLERS or step.options or not step.args:
            continue
        text = text_at(facts, step.site)
        before = text[:-1].rstrip()
        if not text.endswith(")") or before[-1:] not in "\"'," or "\n" in text or "*" in text:
            continue
        end = end_of(step.site)
        inside = replace(end, column=end.column - 1, end_column=end.column - 1)
        return (Edit(inside, (" " if before.endswith(",") else ", ") + f'"{distribution}"'),)
    return ()
