"""What files of runs said, kept as long as they stay as they are: for a page that looks again and again."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_SMALL: Final = 1024  # bytes that an answer without a file counts for


class Reads:
    """Of the answers that were asked for last, as many as files of `most_bytes` made; from any thread. 0
    keeps nothing."""

    def __init__(self, most_bytes: int = 0) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def file(self, path: Path, read: Callable[[Path], _T]) -> _T:
        """What `read` makes of a file; the same object while the file is the same. Not to be changed."""
        if not self._most_bytes:
            return read(path)
        try:
            found = path.stat()
        except OSError:
            return read(path)  # which says what is wrong with it
        # looked at before it is read: what comes in between is then read again
        key = (read, path, found.st_ino, found.st_mtime_ns, found.st_size)
        return self.lasting(key, lambda: read(path), size_bytes=found.st_size)

    def lasting(self, key: Hashable, make: Callable[[], _T], *, size_bytes: int = _SMALL) -> _T:
        """What never changes."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                kept: _T = self._kept[key][1]
                return kept
        made = make()
        if size_bytes <= self._most_bytes:
            with self._lock:
                self._bytes += size_bytes - self._kept.pop(key, (0, None))[0]
                self._kept[key] = (size_bytes, made)
                while self._bytes > self._most_bytes:
                    self._bytes -= self._kept.popitem(last=False)[1][0]
        return made
