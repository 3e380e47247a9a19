"""Walks an app that is written in a test, in a container whose files and packages are said by hand."""

import posixpath
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from homeport.check.facts import (
    Event,
    FoundModule,
    MissingModule,
    Placed,
    Resolution,
    UnprovenModule,
)
from homeport.check.reading import read_app
from homeport.check.source import Sources
from homeport.check.values import Site, Unknown, Value
from homeport.check.walk import walk

HEADER = "import modal\napp = modal.App()\n"


class ByHand:
    """A container with certain files (path there to path here) and distributions, in /root."""

    def __init__(
        self,
        files: Mapping[str, Path],
        *,
        installed: Iterable[str] = (),
        unproven: Iterable[str] = (),
        search_path: tuple[str, ...] = ("/root",),
        environment: Mapping[str, str] | None = None,
        has_unknown_secrets: bool = False,
    ) -> None:
        self.files = dict(files)
        self.folders = {str(parent) for path in files for parent in PurePosixPath(path).parents} | {"/root"}
        self.installed = {"modal", *installed}
        self.unproven = set(unproven)
        self.python_version: str | Unknown = "3.11"
        self.workdir: str | Unknown = "/root"
        self.search_path = search_path
        given = {name: (value, "env=", None) for name, value in (environment or {}).items()}
        self.environment: Mapping[str, tuple[Value, str, Site | None]] = given
        self.has_unknown_secrets = has_unknown_secrets
        self.has_unknown_modules = False

    def at(self, path: str) -> Placed | Unknown | None:
        if path in self.files:
            return Placed(PurePosixPath(path), "file", self.files[path], None, "add_local")
        if path in self.folders:
            return Placed(PurePosixPath(path), "folder", None, None, "add_local")
        return None

    def below(self, folder: str) -> list[Placed]:
        found = [self.at(path) for path in self.files if path.startswith(f"{folder}/")]
        return [placed for placed in found if isinstance(placed, Placed)]

    def find(self, module: str, search_path: tuple[str, ...]) -> Resolution:
        top = module.partition(".")[0]
        for folder in search_path:
            base = posixpath.join(folder, module.replace(".", "/"))
            for file in (f"{base}/__init__.py", f"{base}.py"):
                if file in self.files:
                    return FoundModule(file, self.files[file])
        for folder in search_path:
            if posixpath.join(folder, module.replace(".", "/")) in self.folders:
                return FoundModule(posixpath.join(folder, module), is_namespace=True)
        if top in sys.stdlib_module_names:
            return FoundModule("standard library", kind="stdlib")
        if top in self.installed:
            return FoundModule(top, kind="distribution")
        return UnprovenModule("nobody knows") if top in self.unproven else MissingModule()

    def nearest_file(self, path: str) -> Path | None:
        return None

    def is_installed(self, distribution: str) -> bool | Unknown:
        return distribution in self.installed


def walked(
    folder: Path,
    text: str,
    files: Mapping[str, str] | None = None,
    *,
    function: str = "f",
    entry: str = "/root/app.py",
    **container: object,
) -> tuple[Event, ...]:
    """The events of a function of app.py, whose text follows HEADER. `files` are paths in the container."""
    placed: dict[str, Path] = {}
    for path, content in {entry: HEADER + textwrap.dedent(text), **(files or {})}.items():
        here = folder / ("app.py" if path == entry else path.strip("/"))
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_text(content if path == entry else textwrap.dedent(content))
        placed[path] = here
    sources = Sources()
    module = sources.read(folder / "app.py", "app")
    app = read_app(module, sources, folder)
    (chosen,) = [each for each in app.functions if each.name == function]
    return walk(chosen, ByHand(placed, **container), sources, app)  # type: ignore[arg-type]
