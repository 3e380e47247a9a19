"""How far the cache of one split is: a progress bar on a terminal, a line a recording elsewhere.

Lines go to the run's log in both cases, since the log is what a run is verified by.
"""

from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seizure.corpus import Recording, Skipped
from training_kit.run_log import Say, is_terminal


class Processing:
    """`with Processing("train", 3734, say) as announce: …`; announce(i, n, recording) counts one recording.

    It counts by itself: recordings that were left out before the build are part of the total.
    """

    def __init__(self, split: str, total: int, say: Say) -> None:
        self._label = "file" if split == "train" else f"{split} file"
        self._total = total
        self._say = say
        self._done = 0
        self._bar: Progress | None = None
        if is_terminal():
            words = TextColumn(f"{split} files")
            self._bar = Progress(words, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())

    def __call__(self, _done: int, _total: int, recording: Recording) -> None:
        self._count(recording.path.name)

    def left_out(self, skipped: Skipped) -> None:
        """One that is not built, because its annotations cannot be used."""
        self._count(f"{skipped.path.name}: left out, {skipped.fault.value}")

    def _count(self, words: str) -> None:
        self._done += 1
        line = f"[DATA] Processing {self._label} {self._done}/{self._total}: {words}"
        self._say(line, quiet=self._bar is not None and self._done > 1)
        if self._bar:
            self._bar.update(self._task, completed=self._done)

    def __enter__(self) -> "Processing":
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
