"""Batches of random windows for training, read from the cache by memory map, ahead of the training step."""

from __future__ import annotations

import resource
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seizure.cache.draw import Drawer
from seizure.cache.index import Index
from seizure.cache.quantise import Int16
from seizure.cache.shard import Shard, ShardInfo
from seizure.errors import CacheError


class Batch(NamedTuple):
    """B windows of T samples. The model's input is `q_BCT * (clip_sigma / 32767)`."""

    q_BCT: Int16
    y_BT: NDArray[np.uint8]  # 1: seizure
    mask_BT: NDArray[np.bool_]  # False: padding of a recording that is shorter than the window


class WindowSampler:
    """Yields batches of the recordings named, and of no other one, for ever, from step `start_step` on.

    Batch k is a function of (seed, k, rank, world) alone, whatever `workers` is. `workers` threads read
    ahead, at most `workers + 1` batches; with 0 each batch is read when it is asked for. Close it, or use
    `with`; what the last `next` gave stays usable. Raises CacheError where a recording is not in the index,
    where channels or rates differ, or where there is no seizure among the recordings.
    """

    def __init__(
        self,
        index: Index,
        recording_ids: Iterable[str],
        window_samples: int,
        seizure_share: float,
        batch_size: int,
        seed: int,
        start_step: int = 0,
        *,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
    ) -> None:
        self._shards = index.only(dict.fromkeys(recording_ids)).shards
        self._channels = _channels(self._shards)
        self._drawer = Drawer(self._shards, window_samples, seizure_share, batch_size, seed, rank, world)
        self._open = _OpenShards(self._shards)
        self._next_step = start_step
        self._threads = ThreadPoolExecutor(workers, "windows") if workers else None
        self._ahead: deque[Future[Batch]] = deque()
        self._depth = workers + 1

    def batch(self, step: int) -> Batch:
        """The batch of any step, read now."""
        drawer = self._drawer
        length = drawer.window_samples
        q_BCT = np.empty((drawer.batch_size, self._channels, length), np.int16)
        y_BT = np.zeros((drawer.batch_size, length), np.uint8)
        mask_BT = np.ones((drawer.batch_size, length), np.bool_)
        for row, (place, start) in enumerate(zip(*(a.tolist() for a in drawer.draw(step)), strict=True)):
            there = min(length, self._shards[place].n_samples - start)
            self._open[place].read_into(q_BCT[row, :, :there], start)
            if there < length:
                q_BCT[row, :, there:] = 0
                mask_BT[row, there:] = False
            _label(y_BT[row], drawer.intervals[place], start)
        return Batch(q_BCT, y_BT, mask_BT)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self._threads is None:
            self._next_step += 1
            return self.batch(self._next_step - 1)
        while len(self._ahead) < self._depth:
            self._ahead.append(self._threads.submit(self.batch, self._next_step + len(self._ahead)))
        self._next_step += 1
        return self._ahead.popleft().result()

    def close(self) -> None:
        """Ends the threads and closes the shards."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
        self._ahead.clear()
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _OpenShards:
    """The shards that were read last, open: a quarter of the files that this process may have at most."""

    def __init__(self, shards: tuple[ShardInfo, ...]) -> None:
        soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = max(min(soft_limit // 4, 1024), 8) if soft_limit > 0 else 1024
        self._shards = shards
        self._opened: OrderedDict[int, Shard] = OrderedDict()
        self._lock = Lock()

    def __getitem__(self, place: int) -> Shard:
        with self._lock:
            shard = self._opened.get(place)
            if shard is None:
                shard = self._opened[place] = Shard(self._shards[place])
                if len(self._opened) > self._most:
                    self._opened.popitem(last=False)  # closes itself when its last reader is done
            else:
                self._opened.move_to_end(place)
            return shard

    def clear(self) -> None:
        with self._lock:
            self._opened.clear()


def _label(y_T: NDArray[np.uint8], intervals: NDArray[np.int64], start: int) -> None:
    if not len(intervals):
        return
    first = int(np.searchsorted(intervals[:, 1], start, side="right"))  # intervals are sorted and disjoint
    for begin, stop in intervals[first:].tolist():
        if begin >= start + y_T.size:
            break
        y_T[max(begin - start, 0) : stop - start] = 1


def _channels(shards: tuple[ShardInfo, ...]) -> int:
    """How many channels all have. Raises CacheError where they differ."""
    if not shards:
        raise CacheError("no recordings to take windows from")
    first = shards[0]
    for shard in shards:
        if (shard.channels, shard.rate_hz) != (first.channels, first.rate_hz):
            raise CacheError(
                f"{shard.path}: other channels or another rate than {first.path}; build the cache of one run"
            )
    return len(first.channels)
