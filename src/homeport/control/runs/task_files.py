"""What the containers of a run left: environment, image, limits, volumes, notes, samples. Reads only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from sqlite3 import Row
from typing import Final, TypeVar

import msgspec
from modal_proto import api_pb2

from homeport.control.runs.folders import COMMANDS, RunFolders, read_json
from homeport.control.runs.outcomes import Reading
from homeport.control.runs.reads import Reads
from homeport.record import notes
from homeport.record.codec import read_lines
from homeport.record.curves import thinned
from homeport.record.run import (
    Attempt,
    Command,
    ConfigFile,
    Folder,
    Function,
    Image,
    Limits,
    Note,
    Sample,
    Variable,
    Volume,
)
from homeport.record.versions import joined

_T = TypeVar("_T")
_MAX_NOTES: Final = 20_000
_MAX_COMMANDS: Final = 200  # of one container


class TaskFile(msgspec.Struct):
    """`task.json`, written before a container exists; `committed` of its volumes at its end."""

    limits: Limits = Limits()
    secrets: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    gpus: tuple[str, ...] = ()
    not_honoured: tuple[str, ...] = ()
    command: tuple[str, ...] = ()  # of a Sandbox


@dataclass
class TaskFiles:
    """Of all containers of a run, merged."""

    images: tuple[Image, ...] = ()
    functions: tuple[Function, ...] = ()
    volumes: tuple[Volume, ...] = ()
    configs: tuple[ConfigFile, ...] = ()
    folders: tuple[Folder, ...] = ()
    notes: tuple[Note, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    not_honoured: tuple[str, ...] = ()

    @property
    def other_apps(self) -> set[str]:
        """Apps that some of the containers are of, beside the run's own."""
        return {attempt.app_id for attempt in self.attempts} - {""}


def read(
    folders: RunFolders, db: Reading, tasks: Sequence[Row], missing: list[str], app_id: str, reads: Reads
) -> TaskFiles:
    """All that can be read; what cannot is named in `missing`. `app_id`: the run's."""
    reader = _Reader(folders, db, missing, app_id, reads)
    for row in tasks:
        reader.add(row)
    return reader.found()


class _Reader:
    def __init__(
        self, folders: RunFolders, db: Reading, missing: list[str], app_id: str, reads: Reads
    ) -> None:
        self._app_id = app_id
        self._reads = reads
        self._folders = folders
        self._db = db
        self._missing = missing
        self._images: dict[str, Image] = {}
        self._functions: list[Function] = []
        self._volumes: dict[str, Volume] = {}
        self._configs: dict[tuple[str, str], ConfigFile] = {}  # by path and content
        self._notes: list[Note] = []
        self._attempts: list[Attempt] = []
        self._not_honoured: list[str] = []

    def found(self) -> TaskFiles:
        if len(self._notes) > _MAX_NOTES:
            lost = len(self._notes) - _MAX_NOTES
            self._missing.append(
                f"{lost} notes of its processes beyond the first {_MAX_NOTES} were left out."
            )
        return TaskFiles(
            images=tuple(self._images.values()),
            functions=joined(reversed(self._functions)),
            volumes=tuple(self._volumes.values()),
            configs=tuple(self._configs.values()),
            folders=_folders_of(self._notes, list(self._volumes.values())),
            notes=tuple(sorted(self._notes, key=lambda note: note.at)[:_MAX_NOTES]),
            attempts=tuple(self._attempts),
            not_honoured=tuple(dict.fromkeys(self._not_honoured)),
        )

    def add(self, row: Row) -> None:
        task_id, app_id, tag = row["task_id"], row["app_id"], row["tag"] or ""
        task = self._read(app_id, task_id, "task.json", _task) or TaskFile()
        self._not_honoured += task.not_honoured
        for volume in task.volumes:
            known = self._volumes.get(volume.path)
            self._volumes[volume.path] = replace(volume, seen=known.seen) if known else volume
        self._functions.append(
            Function(
                tag=tag,
                definitions=(row["definition_id"],),
                image_id=row["image_id"],
                environment=self._read(app_id, task_id, "environment.json", _environment) or (),
                secrets=task.secrets,
                limits=task.limits,
            )
        )
        if row["image_id"] not in self._images:
            image = self._image(app_id, task_id, row["image_id"])
            if image is not None:
                self._images[row["image_id"]] = image
        self._notes += self._notes_of(app_id, task_id)
        opened = self._folders.of_task(app_id, task_id, "configs.jsonl")
        for config in self._reads.file(opened, _configs) if opened is not None else []:
            self._configs.setdefault((config.path, config.sha256), config)
        self._attempts.append(self._attempt(row, tag, task))

    def _attempt(self, row: Row, tag: str, task: TaskFile) -> Attempt:
        counted = self._db.one("run_inputs_of_task", task_id=row["task_id"])
        return Attempt(
            task_id=row["task_id"],
            function=tag,
            enqueued_at=row["enqueued_at"],
            started_at=row["started_at"] or 0.0,
            ready_at=row["ready_at"] or 0.0,
            ended_at=row["finished_at"] or 0.0,
            exit_code=row["exit_code"],
            reason=row["exit_reason"],
            cpu_time_s=row["cpu_time_s"],
            memory_peak_bytes=row["memory_peak_bytes"],
            gpus=task.gpus,
            definition_id=row["definition_id"],
            app_id=row["app_id"] if row["app_id"] != self._app_id else "",
            command=task.command,
            commands=self._commands(row["app_id"], row["task_id"]),
            inputs=counted["inputs"] if counted is not None else 0,
            curve=self._curve(row["app_id"], row["task_id"]),
        )

    def _image(self, app_id: str, task_id: str, image_id: str) -> Image | None:
        facts = self._read(app_id, task_id, "image.json", read_json)
        if facts is None:
            return None
        metadata = api_pb2.ImageMetadata()
        row = self._db.one("run_image", image_id=image_id)
        if row is not None and row["metadata"]:
            metadata = api_pb2.ImageMetadata.FromString(row["metadata"])
        steps = [layer["made_by"] for layer in reversed(facts.get("layers", ())) if layer.get("made_by")]
        return Image(
            image_id=image_id,
            base=facts.get("base", ""),
            python=metadata.python_version_info or facts.get("python", ""),
            steps=tuple(steps),
            packages=dict(sorted(metadata.python_packages.items())),
            notes=tuple(facts.get("notes", ())),
        )

    def _notes_of(self, app_id: str, task_id: str) -> list[Note]:
        path = self._folders.notes(app_id, task_id)
        return self._reads.file(path, _NotesOf(task_id)) if path is not None else []

    def _commands(self, app_id: str, task_id: str) -> tuple[Command, ...]:
        path = self._folders.of_task(app_id, task_id, COMMANDS)
        return tuple(read_lines(path, Command)[:_MAX_COMMANDS]) if path is not None else ()

    def _curve(self, app_id: str, task_id: str) -> tuple[Sample, ...]:
        path = self._folders.of_task(app_id, task_id, "samples.jsonl")
        return self._reads.file(path, _curve) if path is not None else ()

    def _read(self, app_id: str, task_id: str, name: str, read: Callable[[Path], _T]) -> _T | None:
        path = self._folders.of_task(app_id, task_id, name)
        try:
            return self._reads.file(path, read) if path is not None else None
        except (OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
            self._missing.append(f"{name} of {task_id} could not be read: {error}.")
            return None


def _task(path: Path) -> TaskFile | None:
    facts = read_json(path)
    return None if facts is None else msgspec.convert(facts, TaskFile)


def _environment(path: Path) -> tuple[Variable, ...]:
    return tuple(
        Variable(
            name=entry["name"],
            origin=entry["origin"],
            value=entry.get("value", ""),
            digest=entry.get("digest", ""),
            shadowed=tuple(entry.get("shadowed", ())),
        )
        for entry in read_json(path) or []
    )


def _configs(path: Path) -> list[ConfigFile]:
    return read_lines(path, ConfigFile)


def _curve(path: Path) -> tuple[Sample, ...]:
    return tuple(thinned(read_lines(path, Sample)))


@dataclass(frozen=True)
class _NotesOf:
    """Reads a container's notes."""

    task_id: str

    def __call__(self, path: Path) -> list[Note]:
        return notes.read_all(path, task_id=self.task_id)


def _folders_of(notes: Sequence[Note], volumes: Sequence[Volume]) -> tuple[Folder, ...]:
    """How many files were read and written in each folder; a process tells its own count again and again."""
    latest: dict[tuple[str, int, str], Note] = {}
    for note in notes:
        if note.kind == "folder":
            latest[note.task_id, note.pid, note.path] = note
            if note.how == "below":  # what was told of the folders in it is part of this
                inside = note.path.rstrip("/") + "/"
                for key in [
                    k for k in latest if k[:2] == (note.task_id, note.pid) and k[2].startswith(inside)
                ]:
                    del latest[key]
    merged: dict[str, Folder] = {}
    for note in latest.values():
        known = merged.get(note.path) or Folder(note.path, volume=_volume_of(note.path, volumes))
        merged[note.path] = replace(
            known,
            read=known.read + note.read,
            written=known.written + note.written,
            opened=known.opened or (note.stack[0] if note.stack else None),
        )
    return tuple(merged[path] for path in sorted(merged))


def _volume_of(path: str, volumes: Sequence[Volume]) -> str:
    holders = [v for v in volumes if path == v.path or path.startswith(v.path.rstrip("/") + "/")]
    return max(holders, key=lambda volume: len(volume.path)).name if holders else ""
