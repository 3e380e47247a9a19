"""Puts recordings into a cache folder: what is there is used, the rest is made by worker processes.

Any number of builds may run at once, on the same recordings too. Killed at any moment, a build leaves whole
shards and at most unfinished files, which the next one fills. Nothing is ever deleted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from seizure.cache.crew import Crew, usable_cores
from seizure.cache.index import Index, open_index
from seizure.cache.make import is_current, usable_shard
from seizure.cache.owner import write_part
from seizure.cache.shard import ShardInfo
from seizure.cache.task import Busy, Died, Done, Outcome, Prepare, Stopped, Task, Unusable, prepare_edf
from seizure.config.schema import Preprocessing
from seizure.corpus.recording import Annotations, Recording
from seizure.corpus.skipped import Skipped
from seizure.errors import CacheError, Fault, RecordingError

Announce = Callable[[int, int, Recording], None]

_OTHERS_MAY_TAKE_S = 900.0  # for one recording; then it is built here too
_ASK_AGAIN_S = 0.2
_LOOK_AT_LIMITS_S = 5.0


@dataclass
class BuildResult:
    """What a build did. `reused` counts all that were not preprocessed; `relabelled` are some of them."""

    index: Index  # of the whole folder
    skipped: list[Skipped] = field(default_factory=list)
    built: int = 0
    reused: int = 0
    relabelled: int = 0
    lost_seizures: int = 0  # of skipped recordings
    lost_seizure_s: float = 0.0
    unknown: int = 0  # skipped recordings whose annotations cannot be read: what is lost there nobody knows
    seconds: float = 0.0
    shards: tuple[ShardInfo, ...] = ()  # of the recordings asked for

    def lines(self) -> Iterator[str]:
        """The summary in words: counts, sizes, what int16 cost, and seizures that are lost by skipping."""
        hours = sum(shard.duration_s for shard in self.shards) / 3600
        seizures = sum(len(shard.seizures) for shard in self.shards)
        relabelled = f" ({self.relabelled} with new annotations)" if self.relabelled else ""
        yield (
            f"{self.built} built, {self.reused} there already{relabelled}, {len(self.skipped)} left out; "
            f"{self.seconds:.1f} s"
        )
        if self.shards:
            size_mb = sum(shard.size_bytes for shard in self.shards) / 1e6
            yield (
                f"{hours:.1f} h of EEG in {size_mb:.1f} MB, with {seizures} seizures "
                f"of {sum(shard.seizure_s for shard in self.shards):.0f} s"
            )
            yield _loss_in_words(self.shards)
        if self.skipped:
            faults = sorted({one.fault.value for one in self.skipped})
            more = f", and whatever {self.unknown} without usable annotations hold" if self.unknown else ""
            yield (
                f"left out: {len(self.skipped)} recordings ({', '.join(faults)}) "
                f"with {self.lost_seizures} seizures of {self.lost_seizure_s:.0f} s{more}"
            )

    def with_left_out(self, left_out: Sequence[Skipped], known: Mapping[str, Annotations]) -> BuildResult:
        """Counts those that were skipped before the build, too; `known`: what annotations say of some."""
        lost = [known[one.recording_id] for one in left_out if one.recording_id in known]
        return replace(
            self,
            skipped=[*left_out, *self.skipped],
            lost_seizures=self.lost_seizures + sum(len(one.seizures) for one in lost),
            lost_seizure_s=self.lost_seizure_s + sum(one.seizure_s for one in lost),
            unknown=self.unknown + len(left_out) - len(lost),
        )


def build_cache(
    recordings: Sequence[Recording],
    annotations: Mapping[str, Annotations],
    settings: Preprocessing,
    folder: Path,
    *,
    processes: int = 0,
    announce: Announce = lambda _number, _total, _recording: None,
    part: str = "train",
    kind: str = "",
    left_out: Sequence[Skipped] = (),
    deep: bool = False,
    prepare: Prepare = prepare_edf,
) -> BuildResult:
    """Brings every recording into `folder` (`<cache folder>/<key>`) and says what came of each.

    `annotations` by recording id, one for each recording. `processes` 0: one a core. `announce(number,
    total, recording)` is called for each recording in their order, when it is begun or found to be there.
    `part`, `kind` and `left_out` (recordings that belong to the part but were not given, since they have no
    annotations, say) are written down for scan-cache and for the folder's owner. With `deep`, shards are
    used only after their samples' checksum was looked at. Raises CacheError where the folder cannot be
    written; a recording that cannot be used is in the result's `skipped`.
    """
    started = time.monotonic()
    ids = [recording.recording_id for recording in recordings]
    ids = sorted({*ids, *(one.recording_id for one in left_out)})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_part(folder, part, ids, left_out, settings)
        tasks = [
            Task(recording, annotations[recording.recording_id], settings, folder, kind, deep, prepare)
            for recording in recordings
        ]
        build = _Build(tasks, announce)
        with Crew(min(processes or usable_cores(), max(len(tasks), 1))) as crew:
            build.run(crew)
        result = build.result(open_index(folder))
        if result.skipped:
            write_part(folder, part, ids, [*left_out, *result.skipped], settings)
    except KeyError as error:
        raise CacheError(f"{folder}: no annotations were given for recording {error.args[0]}") from None
    except OSError as error:
        raise CacheError(f"{folder}: {error.strerror}; what is built stays, build again") from None
    result.seconds = time.monotonic() - started
    return result


class _Build:
    """One build under way: which recordings are waiting, and what came of the others."""

    def __init__(self, tasks: list[Task], announce: Announce) -> None:
        self._tasks = tasks
        self._waiting = deque(enumerate(tasks, 1))
        self._again: deque[tuple[float, Task]] = deque()  # not before this time
        self._busy: dict[str, float] = {}  # recording id: when another build was first seen to make it
        self._died: set[str] = set()
        self._announce = announce
        self._skipped: dict[str, Skipped] = {}
        self._counts = {"built": 0, "relabelled": 0, "found": 0}

    def run(self, crew: Crew) -> None:
        while True:
            self._give_all(crew)
            if not crew.is_working and not self._again:
                return
            for task, outcome in crew.wait(_ASK_AGAIN_S if self._again else _LOOK_AT_LIMITS_S):
                self._take(task, outcome)

    def _give_all(self, crew: Crew) -> None:
        while crew.has_room and (task := self._next()):
            if _is_there(task):
                self._take(task, Done("found"))
            else:
                crew.give(task)

    def _next(self) -> Task | None:
        if self._waiting:
            number, task = self._waiting.popleft()
            self._announce(number, len(self._tasks), task.recording)
            return task
        if self._again and self._again[0][0] <= time.monotonic():
            return self._again.popleft()[1]
        return None

    def _take(self, task: Task, outcome: Outcome) -> None:
        name = task.recording.recording_id
        match outcome:
            case Done(how):
                self._counts[how] += 1
                self._busy.pop(name, None)
            case Unusable(error):
                self._skipped[name] = Skipped.of(task.recording, error)
            case Stopped(reason):
                raise CacheError(f"{reason}; what is built stays: mend that and build again")
            case Busy():
                now = time.monotonic()
                is_alone = now - self._busy.setdefault(name, now) > _OTHERS_MAY_TAKE_S
                self._again.append((now + _ASK_AGAIN_S, replace(task, is_alone=is_alone)))
            case Died(how):
                self._take_death(task, how)

    def _take_death(self, task: Task, how: str) -> None:
        name = task.recording.recording_id
        if name not in self._died:
            self._died.add(name)
            self._again.append((0.0, task))
            return
        error = RecordingError(task.recording.path, Fault.WORKER_DIED, f"twice, by {how}; memory?")
        self._skipped[name] = Skipped.of(task.recording, error)

    def result(self, index: Index) -> BuildResult:
        lost = [task.annotations for task in self._tasks if task.recording.recording_id in self._skipped]
        wanted = {task.recording.recording_id for task in self._tasks} - self._skipped.keys()
        return BuildResult(
            index,
            sorted(self._skipped.values(), key=lambda skipped: skipped.recording_id),
            built=self._counts["built"],
            reused=self._counts["found"] + self._counts["relabelled"],
            relabelled=self._counts["relabelled"],
            lost_seizures=sum(len(annotations.seizures) for annotations in lost),
            lost_seizure_s=sum(annotations.seizure_s for annotations in lost),
            shards=tuple(shard for shard in index.shards if shard.recording_id in wanted),
        )


def _is_there(task: Task) -> bool:
    """Whether a sound shard is there whose source's size and time, and labels, are the recording's now."""
    if task.is_deep:
        return False  # a worker reads it
    info = usable_shard(task)
    try:
        return (
            info is not None
            and info.source.looks_like(task.recording.path)
            and is_current(info, task, info.source)
        )
    except OSError:
        return False


def _loss_in_words(shards: Sequence[ShardInfo]) -> str:
    samples = sum(shard.n_samples * len(shard.channels) for shard in shards)
    clipped = sum(shard.clipped_share * shard.n_samples * len(shard.channels) for shard in shards)
    squares = sum(shard.rms_error_uv**2 * shard.n_samples * len(shard.channels) for shard in shards)
    largest = max(shards, key=lambda shard: shard.max_error_uv)
    rms_error_uv = (squares / max(samples, 1)) ** 0.5
    return (
        f"int16: rms error {rms_error_uv:.3g} uV, at most {largest.max_error_uv:.3g} uV "
        f"({largest.recording_id}); {clipped:.0f} of {samples} samples clipped "
        f"({clipped / max(samples, 1):.2e}) at {shards[0].clip_sigma:g} robust sd"
    )
