"""What lies in the folder `runs/` of a home, and how it is written: whole, or not at all.

`ID.json` is a finished record, `ID/` what is known of a run while it goes, `APP/tasks/TASK/` what a container
left, `callers/` who called deployed functions. What a record says is composed by run_compose.py.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from homeport.model.home import Home
from homeport.record.masking import ExactValues
from homeport.record.run import Launcher

COMMANDS: Final = "commands.jsonl"  # that were run in a container from outside
KEPT_OF_TASK: Final = (
    "environment.json",
    "image.json",
    "task.json",
    "samples.jsonl",
    "configs.jsonl",
    COMMANDS,
)
KEPT_OF_RUN_FOLDER: Final = ("notes.jsonl",)


class RunFolders:
    """Paths and files of one home's runs."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.root = home.runs

    def folder(self, run_id: str) -> Path:
        """Where facts lie while the run goes."""
        return self.root / run_id

    def has_folder(self, run_id: str) -> bool:
        return os.path.lexists(
            f"{self.root}/{run_id}"
        )  # asked for each call: a Path costs more than the look

    def file(self, run_id: str) -> Path:
        """The finished record."""
        return self.root / f"{run_id}.json"

    def caller(self, name: str) -> Path:
        """Who called deployed functions, one file for each process."""
        return self.root / "callers" / f"{name}.json"

    def task(self, app_id: str, task_id: str) -> tuple[Path, ...]:
        """Where a container's files may be, the likelier first: with the container, or kept."""
        return (self._home.tasks / task_id, self.kept(app_id, task_id))

    def kept(self, app_id: str, task_id: str) -> Path:
        return self.root / app_id / "tasks" / task_id

    def notes(self, app_id: str, task_id: str) -> Path | None:
        """The notes of a container's processes; None where there are none (yet)."""
        return self._first(
            self._home.tasks / task_id / "run" / "notes.jsonl", self.kept(app_id, task_id) / "notes.jsonl"
        )

    def of_task(self, app_id: str, task_id: str, name: str) -> Path | None:
        return self._first(*(folder / name for folder in self.task(app_id, task_id)))

    def keep_task(self, app_id: str, task_id: str) -> None:
        """Moves what a container leaves out of its folder, which is about to be removed."""
        source = self._home.tasks / task_id
        target = self.kept(app_id, task_id)
        target.mkdir(parents=True, exist_ok=True)
        for file in (
            *(source / name for name in KEPT_OF_TASK),
            *(source / "run" / name for name in KEPT_OF_RUN_FOLDER),
        ):
            with suppress(FileNotFoundError):
                file.rename(target / file.name)

    def running(self) -> Iterator[str]:
        """Ids of runs that have a folder."""
        for entry in os.scandir(self.root):
            if entry.is_dir() and entry.name.startswith(("ap-", "fc-")):
                yield entry.name

    def kept_tasks(self) -> Iterator[tuple[str, str]]:
        """App and container of all that is kept."""
        for folder in self.root.glob("ap-*/tasks/*"):
            yield folder.parts[-3], folder.name

    def remove_drafts(self) -> None:
        """Files that an engine was writing when it was killed. Called before another one writes any."""
        for pattern in ("*.tmp", "callers/*.tmp"):
            for file in self.root.glob(pattern):
                file.unlink(missing_ok=True)

    def written(self) -> set[str]:
        """Ids of runs that have a file."""
        try:
            with os.scandir(self.root) as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return set()
        found = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return {run_id for run_id in found if run_id.startswith(("ap-", "fc-"))}

    def remove_folder(self, run_id: str) -> None:
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def remove_facts(self, run_id: str) -> None:
        """All but what containers left."""
        folder = self.folder(run_id)
        with suppress(FileNotFoundError):
            for entry in list(folder.iterdir()):
                if entry.is_file():
                    entry.unlink(missing_ok=True)
        with suppress(OSError):  # it holds what containers left
            folder.rmdir()

    def size_bytes(self, run_ids: Iterable[str]) -> int:
        """What these records take."""
        total = 0
        for run_id in run_ids:
            with suppress(FileNotFoundError):  # its neighbour's tells of it
                total += self.file(run_id).stat().st_size
        return total

    def remove_runs(self, run_ids: Iterable[str], callers_before: float) -> None:
        """Records, and files about callers that are older than a time."""
        for run_id in run_ids:
            self.file(run_id).unlink(missing_ok=True)
        for file in (self.root / "callers").glob("*.json"):
            with suppress(OSError):
                if file.stat().st_mtime < callers_before:
                    file.unlink()

    def remove_task(self, app_id: str, task_id: str) -> None:
        shutil.rmtree(self.kept(app_id, task_id), ignore_errors=True)
        for folder in (self.root / app_id / "tasks", self.root / app_id):
            with suppress(OSError):  # it holds something else
                folder.rmdir()

    def leave_out(self, app_id: str, values: ExactValues) -> None:
        """Takes values out of what is written of an app's runs, and of who called it. For a thread."""
        files = [
            self.file(app_id),
            *self.folder(app_id).rglob("*.json*"),
            *(self.root / "callers").glob("*.json"),
        ]
        for file in files:
            leave_out(file, values)

    def leave_out_of_task(self, task_id: str, values: ExactValues) -> None:
        """The same of what is kept of a container, before it is. For a thread."""
        source = self._home.tasks / task_id
        for file in (
            *(source / name for name in KEPT_OF_TASK),
            *(source / "run" / n for n in KEPT_OF_RUN_FOLDER),
        ):
            leave_out(file, values)

    def miss(self, run_id: str, sentence: str) -> None:
        """Notes what could not be recorded; says nothing where not even that can be written."""
        with suppress(OSError):
            folder = self.folder(run_id)
            folder.mkdir(exist_ok=True)
            with (folder / "missing.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(sentence) + "\n")

    def write_launcher(self, path: Path, launcher: Launcher, values: ExactValues) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, values.masked_json(msgspec.json.encode(launcher)))

    @staticmethod
    def _first(*paths: Path) -> Path | None:
        return next((path for path in paths if path.exists()), None)


def read_json(path: Path | None) -> Any:
    """What a file holds; None where there is none. Raises ValueError for a damaged one."""
    if path is None:
        return None
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None


def leave_out(file: Path, values: ExactValues) -> None:
    """Takes values out of a file of JSON, or of JSON lines, where there is one: a plain one, since a
    container may have put what it likes in its place."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return
        data = file.read_bytes()
    except FileNotFoundError:
        return
    masked = values.masked_json(data)
    if masked != data:
        write_whole(file, masked)


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file in one step: whoever reads it finds the old or the new one."""
    making = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        making.write_bytes(data)
        making.replace(path)
    except BaseException:
        with suppress(OSError):
            making.unlink(missing_ok=True)
        raise
