"""How far a corpus is: a bar on a terminal, a line every few seconds elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

EVERY_S = 10.0


class Progress:
    """`with Progress() as progress: make_corpus(..., announce=progress.announce)`. Writes to stderr."""

    def __init__(self, quiet: bool = False) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("making recordings"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=console, transient=True) if console.is_terminal else None
        self._console = console
        self._quiet = quiet
        self._task: TaskID | None = None
        self._said_at = time.monotonic()

    def __enter__(self) -> "Progress":
        if self._bar and not self._quiet:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar and not self._quiet:
            self._bar.stop()

    def announce(self, done: int, total: int, recording_id: str) -> None:
        if self._quiet:
            return
        if self._bar:
            self._task = self._bar.add_task("", total=total) if self._task is None else self._task
            self._bar.update(self._task, completed=done)
        elif done == total or time.monotonic() - self._said_at >= EVERY_S:
            self._said_at = time.monotonic()
            self._console.out(f"{done}/{total} recordings: {recording_id}", highlight=False)
