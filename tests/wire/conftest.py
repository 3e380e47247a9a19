"""Every test here checks that it left nothing behind."""

import pytest


@pytest.fixture(autouse=True)
def leave_nothing(nothing_left: None) -> None:
    """After the test: no container, zombie, mount, socket or temporary file of it."""
