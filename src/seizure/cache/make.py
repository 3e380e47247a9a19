"""Makes one shard, or finds it there as it should be: what a worker does for a task."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from seizure.cache.claim import BusyError, Claim, claimed
from seizure.cache.key import cache_key
from seizure.cache.quantise import NotFiniteError
from seizure.cache.shard import DamagedShardError, Shard, ShardInfo, read_info, shard_path
from seizure.cache.source import Source, source_of
from seizure.cache.task import Busy, Done, Outcome, ScratchError, Stopped, Task, Unusable
from seizure.cache.write import rewrite_header, write_shard
from seizure.errors import Fault, RecordingError

if TYPE_CHECKING:
    from seizure.signal import Prepared


def make(task: Task) -> Outcome:
    """Puts one recording into the cache, unless it is there."""
    path = task.recording.path
    try:
        with claimed(shard_path(task.folder, task.recording.recording_id), is_alone=task.is_alone) as claim:
            return _make(task, claim)
    except BusyError:
        return Busy()
    except RecordingError as error:
        return Unusable(error)
    except NotFiniteError as error:
        return Unusable(RecordingError(path, Fault.NAN_SIGNAL, str(error)))
    except OSError as error:
        return Stopped(f"{task.folder}: {error.strerror or error}")
    except ScratchError as error:
        return Stopped(str(error))
    except MemoryError:
        return Unusable(RecordingError(path, Fault.FAILED, "not enough memory"))
    except Exception as error:  # one odd recording must not end a build of days; it is named
        return Unusable(RecordingError(path, Fault.FAILED, f"{type(error).__name__}: {error}"))


def _make(task: Task, claim: Claim) -> Done:
    source = _source(task)
    old = usable_shard(task)
    if old and old.source.same_content(source):
        if is_current(old, task, source):
            return Done("found")
        try:
            rewrite_header(claim, old, task.annotations, source, task.kind)
            return Done("relabelled")
        except DamagedShardError:
            os.ftruncate(claim.fd, 0)
    prepared = _prepared(task)
    write_shard(claim, task.recording, task.annotations, prepared, task.settings, source, task.kind)
    return Done("built")


def usable_shard(task: Task) -> ShardInfo | None:
    """The shard's header, if there is a sound shard of this preprocessing."""
    try:
        info = read_info(shard_path(task.folder, task.recording.recording_id))
        if (info.recording_id, info.key) != (task.recording.recording_id, cache_key(task.settings)):
            return None
        if task.is_deep:
            with Shard(info) as shard:
                if shard.data_crc32() != info.data_crc32:
                    return None
        return info
    except DamagedShardError:
        return None


def is_current(info: ShardInfo, task: Task, source: Source) -> bool:
    """Whether labels and source are what the header says."""
    annotations = task.annotations
    said = (info.seizures, info.annotation_notices, info.source)
    return said == (annotations.seizures, annotations.notices, replace(source, name=info.source.name))


def _source(task: Task) -> Source:
    try:
        return source_of(task.recording.path)
    except OSError as error:
        raise RecordingError(task.recording.path, Fault.UNREADABLE, str(error.strerror)) from None


def _prepared(task: Task) -> Prepared:
    try:
        return task.prepare(task.recording.path, task.settings)
    except OSError as error:
        raise RecordingError(task.recording.path, Fault.UNREADABLE, str(error.strerror or error)) from None
