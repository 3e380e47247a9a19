"""How fast a training goes: a bar with the time left on a terminal, items a second, loader's share."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]


@contextmanager
def progress_bar(done: int, stop: int, is_shown: bool) -> Iterator[Advance]:
    """Gives what is called with each finished step. Elsewhere than on a terminal nothing is shown."""
    if not (is_shown and sys.stdout.isatty()):
        yield lambda step: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:  # lines printed meanwhile appear above it
        task = bar.add_task("training", total=stop, completed=done)
        yield lambda step: bar.update(task, completed=step)


class Pace:
    """Items a second and the loader's share of the time, since it was last asked."""

    def __init__(self, items_a_step: int) -> None:
        self._items_a_step = items_a_step
        self._began, self._steps, self._waited_s = time.perf_counter(), 0, 0.0

    def step(self, waited_s: float) -> None:
        """One more step, which waited `waited_s` for its batch."""
        self._steps += 1
        self._waited_s += waited_s

    def take(self) -> tuple[float, float]:
        """(items a second, share of the time spent waiting for batches)."""
        now = time.perf_counter()
        spent_s = max(now - self._began, 1e-9)
        pace = self._steps * self._items_a_step / spent_s, self._waited_s / spent_s
        self._began, self._steps, self._waited_s = now, 0, 0.0
        return pace

    def pause(self, spent_s: float) -> None:
        """Leaves out time that was no training: validation and writing checkpoints."""
        self._began += spent_s
