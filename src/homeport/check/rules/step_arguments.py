"""A step of an image is given what the client does not take

The client refuses some arguments as soon as the file is imported: a relative path in the container
(`add_local_dir("src", "src")`), options between packages (`pip_install("-r requirements.txt")`), a Python
version that is no text or that it has no builder for, variables of the environment that are no text, a list
of requirements that is no list.

Bad:
    import modal

    image = modal.Image.debian_slim().add_local_file("model.py", "model.py")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: model.py
    WIDTH = 8

Bad:
    import modal

    image = modal.Image.debian_slim(python_version="3.8").pip_install("-r", "requirements.txt")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")

Good:
    import modal

    image = modal.Image.debian_slim(python_version="3.11").add_local_file("model.py", "/root/model.py")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")
    # file: model.py
    WIDTH = 8
"""

import re
from collections.abc import Callable, Iterator, Mapping

from homeport.check.facts import Facts, Step
from homeport.check.findings import Finding
from homeport.check.rules._images import steps_of
from homeport.check.values import Unknown, Value, is_known

CODE = "HP124"

OLDEST_PYTHON = (3, 10)  # that the newest client's image builders have
NEWEST_PYTHON = (3, 15)


def check(facts: Facts) -> Iterator[Finding]:
    for owner, step in steps_of(facts):
        for look in _LOOKS.get(step.method, ()):
            for what, fix in look(step):
                yield Finding(CODE, step.site, what, "error", owner, fix=fix)


def _argument(step: Step, place: int, name: str) -> Value:
    missing = Unknown("is not given")
    return step.options.get(name, step.args[place] if place < len(step.args) else missing)


def _remote(step: Step) -> Iterator[tuple[str, str]]:
    """The container's path has to begin with a slash."""
    if any(not is_known(arg) for arg in step.args) or any(name.startswith("*") for name in step.options):
        return
    if len(step.args) < 2 and "remote_path" not in step.options:
        yield f"{step.method}() is not told where in the container the files go", "Give remote_path=."
        return
    path = _argument(step, 1, "remote_path")
    if isinstance(path, str) and not path.startswith("/"):
        yield (
            f"{step.method}() places files at {path!r}, and the client takes absolute paths of the "
            "container only",
            f'Give it as "/root/{path.removeprefix("./")}", or wherever it belongs.',
        )


def _packages(step: Step) -> Iterator[tuple[str, str]]:
    names = [name for arg in step.args for name in (arg if isinstance(arg, tuple) else (arg,))]
    options = [name for name in names if isinstance(name, str) and name.startswith("-")]
    if options:
        file = "requirements" in " ".join(name for name in names if isinstance(name, str))
        instead = "pip_install_from_requirements(…)" if file else 'extra_options="…"'
        yield f"{step.method}() has {options[0]!r} among its packages", f"Give it by {instead}."
    elif any(isinstance(name, int | float) for name in names):
        yield f"{step.method}() has a package that is no text", "Put it in quotation marks."
    requirements = step.options.get("requirements")
    if step.method == "uv_pip_install" and isinstance(requirements, str):
        yield (
            "uv_pip_install() takes a list of requirements files, and is given text",
            (f"Write requirements=[{requirements!r}]."),
        )


def _python(step: Step) -> Iterator[tuple[str, str]]:
    name = "add_python" if step.method not in ("debian_slim", "micromamba") else "python_version"
    version = step.options.get(name, step.args[0] if name == "python_version" and step.args else None)
    if isinstance(version, int | float) and not isinstance(version, bool):
        text = "3.10" if version == 3.1 else str(version)
        yield (
            f"{step.method}() is given the Python version {version!r} as a number",
            f'Write {name}="{text}".',
        )
    elif isinstance(version, str):
        found = re.fullmatch(r"(\d+)\.(\d{1,2})(?:\.\d{1,2})?(?:rc\d*)?t?", version)
        if found is None:
            yield f"{step.method}() is given {version!r}, which is no Python version", f'Write {name}="3.12".'
        elif not OLDEST_PYTHON <= (int(found[1]), int(found[2])) <= NEWEST_PYTHON:
            spoken = ".".join(map(str, OLDEST_PYTHON))
            yield (
                f"{step.method}() is given Python {version}, which the client has no images for",
                (f"Take {spoken} or newer."),
            )


def _variables(step: Step) -> Iterator[tuple[str, str]]:
    given = step.args[0] if step.args else step.options.get("vars")
    for name, value in given.items() if isinstance(given, dict) else ():
        if isinstance(value, int | float | tuple) or value is None:
            yield f"env() sets {name} to {value!r}, which is no text", f'Write "{name}": "{value}".'


_Look = Callable[[Step], Iterator[tuple[str, str]]]
_LOOKS: Mapping[str, tuple[_Look, ...]] = {
    "add_local_file": (_remote,),
    "add_local_dir": (_remote,),
    "pip_install": (_packages,),
    "uv_pip_install": (_packages,),
    "debian_slim": (_python,),
    "micromamba": (_python,),
    "from_registry": (_python,),
    "from_dockerfile": (_python,),
    "env": (_variables,),
}
