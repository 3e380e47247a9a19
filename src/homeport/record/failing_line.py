"""The line of the user's own code at which a call failed, from the traceback that the client sends along."""

import re
from typing import Final

_FRAME: Final = re.compile(r'^  File "([^"\n]+)", line (\d+), in ', re.MULTILINE)
_NOT_THE_USERS: Final = ("/pkg/", "/__modal/", "<", "/usr/lib/python", "/usr/local/lib/python")
_LOOKED_AT: Final = 1 << 16  # characters of a traceback, from its end


def failing_line(traceback: str) -> str:
    """`train.py:9`, below /root without it, as apps' files lie there; empty where no frame is the user's.
    What a library raised is placed where the user's code called it."""
    for file, line in reversed(_FRAME.findall(traceback[-_LOOKED_AT:])):
        if not file.startswith(_NOT_THE_USERS) and "-packages/" not in file:
            return f"{file.removeprefix('/root/')}:{line}"
    return ""
