"""Lines written over and over (tqdm, wget, dpkg), cut so that the client's terminal shows them in place.

The client prints what ends with a newline or a carriage return, and keeps the rest. After a carriage return
it puts "cursor up" before what comes next; several in one piece overwrite nothing, they are printed in a row.
And what another stream or container prints in between would be written over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LONGEST: Final = 4096  # characters of a bar that is repeated when its line goes on
_CURSOR_UP: Final = "\x1b[1A"


@dataclass(frozen=True)
class _Begun:
    """A line without its newline. A bar stands on the screen, any other text is still kept by the client."""

    task_id: str
    is_bar: bool = False
    is_blank: bool = False
    so_far: str = ""  # of a bar: what text without a carriage return goes on from


class ProgressBars:
    """Of one client's stream: what has to be sent instead of the text that came."""

    def __init__(self) -> None:
        self._begun: dict[int, _Begun] = {}  # by stream: the client has one buffer for each

    def pieces(self, task_id: str, fd: int, text: str) -> Iterator[tuple[int, str]]:
        """`text` is one line or a part of one. Yields streams and texts, each sent as an item of its own."""
        if "\r" not in text and not self._begun:
            if not text.endswith("\n"):
                self._begun[fd] = _Begun(task_id)
            yield fd, text
            return
        yield from self._end_others(task_id, fd, is_update=text.startswith("\r"))
        begun = self._begun.pop(fd, None)
        end = "\n" if text.endswith("\n") else ""
        first, *updates = text.removesuffix("\n").removesuffix("\r" if end else "").split("\r")
        is_bar = begun is not None and begun.is_bar
        if not updates and not is_bar:
            if not end:
                self._begun[fd] = _Begun(task_id)
            yield fd, text
            return
        so_far = begun.so_far if begun else ""
        states = [update for update in updates if update]  # of the row, one after the other
        if first or (begun and not is_bar):  # the line goes on
            states.insert(0, so_far + first)
        for state in states[:-1]:
            yield fd, state + "\r"
        if states or end:
            yield fd, (states[-1] if states else "") + (end or "\r")
        if not end:
            is_blank = not states[-1].strip() if states else bool(begun and begun.is_blank)
            line = updates[-1] if updates else states[-1] if states else so_far
            self._begun[fd] = _Begun(task_id, True, is_blank, line[-_LONGEST:])

    def end(self) -> Iterator[tuple[int, str]]:
        """Ends the bars that stand there, when the stream ends."""
        for fd, begun in list(self._begun.items()):
            if begun.is_bar:
                del self._begun[fd]
                yield fd, _CURSOR_UP + "\n" if begun.is_blank else "\n"

    def _end_others(self, task_id: str, fd: int, *, is_update: bool) -> Iterator[tuple[int, str]]:
        """A bar of another stream or container is left as it is, one that was blanked gives its row back."""
        kept = self._begun.get(fd)
        if kept and (not kept.is_bar or kept.task_id == task_id or is_update):
            del self._begun[fd]
            yield from self.end()
            self._begun[fd] = kept
        else:
            yield from self.end()
