"""How a container ended, in words. Most end only because their app does, which is no failure of theirs."""

import re
from typing import Final

from homeport.record.run import Attempt

_APP_STOPPED: Final = re.compile(r"App \S+ was stopped\.")
_TOLD_TO_END: Final = (0, 128 + 2, 128 + 15)  # by itself, by SIGINT, by SIGTERM


def app_stopped(app_id: str) -> str:
    """The reason that is written down of a container whose app was stopped, or came to its end."""
    return f"App {app_id} was stopped."


def ended_with_app(attempt: Attempt) -> bool:
    """Whether it ended because its app did, and as it was told to: neither by itself nor by force."""
    return bool(_APP_STOPPED.fullmatch(attempt.reason)) and attempt.exit_code in (None, *_TOLD_TO_END)


def ending(attempt: Attempt) -> str:
    """`ended with its app`, or `exit status 1, REASON`; empty for one that goes on, or that ended by itself
    and well."""
    if ended_with_app(attempt):
        return "ended with its app"
    if _APP_STOPPED.fullmatch(attempt.reason):
        return f"was killed when its app ended (exit status {attempt.exit_code})"
    status = f"exit status {attempt.exit_code}" if attempt.exit_code else ""
    return ", ".join(filter(None, (status, attempt.reason)))
