"""What a step of an image prints, as text in lines, and the last of it for the sentence of a failure."""

import codecs
from collections import deque
from collections.abc import Callable

from homeport.model.errors import HomeportError

Output = Callable[[str], None]
_LAST_LINES = 20
_LONGEST_WAIT_CHARACTERS = 8192  # of a line that does not end: what is there by then is shown
_LONGEST_LAST_LINE = 500


class StepFailedError(HomeportError):
    """A step ended with another exit status than 0. `last_lines` are of its output; `reason` says more than
    the status where there is more to say."""

    def __init__(self, status: int, last_lines: list[str], reason: str = "") -> None:
        super().__init__(reason or f"exit status {status}")
        self.status = status
        self.last_lines = last_lines
        self.reason = reason


class StepEndedError(StepFailedError):
    """What a function (Image.run_function) belongs to was stopped; `function_id` says which."""

    def __init__(self, function_id: str, reason: str) -> None:
        super().__init__(1, [], f"was ended: {reason}")
        self.function_id = function_id


class StepOutput:
    """Turns a step's output into text as it comes, and keeps the last lines."""

    def __init__(self, log: Output) -> None:
        self._log = log
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def last_lines(self) -> list[str]:
        return list(self._last)

    def add(self, data: bytes) -> None:
        self._rest += self._decoder.decode(data)
        # a carriage return moves a progress bar
        end = max(self._rest.rfind("\n"), self._rest.rfind("\r")) + 1
        if not end and len(self._rest) > _LONGEST_WAIT_CHARACTERS:
            end = len(self._rest)
        whole, self._rest = self._rest[:end], self._rest[end:]
        self._take(whole)

    def end(self) -> None:
        rest = self._rest + self._decoder.decode(b"", True)
        self._rest = ""
        self._take(f"{rest}\n" if rest else "")

    def _take(self, text: str) -> None:
        if text:
            self._log(text)
            lines = (line[:_LONGEST_LAST_LINE] for line in text.split("\n"))
            self._last.extend(line for line in lines if line.strip())
