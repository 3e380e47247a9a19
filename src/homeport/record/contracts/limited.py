"""Somebody's patterns over somebody's lines, given up where one takes too long.

`re` has no limit of its own, and `(a+)+b` takes years over 40 letters. It does look for signals while it
searches, so a timer of this process's computing time ends it; in the main thread only, where signals are
heard, and where the engine and `homeport guard` judge lines. It is set for many lines at once, since that
takes longer than a search.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_TICK_S: Final = 0.1
_MOST_TICKS: Final = 5  # that one search may take

_searching = False
_searches = 0  # so far
_ticks = (0, 0)  # the search that the last ones were in, and how many


class TooLongError(Exception):
    """A pattern takes too long over a line."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        super().__init__(pattern.pattern)
        self.pattern = pattern


class _ExpiredError(Exception):
    pass


@contextmanager
def limited() -> Iterator[None]:
    """Searches in here have their limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if signal.getsignal(signal.SIGVTALRM) is not _tick:
        signal.signal(signal.SIGVTALRM, _tick)
    signal.setitimer(signal.ITIMER_VIRTUAL, _TICK_S, _TICK_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def groups(pattern: re.Pattern[str], text: str) -> list[dict[str, str | None]]:
    """The named groups of each place where a pattern matches. Raises TooLongError."""
    global _searching, _searches
    _searches += 1
    try:
        _searching = True
        try:
            return [match.groupdict() for match in pattern.finditer(text)]
        finally:
            _searching = False
    except _ExpiredError:
        raise TooLongError(pattern) from None


def _tick(number: int, frame: FrameType | None) -> None:
    global _ticks
    if not _searching:
        return
    search, count = _ticks
    _ticks = (_searches, count + 1 if search == _searches else 1)
    if _ticks[1] > _MOST_TICKS:
        raise _ExpiredError
