"""How a container ended, in words."""

import pytest

from homeport.record.endings import app_stopped, ended_with_app, ending
from homeport.record.run import Attempt

STOPPED = app_stopped("ap-1")


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (143, STOPPED, "ended with its app"),
        (130, STOPPED, "ended with its app"),  # a class, which is interrupted so that its exit handlers run
        (0, STOPPED, "ended with its app"),
        (137, STOPPED, "was killed when its app ended (exit status 137)"),
        (0, "", ""),
        (None, "", ""),
        (3, "", "exit status 3"),
        (143, "Its input was cancelled.", "exit status 143, Its input was cancelled."),
        (None, "no such image", "no such image"),
    ],
)
def test_how_it_ended(code: int | None, reason: str, words: str) -> None:
    attempt = Attempt("ta-1", "train", exit_code=code, reason=reason)
    assert ending(attempt) == words
    assert ended_with_app(attempt) == (words == "ended with its app")
