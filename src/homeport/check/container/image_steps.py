"""What an image's chain of steps makes of a container: files, packages, environment, working folder, Python.

One method here for each of Modal's. Where a step's effect cannot be told, the ground says so, and lookups
answer "not known" in place of "not there".
"""

import posixpath
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from homeport.check.container import bases, installing
from homeport.check.container.ground import Ground, argument, local_path, texts
from homeport.check.container.ignoring import read_ignore
from homeport.check.container.patterns import Ignore
from homeport.check.container.placing import Origin, Piece
from homeport.check.facts import Image, Step
from homeport.check.values import OneOf, Site, Unknown, Value


def apply(image: Image | None, ground: Ground) -> None:
    """Follows an image's steps; None is the client's default image."""
    steps = image.steps if image is not None else ()
    if not steps:
        bases.debian_slim(ground, None)
    for step in steps:
        if isinstance(step, OneOf) and _only_adds(step):
            _perhaps(step, ground)
        elif isinstance(step, Unknown):
            ground.lose(f"a step of the image is not known: {step.why}", step.site)
            ground.python_version = ground.python_version or Unknown("the image is not known", step.site)
        else:
            _METHODS.get(step.method, _unknown)(step, ground)
    if not ground.python_version:
        bases.unknown(ground, "what the image begins with is not known", image.site if image else None)


def _only_adds(step: Step | Unknown) -> bool:
    """Whether a step, in every case, leaves what an image has."""
    if isinstance(step, OneOf):
        return bool(step.values) and all(_only_adds(one) for row in step.values for one in row)
    return isinstance(step, Step) and step.method in _ADDING


def _perhaps(choice: OneOf, ground: Ground) -> None:
    """One of several rows of steps: files of any of them are taken to be there, packages may be."""
    for step in (step for row in choice.values for step in row):
        if isinstance(step, OneOf):
            _perhaps(step, ground)
            continue
        with ground.packages.uncertain():
            _METHODS[step.method](step, ground)


# ---- where an image begins


def _debian_slim(step: Step, ground: Ground) -> None:
    bases.debian_slim(ground, argument(step, 0, "python_version"))


def _micromamba(step: Step, ground: Ground) -> None:
    bases.micromamba(ground, argument(step, 0, "python_version"))


def _from_registry(step: Step, ground: Ground) -> None:
    bases.registry(ground, argument(step, 0, "tag"), argument(step, 99, "add_python"), step.site)
    lines = step.options.get("setup_dockerfile_commands", ())
    if lines:
        _dockerfile_lines(texts(lines) if isinstance(lines, tuple) else [lines], step, ground)


def _from_dockerfile(step: Step, ground: Ground) -> None:
    path = local_path(argument(step, 0, "path"), ground, expand=True)
    try:
        text = path.read_text(encoding="utf-8") if path is not None else None
    except (OSError, UnicodeDecodeError):
        text = None
    if text is None:
        bases.unknown(ground, "the Dockerfile cannot be read", step.site)
    else:
        _follow(text.split("\n"), step, ground, path)
    if python := argument(step, 99, "add_python"):
        bases.add_python(ground, python)


def _unknown_base(step: Step, ground: Ground) -> None:
    bases.unknown(ground, f"what an image of Image.{step.method} holds is not known", step.site)


def _nothing(step: Step, ground: Ground) -> None:
    """A step that changes nothing for a function's files and packages."""


def _unknown(step: Step, ground: Ground) -> None:
    ground.lose(f"what Image.{step.method} does is not known", step.site)


def _run_function(step: Step, ground: Ground) -> None:
    ground.files.leave_open("/", Unknown("a function that runs as a build step may make it", step.site))


def _dockerfile_commands(step: Step, ground: Ground) -> None:
    _dockerfile_lines(texts(step.args), step, ground)


def _dockerfile_lines(lines: list[Value], step: Step, ground: Ground) -> None:
    if all(isinstance(line, str) for line in lines):
        _follow(["FROM base", *lines], step, ground)
    else:
        ground.lose(f"a line of {step.method} is not known", step.site)


def _follow(lines: list[str], step: Step, ground: Ground, path: Path | None = None) -> None:
    # imported where there is one: reading Dockerfiles takes a tenth of what the check takes to start
    from homeport.check.container.dockerfiles import Dockerfile

    Dockerfile(ground, step, path).follow(lines)


# ---- configuration


def _env(step: Step, ground: Ground) -> None:
    variables = argument(step, 0, "vars")
    if not isinstance(variables, Mapping):
        ground.put(
            "PYTHONPATH", Unknown("not all variables of the image are known", step.site), "image", step.site
        )
        return
    for name, value in variables.items():
        if isinstance(name, str):
            ground.put(name, value, "image", step.site)


def _workdir(step: Step, ground: Ground) -> None:
    path = argument(step, 0, "path")
    if not isinstance(path, str | PurePath):
        ground.workdir = Unknown("the image's working folder is not known", step.site)
        return
    absolute = ground.path(str(path))
    ground.workdir = absolute or Unknown("the image's working folder is not known", step.site)
    if absolute:
        ground.files.make_folder(absolute, step.site, "workdir")


# ---- the launcher's files


def _add_local_file(step: Step, ground: Ground) -> None:
    source = local_path(argument(step, 0, "local_path"), ground, expand=False)
    target = argument(step, 1, "remote_path", "")
    if not isinstance(target, str | PurePath):
        ground.files.leave_open(
            "/", Unknown("where a file of add_local_file comes to lie is not known", step.site)
        )
        return
    place = str(target)
    if source is None:
        why = Unknown("which file add_local_file ships is not known", step.site)
        ground.files.leave_open("/" if place.endswith("/") else posixpath.normpath(place), why)
        return
    if place.endswith("/"):
        place += source.name
    ground.files.add(Piece("/" + posixpath.normpath(place).lstrip("/"), source, step.site, "add_local"))


def _add_local_dir(step: Step, ground: Ground) -> None:
    source = local_path(argument(step, 0, "local_path"), ground, expand=True)
    target = argument(step, 1, "remote_path", "")
    if not isinstance(target, str | PurePath):
        ground.files.leave_open(
            "/", Unknown("where a folder of add_local_dir comes to lie is not known", step.site)
        )
        return
    place = "/" + posixpath.normpath(str(target)).lstrip("/")
    if source is None:
        ground.files.leave_open(place, Unknown("which folder add_local_dir ships is not known", step.site))
        return
    ignores = read_ignore(step.options.get("ignore"), ground, step.site)
    ground.files.add(Piece(place, source, step.site, "add_local", True, ignores))


def _add_python_source(step: Step, ground: Ground) -> None:
    only_python = Ignore(["**/*.py"], is_inverted=True)
    ignores = (
        read_ignore(step.options.get("ignore"), ground, step.site)
        if "ignore" in step.options
        else only_python
    )
    for name in step.args:
        if isinstance(name, str):
            add_module(ground, name, ignores, step.site, "add_local")
        else:
            ground.files.leave_open("/root", Unknown("which module is shipped is not known", step.site))


def add_module(
    ground: Ground,
    name: str,
    ignores: Callable[[str], bool] | Unknown | None,
    site: Site | None,
    origin: Origin,
) -> None:
    """A module of the launcher's as the client finds it: below the entry file's folder, then where the
    command is typed, then where Python's own path leads. A package that is spread over several is merged.
    """
    parts = name.split(".")
    is_name = all(part.isidentifier() for part in parts)  # the client refuses others
    roots = (*ground.roots, ground.folder, *map(Path, filter(None, sys.path))) if is_name else ()
    for root in roots:
        package = root.joinpath(*parts)
        if package.is_dir() and (package / "__init__.py").is_file():
            place = posixpath.join("/root", *parts)
            ground.files.add(Piece(place, package, site, origin, True, ignores))
            return
        if (file := package.with_suffix(".py")).is_file():
            place = posixpath.join("/root", *parts[:-1], file.name)
            ground.files.add(Piece(place, file, site, origin))
            return
    spaces = [root.joinpath(*parts) for root in roots if root.joinpath(*parts).is_dir()]
    for space in spaces:
        ground.files.add(Piece(posixpath.join("/root", *parts), space, site, origin, True, ignores))
    if not spaces:
        why = Unknown(f"where the launcher finds the module {name} is not known", site)
        for place in (parts[0], f"{parts[0]}.py") if is_name else ("",):
            ground.files.leave_open(posixpath.normpath(posixpath.join("/root", place)), why)


_ADDING = frozenset(
    {
        *("pip_install", "uv_pip_install", "pip_install_from_requirements", "apt_install"),
        *("add_local_file", "add_local_dir", "add_local_python_source", "copy_local_file", "copy_local_dir"),
        *("env", "run_commands", "run_function"),
    }
)
_METHODS: dict[str, Callable[[Step, Ground], None]] = {
    "debian_slim": _debian_slim,
    "micromamba": _micromamba,
    "from_registry": _from_registry,
    "from_gcp_artifact_registry": _from_registry,
    "from_aws_ecr": _from_registry,
    "from_dockerfile": _from_dockerfile,
    "from_scratch": _unknown_base,
    "from_id": _unknown_base,
    "from_name": _unknown_base,
    "pip_install": installing.pip_install,
    "uv_pip_install": installing.uv_pip_install,
    "pip_install_from_requirements": installing.pip_install_from_requirements,
    "pip_install_from_pyproject": installing.pip_install_from_pyproject,
    "pip_install_private_repos": installing.pip_install_private_repos,
    "uv_sync": installing.uv_sync,
    "poetry_install_from_file": installing.poetry_install_from_file,
    "apt_install": installing.apt_install,
    "micromamba_install": installing.micromamba_install,
    "run_commands": installing.run_commands,
    "run_function": _run_function,
    "dockerfile_commands": _dockerfile_commands,
    "env": _env,
    "workdir": _workdir,
    "entrypoint": _nothing,
    "shell": _nothing,
    "cmd": _nothing,
    "add_local_file": _add_local_file,
    "add_local_dir": _add_local_dir,
    "add_local_python_source": _add_python_source,
    "copy_local_file": _add_local_file,
    "copy_local_dir": _add_local_dir,
}
