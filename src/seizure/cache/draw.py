"""Which windows a batch holds: pure draws from the seizures and the gaps between them. Reads no samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seizure.cache.shard import ShardInfo
from seizure.errors import CacheError

Int64 = NDArray[np.int64]


class Spans(NamedTuple):
    """Pieces of recordings, and how many samples lie before each one when all are put in a row."""

    shard: Int64  # (n,) place of the recording among the drawer's
    first: Int64  # (n,) sample
    stop: Int64  # (n,) sample
    before: Int64  # (n,)
    total: int

    @staticmethod
    def of(pieces: Sequence[tuple[int, int, int]]) -> Spans:
        shard, first, stop = np.array(pieces, np.int64).reshape(-1, 3).T
        ends = np.cumsum(stop - first)
        return Spans(shard, first, stop, ends - (stop - first), int(ends[-1]) if len(ends) else 0)

    def pick(self, random: np.random.Generator, count: int) -> tuple[Int64, Int64]:
        """`count` samples, each of all equally likely: (which span, sample within its recording)."""
        places = random.integers(self.total, size=count)
        which = np.searchsorted(self.before, places, side="right") - 1
        return which, self.first[which] + places - self.before[which]


class Drawer:
    """Draws windows for one step: `(seed, step, rank, world)` says all, so a resumed run replays nothing.

    Of the windows with a seizure, each sample of a seizure is equally likely to be the one that a window is
    laid around, anywhere in the window: long seizures come in proportion to their length, and beginnings,
    middles and ends all appear. The others hold no sample of a seizure, from all such stretches in
    proportion to their length. A recording shorter than the window is taken from its start.

    Raises CacheError where no recording has a seizure, or none has the room for a window without one.
    """

    def __init__(
        self,
        shards: Sequence[ShardInfo],
        window_samples: int,
        seizure_share: float,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.window_samples, self.batch_size = window_samples, batch_size
        self._share = seizure_share
        self._entropy = (seed, rank, world)
        self._last_start = np.array([max(s.n_samples - window_samples, 0) for s in shards], np.int64)
        self.intervals = [s.intervals() for s in shards]
        self._seizures = Spans.of(
            [(i, int(a), int(b)) for i, intervals in enumerate(self.intervals) for a, b in intervals]
        )
        self._gaps = Spans.of(
            [
                (i, a, b)
                for i, shard in enumerate(shards)
                for a, b in _gaps(self.intervals[i], shard.n_samples)
                if b - a >= min(window_samples, shard.n_samples) and b > a
            ]
        )
        self._check(len(shards))

    def _check(self, n_recordings: int) -> None:
        if not self._seizures.total:
            raise CacheError(
                f"not one of {n_recordings} recordings has a seizure, so nothing can be learnt: look at the "
                "annotations with `python -m seizure validate`"
            )
        if self._share < 1 and not self._gaps.total:
            raise CacheError(
                f"not one of {n_recordings} recordings has {self.window_samples} samples without a seizure: "
                "add recordings, or set training.seizure_share to 1"
            )

    def draw(self, step: int) -> tuple[Int64, Int64]:
        """(place of the recording, first sample) of each window of the batch, both (B,)."""
        seed, rank, world = self._entropy
        random = np.random.default_rng((seed & (2**64 - 1), step, rank, world))
        count = self._with_seizure(step)
        shards, starts = np.concatenate(
            [self._around_seizures(random, count), self._between(random, self.batch_size - count)], axis=1
        )
        order = random.permutation(self.batch_size)
        return shards[order], starts[order]

    def _with_seizure(self, step: int) -> int:
        # exact over many steps, whatever the batch size: 0.3 of 4 is 1, 1, 1, 1, 2, ...
        wanted = self._share * self.batch_size
        return int((step + 1) * wanted + 1e-6) - int(step * wanted + 1e-6)

    def _around_seizures(self, random: np.random.Generator, count: int) -> Int64:
        which, samples = self._seizures.pick(random, count)
        shards = self._seizures.shard[which]
        starts = samples - random.integers(self.window_samples, size=count)
        return np.stack([shards, np.clip(starts, 0, self._last_start[shards])])

    def _between(self, random: np.random.Generator, count: int) -> Int64:
        if not count:
            return np.zeros((2, 0), np.int64)
        which, _ = self._gaps.pick(random, count)
        room = np.maximum(self._gaps.stop[which] - self._gaps.first[which] - self.window_samples, 0)
        return np.stack([self._gaps.shard[which], self._gaps.first[which] + random.integers(room + 1)])


def _gaps(intervals: Int64, n_samples: int) -> list[tuple[int, int]]:
    bounds = [0, *(int(bound) for bound in intervals.ravel()), n_samples]
    return list(zip(bounds[::2], bounds[1::2], strict=True))
