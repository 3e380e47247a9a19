"""The source of an app as it was run: files that its mounts brought, where its functions are defined, and
the state of the launcher's git tree.

Found out in a thread while the app starts, and written to `source.json` in the run's folder. git is asked
with its hooks, pager, locks and prompts off, and only for so long.
"""

import asyncio
import hashlib
import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from homeport.control.runs.folders import RunFolders, write_whole
from homeport.control.runs.functions import located
from homeport.model.home import Home
from homeport.record.launch import entry_candidates
from homeport.record.masking import NO_VALUES, ExactValues, masked_difference
from homeport.record.run import Edit, Function, Git, Launcher, Source, SourceFile
from homeport.record.versions import joined
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_GIT_LIMIT_S: Final = 5.0  # for all that git is asked
_WAIT_S: Final = 10.0  # that the record of a short run waits for its source
_MAX_DIFFERENCE: Final = 256 * 1024
_MAX_FILES: Final = 5000
_MAX_FUNCTIONS: Final = 500  # with those that edits replaced
_MAX_HASHED_BYTES: Final = 512 << 20
_QUIET: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}
_CONFIG: Final = (  # what a repository's own configuration could have git start
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.pager", "cat"),
    ("core.attributesFile", os.devnull),
)


@dataclass(frozen=True)
class Defined:
    """What the engine knows of an app's functions: with the names of their modules, and their mounts."""

    functions: list[tuple[Function, str]]
    mount_ids: frozenset[str]


class RunSources:
    """Of the runs of one engine. `begin` at the launch, `publish` once the functions are known, which
    `defined` then tells."""

    def __init__(self, home: Home, db: Database, defined: Callable[[str], Defined]) -> None:
        self.values_of: Callable[[str], ExactValues] = lambda app_id: NO_VALUES  # what its records lack
        self._home = home
        self._db = db
        self._defined = defined
        self._folders = RunFolders(home)
        self._git: dict[str, asyncio.Task[Git | None]] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}
        self._launchers: dict[str, Launcher | None] = {}
        self._new: set[str] = set()  # apps that were not published since they were launched

    def begin(self, app_id: str, launcher: Launcher | None) -> None:
        """An app is launched from a folder, whose git tree may change while it runs."""
        self._launchers[app_id] = launcher
        self._new.add(app_id)
        if launcher is not None and launcher.cwd:
            job = asyncio.get_running_loop().create_task(asyncio.to_thread(git_of, Path(launcher.cwd)))
            self._git[app_id] = job

    async def publish(self, app_id: str) -> None:
        """The app's functions and their mounts are known, or others than before (`modal serve`); the rest
        goes on in the background."""
        launched = self._folders.folder(app_id) / "launch.json"
        if app_id not in self._launchers and launched.exists():  # by an earlier engine
            self._launchers[app_id] = msgspec.json.decode(launched.read_bytes(), type=Launcher)
        if app_id in self._launchers:
            work = self._write(app_id, self._launchers[app_id], time.time(), self._writing.get(app_id))
            job = self._writing[app_id] = asyncio.get_running_loop().create_task(work)
            job.add_done_callback(lambda job: self._written(app_id, job))

    def _written(self, app_id: str, job: asyncio.Task[None]) -> None:
        if self._writing.get(app_id) is job:
            del self._writing[app_id]

    async def ready(self, app_id: str) -> None:
        """Returns once the source is written, or after a while."""
        job = self._writing.get(app_id)
        if job is not None:
            await asyncio.wait({job}, timeout=_WAIT_S)
        self._launchers.pop(app_id, None)
        self._git.pop(app_id, None)
        self._new.discard(app_id)

    async def close(self) -> None:
        jobs = [*self._writing.values(), *self._git.values()]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def _write(
        self, app_id: str, launcher: Launcher | None, at: float, before: asyncio.Task[None] | None
    ) -> None:
        try:
            defined = self._defined(app_id)
            if before is not None:
                await asyncio.wait({before})
            listed = json.dumps(sorted(defined.mount_ids))
            rows = self._db.all("run_trees", mount_ids=listed)
            trees = [self._home.mounts / str(row["folder"]) for row in rows]
            asked = self._git.get(app_id)
            git = await asked if asked is not None else None
            source = await asyncio.to_thread(lambda: Source(entry_of(launcher), tuple(files_of(trees)), git))
            functions = await asyncio.to_thread(located, defined.functions, trees)
            await asyncio.to_thread(self._put, app_id, source, functions, at, is_new=app_id in self._new)
            self._new.discard(app_id)
            # also those of containers that were started meanwhile
            await asyncio.to_thread(self._folders.leave_out, app_id, self.values_of(app_id))
        except Exception as error:
            logger.exception("the source of %s", app_id)
            self._folders.miss(app_id, f"Its source was not recorded: {error}.")

    def _put(
        self, app_id: str, source: Source, functions: Sequence[Function], at: float, *, is_new: bool
    ) -> None:
        folder = self._folders.folder(app_id)
        folder.mkdir(exist_ok=True)
        if not is_new and (folder / "source.json").exists():
            before = msgspec.json.decode((folder / "source.json").read_bytes(), type=Source)
            source = edited(before, source, at)
            older = msgspec.json.decode((folder / "functions.json").read_bytes(), type=list[Function])
            functions = joined([*functions, *older])[:_MAX_FUNCTIONS]
        write_whole(folder / "source.json", msgspec.json.encode(source))
        write_whole(folder / "functions.json", msgspec.json.encode(functions))


def edited(before: Source, after: Source, at: float) -> Source:
    """The later source, which remembers how it was before."""
    old, new = ({file.path: file for file in source.files} for source in (before, after))
    edit = Edit(
        at,
        replaced=tuple(file for path, file in old.items() if new.get(path) != file),
        added=tuple(path for path in new if path not in old),
    )
    edits = (*before.edits, edit) if edit.replaced or edit.added else before.edits
    return replace(after, git=after.git or before.git, edits=edits)


def entry_of(launcher: Launcher | None) -> str:
    """The app's file on the launcher; empty where its command line names none."""
    if launcher is None:
        return ""
    candidates = list(entry_candidates(launcher.argv, launcher.cwd))
    return str(next((each for each in candidates if Path(each).is_file()), ""))


def files_of(trees: Iterable[Path]) -> Iterable[SourceFile]:
    """What mounts brought, by the places in containers."""
    known: dict[str, SourceFile] = {}
    hashed = 0
    for tree in trees:
        for folder, names, files in os.walk(tree):
            names.sort()
            for name in sorted(files):
                file = Path(folder, name)
                place = f"/{file.relative_to(tree)}"
                size = file.stat().st_size
                if place in known or len(known) >= _MAX_FILES:
                    continue
                hashed += size
                digest = _sha256(file) if hashed <= _MAX_HASHED_BYTES else ""
                known[place] = SourceFile(place, digest, size)
    return [known[place] for place in sorted(known)]


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def git_of(folder: Path) -> Git | None:
    """The work tree that holds a folder; None where there is none, or no git."""
    program = shutil.which("git")
    if program is None or not any((above / ".git").exists() for above in (folder, *folder.parents)):
        return None
    ask = _Git(program, folder)
    root = ask("rev-parse", "--show-toplevel").strip()
    if not root:
        return None
    status = ask("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    difference = (
        ask("diff", "HEAD", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all") if status else ""
    )
    return Git(
        root=root,
        commit=ask("rev-parse", "--verify", "--quiet", "HEAD").strip(),
        branch=ask("rev-parse", "--abbrev-ref", "HEAD").strip(),
        is_dirty=bool(status.strip()),
        difference=masked_difference(difference[:_MAX_DIFFERENCE]),
        is_cut=len(difference) > _MAX_DIFFERENCE,
    )


class _Git:
    """Asks git in one folder, for a limited time in all."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._until = time.monotonic() + _GIT_LIMIT_S

    def __call__(self, *arguments: str) -> str:
        options = [option for key, value in _CONFIG for option in ("-c", f"{key}={value}")]
        try:
            done = subprocess.run(
                [self._program, "--no-pager", *options, *arguments],
                cwd=self._folder,
                env={k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | _QUIET,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=max(0.1, self._until - time.monotonic()),
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
