"""Folders that nobody needs any more: out of the way at once, removed behind everybody's back.

A copy of an image's files takes seconds to remove, minutes on a busy disk. Neither the start of an engine
nor its end waits for that; what one had no time for, the next removes.
"""

import threading
import uuid
from functools import cache
from pathlib import Path
from queue import SimpleQueue

from homeport.model.home import Home
from homeport.runtime.identity import remove_tree

_waiting: SimpleQueue[Path] = SimpleQueue()


def discard(home: Home, folder: Path) -> None:
    """Takes the folder away from its place, if it is there. Raises OSError where that is not allowed."""
    gone = home.gone / uuid.uuid4().hex
    try:
        folder.rename(gone)
    except FileNotFoundError:
        return
    _remove(gone)


def remove_discarded(home: Home) -> None:
    """Goes on with what an engine before had no time for."""
    for folder in home.gone.iterdir():
        _remove(folder)


def _remove(folder: Path) -> None:
    _waiting.put(folder)
    _worker()


@cache
def _worker() -> threading.Thread:
    # a daemon: the executor's threads are waited for when an engine ends
    thread = threading.Thread(target=_work, name="discards", daemon=True)
    thread.start()
    return thread


def _work() -> None:
    while True:
        try:
            remove_tree(_waiting.get())
        except OSError:
            pass  # a dying process still writes there: at the next start
