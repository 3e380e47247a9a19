"""What the client would ask a server to build, for the plain steps: enough to find an image that is built.

Its Dockerfile-like commands are those of its builder versions from 2024.04 on. An image with a step that is
not here is not found, and is resolved from its requirements.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from homeport.check.container.ground import argument, texts
from homeport.check.facts import Image, Step
from homeport.check.values import Unknown

_UV = "/.uv"


@dataclass(frozen=True)
class Definition:
    """One layer of an image: its commands, and the contents of the files that come with them. Of the first
    one, of the builder's own making, `commands` are beginnings.
    """

    commands: tuple[str, ...]
    files: tuple[bytes, ...] = ()


class Layers(Protocol):
    """The images that are built on a server of this machine."""

    def site_packages(self, definitions: tuple[Definition, ...], python_series: str) -> tuple[Path, ...]:
        """The folders with what an image has installed, the topmost layer's first; none where it is not
        built here.
        """
        ...


def definitions(image: Image | None, folder: Path, python_series: str) -> tuple[Definition, ...] | None:
    """Those of an image, the first layer first; None where they cannot be told."""
    steps = image.steps if image is not None else ()
    found: list[Definition] = []
    for step in steps or (None,):
        if isinstance(step, Unknown):
            return None
        try:
            definition = _first(step, python_series) if not found else _of(step, folder)
        except (OSError, TypeError, ValueError):  # a file that is not there, an argument that is not known
            return None
        if definition is None:
            return None
        if definition.commands:
            found.append(definition)
    return tuple(found)


def _first(step: Step | None, python_series: str) -> Definition | None:
    if step is not None and step.method != "debian_slim":
        return None
    return Definition((f"FROM python:{python_series}", "RUN apt-get update", "RUN apt-get install -y gcc"))


def _of(step: Step | None, folder: Path) -> Definition | None:
    if step is None or step.options.get("force_build"):
        return None
    write = _WRITERS.get(step.method)
    return write(step, folder) if write else None


def _pip_install(step: Step, folder: Path) -> Definition:
    packages = shlex.join(sorted(_strings(texts(step.args))))
    return _based(f"RUN python -m pip install {packages} {_pip_options(step)}")


def _requirements(step: Step, folder: Path) -> Definition:
    path = folder / Path(_string(argument(step, 0, "requirements_txt"))).expanduser()
    links = step.options.get("find_links") or (step.args[1] if len(step.args) > 1 else None)
    return Definition(
        (
            "FROM base",
            "COPY /.requirements.txt /.requirements.txt",
            f"RUN python -m pip install -r /.requirements.txt{f' -f {links}' if links else ''} "
            f"{_pip_options(step)}".strip(),
        ),
        (path.read_bytes(),),
    )


def _pip_options(step: Step) -> str:
    words = [
        f"{flag} {shlex.quote(_string(step.options[name]))}"
        for flag, name in (
            ("--find-links", "find_links"),
            ("--index-url", "index_url"),
            ("--extra-index-url", "extra_index_url"),
        )
        if step.options.get(name) is not None
    ]
    text = " ".join(words) + (" --pre" if step.options.get("pre") else "")
    extra = _string(step.options.get("extra_options", ""))
    return f"{text} {extra}" if text and extra else text or extra


def _uv_pip_install(step: Step, folder: Path) -> Definition:
    words = ["--python $(command -v python)", "--compile-bytecode"]
    for flag, name in (
        ("--find-links", "find_links"),
        ("--index-url", "index_url"),
        ("--extra-index-url", "extra_index_url"),
    ):
        if step.options.get(name):
            words.append(f"{flag} {shlex.quote(_string(step.options[name]))}")
    if step.options.get("pre"):
        words.append("--prerelease allow")
    if step.options.get("extra_options"):
        words.append(_string(step.options["extra_options"]))
    paths = [Path(text).expanduser() for text in _strings(step.options.get("requirements") or ())]
    copies = [f"COPY /.{number}_{path.name} {_UV}/{number}/{path.name}" for number, path in enumerate(paths)]
    if paths:
        words.append(" ".join(f"--requirements {_UV}/{n}/{path.name}" for n, path in enumerate(paths)))
    words += [shlex.quote(text) for text in sorted(_strings(texts(step.args)))]
    version = _string(step.options.get("uv_version") or "latest")
    commands = ("FROM base", f"COPY --from=ghcr.io/astral-sh/uv:{version} /uv {_UV}/uv", *copies)
    install = f"RUN {_UV}/uv pip install {' '.join(words)}"
    return Definition((*commands, install), tuple((folder / path).read_bytes() for path in paths))


def _apt_install(step: Step, folder: Path) -> Definition:
    packages = shlex.join(_strings(texts(step.args)))
    return _based("RUN apt-get update", f"RUN apt-get install -y {packages}")


def _run_commands(step: Step, folder: Path) -> Definition:
    return _based(*(f"RUN {command}" for command in _strings(texts(step.args))))


def _env(step: Step, folder: Path) -> Definition:
    variables = argument(step, 0, "vars")
    if not isinstance(variables, dict):
        raise TypeError
    return _based(*(f"ENV {name}={shlex.quote(_string(value))}" for name, value in variables.items()))


def _workdir(step: Step, folder: Path) -> Definition:
    return _based(f"WORKDIR {shlex.quote(str(_string(str(argument(step, 0, 'path')))))}")


def _mounted(step: Step, folder: Path) -> Definition | None:
    """Files that are added when a container starts are no layer; those that are copied may be anything."""
    return None if step.options.get("copy") else Definition(())


def _based(*commands: str) -> Definition:
    return Definition(("FROM base", *(command.strip() for command in commands)))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _strings(values: object) -> list[str]:
    return [_string(value) for value in values] if isinstance(values, list | tuple) else []


_WRITERS: dict[str, Callable[[Step, Path], Definition | None]] = {
    "pip_install": _pip_install,
    "pip_install_from_requirements": _requirements,
    "uv_pip_install": _uv_pip_install,
    "apt_install": _apt_install,
    "run_commands": _run_commands,
    "env": _env,
    "workdir": _workdir,
    "add_local_file": _mounted,
    "add_local_dir": _mounted,
    "add_local_python_source": _mounted,
}
