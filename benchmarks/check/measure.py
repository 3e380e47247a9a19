"""What the preflight says of an app in a folder of its own, and whether a planted fault is among it."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.check.apps import App
from benchmarks.check.plant.project import Place, Plant
from homeport.check.facts import Command, Facts, Launcher
from homeport.check.findings import Finding
from homeport.check.gathering import Question, gather
from homeport.check.preflight import preflight
from homeport.check.source import Sources
from homeport.check.values import Site

MODULES = frozenset({"modal", "modal_proto", "google", "grpclib", "click", "rich", "typer", "toml"})
"""What the launcher's Python can import: that of somebody who has installed modal and nothing else."""


@dataclass(frozen=True)
class Said:
    """A finding, with places named from the app's root."""

    code: str
    severity: str
    function: str
    file: str
    line: int
    message: str
    text: str
    related: tuple[tuple[str, int], ...]

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when lines move."""
        return self.code, self.function, self.file, self.message

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.severity} {self.code} {self.message}"


@dataclass
class Outcome:
    plant: Plant
    is_found: bool
    new: list[Said]
    seconds: float


def said_of(
    app: App,
    folder: Path,
    *,
    function: str = "",
    arguments: tuple[str, ...] | None = None,
    variables: frozenset[str] = frozenset(),
    server_secrets: frozenset[str] | None = None,
    is_detached: bool = False,
) -> list[Said]:
    """What the static check says of an app that lies in `folder`, from where the user stands in it."""
    question = _question(app, folder, function, arguments, variables, server_secrets, is_detached)
    (report,) = preflight([question]).reports
    return [_said(reported.finding, folder) for reported in report.findings]


def facts_of(app: App, folder: Path) -> Facts:
    """What the rules see of an app that lies in `folder`."""
    return gather(_question(app, folder), Sources())


def _question(
    app: App,
    folder: Path,
    function: str = "",
    arguments: tuple[str, ...] | None = None,
    variables: frozenset[str] = frozenset(),
    server_secrets: frozenset[str] | None = None,
    is_detached: bool = False,
) -> Question:
    command = None
    if arguments is not None or is_detached:
        command = Command(function, arguments or (), is_detached)
    return Question(
        entry=folder / app.entry,
        launcher=Launcher(
            folder, variables or frozenset({"HOME", "PATH"}), "1.6.4", "3.11", MODULES | {*app.launcher}
        ),
        function=function,
        command=command,
        secrets=None if server_secrets is None else lambda: server_secrets,
    )


class Measurement:
    """Checks planted apps, each in a copy, against what was said of the unharmed one."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._before: dict[object, set[tuple[str, str, str, str]]] = {}

    def outcome(self, app: App, plant: Plant) -> Outcome:
        asked = {
            "function": plant.function,
            "arguments": plant.arguments,
            "variables": plant.variables,
            "server_secrets": plant.server_secrets,
            "is_detached": plant.is_detached,
        }
        if plant.is_detached:  # the app may have it as it is
            before = set()
        elif plant.changes:
            before = self._known(app, asked)
        else:  # the fault is in what is asked
            before = self._known(
                app, dict.fromkeys(asked) | {"function": plant.function, "variables": frozenset()}
            )
        started = time.perf_counter()
        with self.changed(app, plant.changes) as folder:
            said = said_of(app, folder, **asked)  # type: ignore[arg-type]
        new = [one for one in said if one.key not in before]
        return Outcome(plant, any(_is_of(one, plant) for one in new), new, time.perf_counter() - started)

    def _known(self, app: App, asked: Mapping[str, object]) -> set[tuple[str, str, str, str]]:
        """What is said of the unharmed app when the same is asked."""
        key = (app.name, *asked.values())
        if key not in self._before:
            with self.changed(app, {}) as folder:
                found = said_of(
                    app, folder, **{name: value for name, value in asked.items() if value is not None}
                )  # type: ignore[arg-type]
            self._before[key] = {one.key for one in found}
        return self._before[key]

    @contextlib.contextmanager
    def changed(self, app: App, changes: Mapping[str, str | None]) -> Iterator[Path]:
        """A copy of the app with the changes; always in the same place, so that messages compare."""
        folder = self._scratch / "app"
        shutil.copytree(app.root, folder, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            for file, text in changes.items():
                path = folder / file.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                if text is None:
                    path.unlink()
                else:
                    path.write_text(text)
            yield folder
        finally:
            shutil.rmtree(folder)


@contextlib.contextmanager
def measurement() -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory(prefix="hpc-") as made:
        yield Measurement(Path(made).resolve())


def _is_of(said: Said, plant: Plant) -> bool:
    """Whether a finding is the planted fault's: its code, and its place or its words."""
    if not said.code.startswith(plant.codes):
        return False
    at = [(said.file, said.line), *said.related]
    if any(_is_at(one, place) for one in at for place in plant.places):
        return True
    return any(word in said.text for word in plant.words)


def _is_at(at: tuple[str, int], place: Place) -> bool:
    return at[0] == place.file and place.first <= at[1] <= place.last


def _said(finding: Finding, folder: Path) -> Said:
    file, line = _at(finding.site, folder)
    related = tuple(_at(site, folder) for site, _ in finding.related)
    words = [finding.message, finding.fix, *finding.others, *(word for _, word in finding.related)]
    return Said(
        finding.code,
        finding.severity,
        finding.function,
        file,
        line,
        finding.message,
        "\n".join(words),
        related,
    )


def _at(site: Site, folder: Path) -> tuple[str, int]:
    path = site.path
    return (path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)), site.line
