"""`wait_until` in place of sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float = 60, what: str = "") -> T:
    """The condition's first true value. Raises AssertionError, with its last value, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {timeout_s} s: {what or condition.__name__}; last value {value!r}"
            )
        time.sleep(0.03)
