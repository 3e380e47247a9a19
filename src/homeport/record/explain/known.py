"""What is known about a run when somebody asks where something came from: its record, or as much of one as
there is while it goes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from homeport.record.explain.processes import Lineage
from homeport.record.explain.sources import Reader, Sources, no_reader
from homeport.record.run import (
    Call,
    Function,
    Launcher,
    Note,
    Place,
    Run,
    ShellVariable,
    SourceFile,
    Variable,
)
from homeport.record.versions import files_at, of_definition


@dataclass(frozen=True)
class Known:
    """`run` may be a part of a record: launcher, source, functions, calls and notes are looked at. `earlier`
    are
    calls of other runs that the same containers served before, `read` gives sources' texts."""

    run: Run
    read: Reader = no_reader
    earlier: Sequence[Call] = field(default=())

    @cached_property
    def sources(self) -> Sources:
        return Sources(self.run.source.files, self.read)

    def at(self, at: float) -> "Known":
        """With the files of a moment, where the app was edited later."""
        files = files_at(self.run.source, at)
        if files == self.run.source.files:
            return self
        return replace(self, run=replace(self.run, source=replace(self.run.source, files=files, edits=())))

    def sources_of(self, task_id: str) -> Sources:
        """The files that a container began with."""
        attempt = next((each for each in self.run.attempts if each.task_id == task_id), None)
        if attempt is not None and attempt.app_id:
            return self._versions.setdefault(
                (), Sources((), no_reader)
            )  # another app's, which is not recorded here
        if attempt is None or not self.run.source.edits:
            return self.sources
        files = files_at(self.run.source, attempt.enqueued_at)
        return self._versions.setdefault(files, Sources(files, self.read))

    @cached_property
    def _versions(self) -> dict[tuple[SourceFile, ...], Sources]:
        return {}

    @property
    def launcher(self) -> Launcher:
        """Who made the app: of a deployed one not who called it."""
        return self.run.deployer or self.run.launcher or Launcher()

    @property
    def caller(self) -> Launcher:
        """Who called from outside."""
        return self.run.launcher or Launcher()

    @property
    def is_call(self) -> bool:
        """Whether the run is one call of a deployed function."""
        return self.run.kind in ("call", "schedule")

    @property
    def shells(self) -> str:
        return "the shell that deployed it" if self.run.deployer is not None else "the shell"

    @cached_property
    def entry(self) -> str:
        """The app's file on the launcher; where that is not known, the one that a mount brought, if there is
        one that makes an app."""
        if self.run.source.entry:
            return self.run.source.entry
        files = [path for path in self.sources.python_files() if path.startswith("/root/")]
        apps = [path for path in files if "modal.App(" in (self.sources.text(path) or "")]
        return apps[0] if len(apps) == 1 else ""

    def shell(self, name: str) -> ShellVariable | None:
        return next((each for each in self.launcher.shell if each.name == name), None)

    def function_of(self, task_id: str) -> Function | None:
        """The function that a container runs; the only one where its container is not known."""
        attempt = next((each for each in self.run.attempts if each.task_id == task_id), None)
        if attempt is None or not attempt.function:
            return self.run.functions[0] if self.run.functions else None
        return of_definition(self.run.functions, attempt.definition_id, attempt.function)

    def variable(self, name: str, task_id: str = "") -> Variable | None:
        """The variable as a container began with it; of any container where none is named."""
        functions = [self.function_of(task_id)] if task_id else list(self.run.functions)
        given = (each for function in functions if function for each in function.environment)
        return next((each for each in given if each.name == name), None)

    def notes_of(self, task_id: str) -> list[Note]:
        """A container's notes in time; those of all where none is named."""
        return self._notes.get(task_id, [])

    def about(self, name: str, task_id: str = "") -> list[Note]:
        """Of these, those that tell of one variable."""
        return [note for note in self._by_name.get(name, []) if not task_id or note.task_id == task_id]

    def lineage(self, task_id: str) -> Lineage:
        """The processes of a container."""
        if task_id not in self._lineages:
            self._lineages[task_id] = Lineage(self.notes_of(task_id))
        return self._lineages[task_id]

    @cached_property
    def _notes(self) -> dict[str, list[Note]]:
        notes = sorted(self.run.notes, key=lambda note: note.at)
        found = {"": notes}
        for note in notes:
            if note.task_id:
                found.setdefault(note.task_id, []).append(note)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[Note]]:
        found: dict[str, list[Note]] = {}
        for note in self.notes_of(""):
            for name in note.changes if note.kind == "child" else [note.name]:
                found.setdefault(name, []).append(note)
        return found

    @cached_property
    def _lineages(self) -> dict[str, Lineage]:
        return {}

    @property
    def begun(self) -> float:
        """When the call began that the run is, in a container that may have served others; else 0."""
        calls = self.run.outermost if self.is_call else ()
        return max((call.started_at for call in calls), default=0.0)

    def call_at(self, at: float, task_id: str) -> Call | None:
        """The call of this run that a container was busy with at a time."""
        function = self.function_of(task_id) if task_id else None
        calls = [each for each in self.run.calls if function is None or _serves(function, each)]
        begun = [each for each in calls if 0 < each.started_at <= at]
        return max(begun, key=lambda call: call.started_at, default=None)

    def shown(self, place: Place, *, on_launcher: bool = False) -> str:
        """A place as people look for it: below the launcher's folder without it, the app's file by its own
        name wherever it ran."""
        return f"{self.shown_path(place.file, on_launcher=on_launcher)}:{place.line}"

    def shown_path(self, path: str, *, on_launcher: bool = False) -> str:
        if not on_launcher:
            end = path.removeprefix("/root/")
            if end == path or not self.run.source.entry.endswith(f"/{end}"):
                return path
            path = self.entry
        for folder in (self.launcher.cwd.rstrip("/"), self.caller.cwd.rstrip("/")):
            if folder and path.startswith(folder + "/"):
                return path[len(folder) + 1 :]
        parts = path.split("/")
        is_dot_file = parts[-1].startswith(".") and parts[1:2] in (["home"], ["root"])
        return f"~/{parts[-1]}" if is_dot_file else path


def _serves(function: Function, call: Call) -> bool:
    """Whether a function's containers answer a call: all methods of a class have the same ones."""
    owner, dot, _ = call.function.partition(".")
    return function.tag in (call.function, f"{owner}.*" if dot else call.function)
