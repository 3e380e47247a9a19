"""What is known of a container while its image's steps are followed, and how their arguments are read."""

import posixpath
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from homeport.check.container.nearest import Nearby
from homeport.check.container.packages import Packages
from homeport.check.container.placing import Files
from homeport.check.facts import Step
from homeport.check.values import Site, Unknown, Value

Variable = tuple[Value, str, Site | None]


@dataclass
class Ground:
    """What is known of a container. `folder` is where the command is typed, `launcher_python` the series of
    the Python there.
    """

    folder: Path
    launcher_python: str
    files: Files = field(default_factory=Files)
    packages: Packages = field(default_factory=Packages)
    environment: dict[str, Variable] = field(default_factory=dict)
    python_version: str | Unknown = ""
    workdir: str | Unknown = ""
    nearby: Nearby = field(default_factory=Nearby)
    roots: tuple[Path, ...] = ()  # folders that are on the launcher's path before that one
    has_unknown_secrets: bool = False
    has_own_python: bool = False  # Debian's, whose packages apt installs

    def copied(self) -> "Ground":
        """For one function, which adds files and variables of its own."""
        return replace(self, files=self.files.copied(), environment=dict(self.environment))

    def path(self, path: str) -> str | None:
        """An absolute path of the container; None where the working folder is not known."""
        if isinstance(self.workdir, Unknown) and not path.startswith("/"):
            return None
        return "/" + posixpath.normpath(posixpath.join(str(self.workdir or "/"), path)).lstrip("/")

    def put(self, name: str, value: Value, origin: str, site: Site | None) -> None:
        self.environment[name] = (value, origin, site)

    def lose(self, why: str, site: Site | None) -> None:
        """From here on nothing is sure to be missing."""
        unknown = Unknown(why, site)
        self.files.leave_open("/", unknown)
        self.packages.install(unknown)


def argument(step: Step, position: int, name: str, default: Value = None) -> Value:
    """An argument that can be given by place or by name."""
    if name in step.options:
        return step.options[name]
    return step.args[position] if position < len(step.args) else default


def texts(values: Value) -> list[Value]:
    """The client's `*packages: str | list[str]`, flat."""
    flat: list[Value] = []
    for value in values:
        flat += list(value) if isinstance(value, tuple) else [value]
    return flat


def local_path(value: Value, ground: Ground, *, expand: bool) -> Path | None:
    if not isinstance(value, str | PurePath):
        return None
    path = Path(value)
    return ground.folder / (path.expanduser() if expand else path)


def series(ground: Ground) -> str:
    return ground.python_version if isinstance(ground.python_version, str) else ""


def names(value: Value) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, tuple) else ()
