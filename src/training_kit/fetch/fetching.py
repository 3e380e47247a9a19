"""A whole fetch of named files: compare with what is there, ask sizes, check the disk, download."""

import queue
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from training_kit.errors import FetchError, FetchStopError
from training_kit.fetch import http
from training_kit.fetch.download import Download, Stopped, attempts, digest_of, disk_error
from training_kit.fetch.journal import Checked, Journal, sole_user

T = TypeVar("T")

RESERVE_BYTES = 64 * 2**20  # of the disk, left for others
LEAVE_S = 2.0  # how long a stopped fetch waits for its threads


class Observer(Protocol):
    """Hears how a fetch goes, from several threads."""

    def begin(self, words: str, total: int) -> None: ...
    def advance(self, amount: int) -> None: ...
    def done(self, path: str, size_bytes: int) -> None: ...
    def say(self, words: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file of a plan. `part_bytes` are here already, `is_here`: all of them, with the right digest."""

    path: str
    digest: str
    size_bytes: int
    part_bytes: int
    is_here: bool


@dataclass(frozen=True, slots=True)
class Plan:
    address: str
    folder: Path
    files: tuple[Wanted, ...]
    free_bytes: int

    @property
    def missing(self) -> tuple[Wanted, ...]:
        return tuple(file for file in self.files if not file.is_here)

    @property
    def total_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def needed_bytes(self) -> int:
        """What is still to come."""
        return sum(max(0, file.size_bytes - file.part_bytes) for file in self.missing)


@dataclass(slots=True)
class Report:
    fetched: list[str] = field(default_factory=list)
    fetched_bytes: int = 0
    here: int = 0  # files that were there already
    failed: dict[str, str] = field(default_factory=dict)  # why, by path


def make_folder(folder: Path) -> None:
    """Raises FetchError where there can be no such folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from None


def read_text(url: str, observer: Observer, pause_s: float = 1.0) -> str:
    """A small file, such as a list of digests, asked for as often as it takes. Raises FetchError."""
    return attempts(lambda: http.read_text(url), lambda: 0, threading.Event(), observer.say, pause_s)


def plan_fetch(
    address: str,
    folder: Path,
    digests: Mapping[str, str],
    *,
    rehash: bool = False,
    parallel: int = 4,
    observer: Observer,
    pause_s: float = 1.0,
) -> Plan:
    """What a fetch of the files below `address` into `folder` would do; creates `folder` and its journal.

    `digests`: by path, SHA-256 or MD5. Files that the journal does not vouch for are hashed, with `rehash`
    all. Raises FetchError.
    """
    address = address.rstrip("/") + "/"
    shared = _shared(address, folder, observer, threading.Event(), pause_s)
    paths = sorted(digests)
    observer.begin("looking at what is here", len(paths))

    def look(path: str) -> Wanted:
        is_here = _is_here(shared, path, digests[path], rehash)
        size_bytes = (folder / path).stat().st_size if is_here else shared.remote(path).size_bytes
        part = folder / f"{path}.part"
        part_bytes = part.stat().st_size if part.exists() and not is_here else 0
        observer.advance(1)
        return Wanted(path, digests[path], size_bytes, part_bytes, is_here)

    found, failed = _in_threads(look, paths, 2 * parallel, shared.stop)
    if failed:
        raise next(iter(failed.values()))
    files = tuple(found[path] for path in paths)
    return Plan(address, folder, files, shutil.disk_usage(folder).free)


def fetch(plan: Plan, *, parallel: int = 4, observer: Observer, pause_s: float = 1.0) -> Report:
    """Downloads what `plan` misses. Raises FetchError before the first byte where the disk is too small."""
    if plan.needed_bytes + RESERVE_BYTES > plan.free_bytes:
        raise FetchError(
            f"{plan.needed_bytes / 1e9:.2f} GB are still to come and the disk of {plan.folder} has "
            f"{plan.free_bytes / 1e9:.2f} GB: make room, or choose another folder"
        )
    shared = _shared(plan.address, plan.folder, observer, threading.Event(), pause_s)
    missing = {file.path: file for file in plan.missing}
    report = Report(here=len(plan.files) - len(missing))
    observer.begin("fetching", sum(file.size_bytes for file in missing.values()))
    observer.advance(sum(file.part_bytes for file in missing.values()))

    def get(path: str) -> int:
        size_bytes = shared.fetch(path, missing[path].digest)
        observer.done(path, size_bytes)
        return size_bytes

    with sole_user(plan.folder):
        found, failed = _in_threads(get, missing, parallel, shared.stop)
    report.fetched, report.fetched_bytes = sorted(found), sum(found.values())
    report.failed = {path: str(error) for path, error in sorted(failed.items())}
    return report


def _shared(
    address: str, folder: Path, observer: Observer, stop: threading.Event, pause_s: float
) -> Download:
    make_folder(folder)
    try:
        journal = Journal(folder)
    except OSError as error:
        raise disk_error(error, folder) from None
    return Download(address, folder, journal, stop, observer.advance, observer.say, pause_s)


def _is_here(shared: Download, path: str, wanted: str, rehash: bool) -> bool:
    """Whether the file is complete: by its size and time where the journal has them, else by its digest."""
    file = shared.folder / path
    if not file.is_file():
        return False
    found = file.stat()
    seen = shared.journal.checked.get(path)
    if seen and not rehash and (seen.size_bytes, seen.mtime_ns) == (found.st_size, found.st_mtime_ns):
        return seen.digest == wanted
    try:
        digest = digest_of(file, wanted, shared.stop)
    except OSError as error:
        raise disk_error(error, file) from None
    shared.journal.note_checked(path, Checked(found.st_size, found.st_mtime_ns, digest))
    return digest == wanted


def _in_threads(
    work: Callable[[str], T], paths: Iterable[str], threads: int, stop: threading.Event
) -> tuple[dict[str, T], dict[str, FetchError]]:
    """Results and failures by path. A FetchStopError, or Ctrl-C, stops the others.

    The threads are daemons: one that waits for a silent server cannot keep a stopped command alive.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    count = 0
    for path in paths:
        waiting.put(path)
        count += 1
    found: dict[str, T] = {}
    failed: dict[str, FetchError] = {}
    broken: list[BaseException] = []

    def run() -> None:
        while not stop.is_set():
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                found[path] = work(path)
            except Stopped:
                return
            except FetchError as error:
                failed[path] = error
                if isinstance(error, FetchStopError):
                    stop.set()
            except BaseException as error:  # a mistake of ours: raised again in the caller's thread
                broken.append(error)
                stop.set()

    workers = [threading.Thread(target=run, daemon=True) for _ in range(min(threads, count))]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    except BaseException:
        stop.set()
        for worker in workers:
            worker.join(LEAVE_S / len(workers))
        raise
    if broken:
        raise broken[0]
    return found, failed
