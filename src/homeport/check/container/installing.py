"""The steps that install packages, and shell commands, which may do so."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from homeport.check.container import bases, commands
from homeport.check.container.ground import Ground, argument, local_path, names, series, texts
from homeport.check.container.locks import read_poetry, read_pyproject, read_uv_project
from homeport.check.container.requirements import Requirement, read_requirement, read_requirements
from homeport.check.facts import Step
from homeport.check.values import OneOf, Unknown, Value


def pip_install(step: Step, ground: Ground) -> None:
    _require(texts(step.args), step, ground)
    if "--target" in str(step.options.get("extra_options", "")):
        ground.packages.install(Unknown("packages are installed to a folder of their own", step.site))


def uv_pip_install(step: Step, ground: Ground) -> None:
    pip_install(step, ground)
    files = step.options.get("requirements") or ()
    for file in files if isinstance(files, tuple) else (files,):
        _require_file(file, step, ground)


def pip_install_from_requirements(step: Step, ground: Ground) -> None:
    _require_file(argument(step, 0, "requirements_txt"), step, ground)


def _require(packages: list[Value], step: Step, ground: Ground) -> None:
    for package in packages:
        if isinstance(package, OneOf) and package.values:
            with ground.packages.uncertain():
                for row in package.values:
                    _require(texts(row if isinstance(row, tuple) else (row,)), step, ground)
        elif isinstance(package, str):
            ground.packages.install(read_requirement(package, series(ground)))
        else:
            ground.packages.install(Unknown(f"not all packages of {step.method} are known", step.site))


def _require_file(file: Value, step: Step, ground: Ground) -> None:
    path = local_path(file, ground, expand=True)
    if path is None:
        ground.packages.install(Unknown(f"the requirements file of {step.method} is not known", step.site))
        return
    for requirement in read_requirements(path, series(ground)):
        ground.packages.install(requirement)


def pip_install_from_pyproject(step: Step, ground: Ground) -> None:
    path = local_path(argument(step, 0, "pyproject_toml"), ground, expand=True)
    groups = argument(step, 1, "optional_dependencies", ())
    _take(path, step, ground, lambda known: read_pyproject(known, names(groups), series(ground)))


def uv_sync(step: Step, ground: Ground) -> None:
    path = local_path(argument(step, 0, "uv_project_dir", "./"), ground, expand=True)
    groups, extras = (names(step.options.get(name)) for name in ("groups", "extras"))
    ground.packages.requirements.clear()  # a virtual environment of its own
    _take(path, step, ground, lambda known: read_uv_project(known, groups, extras, series(ground)))
    before = ground.environment.get("PATH", ("", "", None))[0]
    ground.put("PATH", f"/.uv/.venv/bin:{before}", "image", step.site)


def poetry_install_from_file(step: Step, ground: Ground) -> None:
    path = local_path(argument(step, 0, "poetry_pyproject_toml"), ground, expand=True)
    _take(path, step, ground, lambda known: read_poetry(known, series(ground)))
    ground.packages.install(read_requirement("poetry"))


def _take(
    path: Path | None, step: Step, ground: Ground, read: Callable[[Path], Iterable[Requirement | Unknown]]
) -> None:
    if path is None:
        ground.packages.install(Unknown(f"the file of {step.method} is not known", step.site))
        return
    for requirement in read(path):
        ground.packages.install(requirement)


def pip_install_private_repos(step: Step, ground: Ground) -> None:
    for repository in step.args:
        known = isinstance(repository, str)
        ground.packages.install(
            read_requirement(f"git+https://{repository}")
            if known
            else Unknown("a repository is not known", step.site)
        )


def apt_install(step: Step, ground: Ground) -> None:
    for package in texts(step.args):
        if isinstance(package, str):
            bases.apt(ground, package, step.site)


def micromamba_install(step: Step, ground: Ground) -> None:
    for package in texts(step.args):
        if isinstance(package, str):
            bases.conda(ground, package)
    ground.packages.install(Unknown("what conda's packages bring is not known", step.site))


def run_commands(step: Step, ground: Ground) -> None:
    for command in texts(step.args):
        if isinstance(command, str):
            run(command, step, ground)
        else:
            ground.lose(f"a command of {step.method} is not known", step.site)


def run(command: str, step: Step, ground: Ground) -> None:
    """A shell command's part in files and packages."""
    for effect in commands.effects(command):
        path = ground.path(effect.text) if effect.text else "/"
        if effect.kind == "require":
            ground.packages.install(read_requirement(effect.text, series(ground)))
        elif effect.kind == "requirements":
            placed = ground.files.at(path) if path else None
            if placed is not None and not isinstance(placed, Unknown) and placed.source is not None:
                _require_file(placed.source, step, ground)
            else:
                ground.packages.install(
                    Unknown(f"the requirements file {effect.text} is not known", step.site)
                )
        elif effect.kind == "apt":
            bases.apt(ground, effect.text, step.site)
        elif effect.kind == "folder" and path is not None:
            ground.files.make_folder(path, step.site, "image")
        elif effect.kind == "packages":
            ground.packages.install(Unknown(f"`{effect.text}` may install it", step.site))
        else:
            ground.files.leave_open(path or "/", Unknown(f"`{_short(command)}` may make it", step.site))


def _short(command: str) -> str:
    line = re.sub(r"\s+", " ", command).strip()
    return line if len(line) <= 60 else line[:57] + "…"
