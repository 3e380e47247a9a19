"""How a fetch goes: a bar with rate and time left on a terminal, plain lines elsewhere. Writes to stderr."""

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

EVERY_S = 10.0


class Shown:
    """An Observer that shows."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._lock = threading.Lock()
        self._words, self._total, self._at = "", 0, 0
        self._began_at = self._said_at = time.monotonic()

    def begin(self, words: str, total: int) -> None:
        self._end_bar()
        self._words, self._total, self._at = words, total, 0
        self._began_at = self._said_at = time.monotonic()
        if self._console.is_terminal:
            is_bytes = words == "fetching"
            counted: tuple[ProgressColumn, ...] = (
                (DownloadColumn(), TransferSpeedColumn()) if is_bytes else (MofNCompleteColumn(),)
            )
            columns = (TextColumn(words), BarColumn(), *counted, TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("", total=total)
            self._bar.start()

    def advance(self, amount: int) -> None:
        with self._lock:
            self._at += amount
            if self._bar and self._task is not None:
                self._bar.update(self._task, completed=self._at)
            elif self._words == "fetching" and time.monotonic() - self._said_at >= EVERY_S:
                self._said_at = time.monotonic()
                rate = self._at / max(1e-3, self._said_at - self._began_at)
                left_s = (self._total - self._at) / max(1.0, rate)
                self._print(
                    f"{self._at / 1e6:,.0f} of {self._total / 1e6:,.0f} MB, {rate / 1e6:.1f} MB/s, "
                    f"{left_s / 60:.0f} min left"
                )

    def done(self, path: str, size_bytes: int) -> None:
        if not self._bar:
            self._print(f"{path}: {size_bytes:,} bytes")

    def say(self, words: str) -> None:
        self._print(words)

    def _print(self, words: str) -> None:
        (self._bar.console if self._bar else self._console).print(words, markup=False, highlight=False)

    def _end_bar(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> "Shown":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()
