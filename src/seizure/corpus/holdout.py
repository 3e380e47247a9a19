"""Chooses whole patients whose files add up to an exact number, with their fair share of seizure seconds.

Subset sum over two sums at once, by dynamic programming: files exactly, seizure seconds in steps of about a
thousandth of the corpus's.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seizure.corpus.order import stable_order
from seizure.errors import CorpusError

STEPS = 1024
"""Steps that all seizure seconds are counted in."""
CANDIDATES = 16
"""Sums nearest to the fair share that are worked out to the second."""


def choose_patients(patients: Mapping[str, tuple[int, float]], files: int) -> frozenset[str]:
    """Patients for validation: `patients` has (files, seizure seconds) of each; their files sum to `files`.

    Depends on nothing but its arguments. Raises CorpusError, naming the nearest counts, where no set of whole
    patients has that many files.
    """
    names = sorted(patients, key=stable_order)
    counts = [patients[name][0] for name in names]
    seconds = [patients[name][1] for name in names]
    _require_reachable(counts, files)
    steps = _in_steps(seconds)
    first = _first_item(counts, steps, files)
    wanted_s = sum(seconds) * files / sum(counts)
    best: tuple[bool, float, list[int]] | None = None
    for total in _nearest(first[files], wanted_s, seconds, steps):
        chosen = _walk_back(first, counts, steps, files, total)
        chosen_s = sum(seconds[item] for item in chosen)
        one_sided = sum(seconds) > 0 and not 0 < chosen_s < sum(seconds)
        rank = (one_sided, abs(chosen_s - wanted_s), chosen)
        best = rank if best is None else min(best, rank)
    assert best is not None
    return frozenset(names[item] for item in best[2])


def _require_reachable(counts: Sequence[int], files: int) -> None:
    reachable = 1  # bit n: some patients have n files together
    for count in counts:
        reachable |= reachable << count
    total = sum(counts)
    sums = [n for n in range(1, total) if reachable >> n & 1]  # at least a patient on each side
    if files in sums:
        return
    below = max((n for n in sums if n < files), default=None)
    above = min((n for n in sums if n > files), default=None)
    near = " or ".join(str(n) for n in (below, above) if n is not None)
    advice = f"set data.holdout_val_files: {near}" if near else "a holdout needs two patients at least"
    raise CorpusError(
        f"no set of whole patients has {files} files exactly ({len(counts)} patients have {total}); {advice}"
    )


def _in_steps(seconds: Sequence[float]) -> list[int]:
    """Seizure seconds in steps; whoever has any has a step at least, so that no steps means no seizures."""
    step_s = sum(seconds) / STEPS
    return [max(1, round(one / step_s)) if one > 0 else 0 for one in seconds]


def _first_item(counts: Sequence[int], steps: Sequence[int], files: int) -> NDArray[np.int32]:
    """For each (files, steps): which item, in order, first makes these sums possible; -1: none, 0: no item.

    An item's number here is its place + 1.
    """
    first = np.full((files + 1, sum(steps) + 1), -1, np.int32)
    first[0, 0] = 0
    for item, (count, step) in enumerate(zip(counts, steps, strict=True), start=1):
        if count > files:
            continue
        before = first[: files + 1 - count, : first.shape[1] - step] >= 0
        after = first[count:, step:]
        # `before` is a copy, so an item is used once at most
        after[before & (after < 0)] = item
    return first


def _nearest(
    row: NDArray[np.int32], wanted_s: float, seconds: Sequence[float], steps: Sequence[int]
) -> list[int]:
    """Possible sums of steps at the wanted number of files, nearest first."""
    wanted = wanted_s * sum(steps) / sum(seconds) if sum(steps) else 0.0
    possible = np.flatnonzero(row >= 0)
    order = np.argsort(np.abs(possible - wanted), kind="stable")
    return [int(total) for total in possible[order][:CANDIDATES]]


def _walk_back(
    first: NDArray[np.int32], counts: Sequence[int], steps: Sequence[int], files: int, total: int
) -> list[int]:
    """The items of one way to (files, total): the item that first reached a sum stands on earlier ones."""
    chosen = []
    while (files, total) != (0, 0):
        item = int(first[files, total]) - 1
        chosen.append(item)
        files, total = files - counts[item], total - steps[item]
    return chosen
