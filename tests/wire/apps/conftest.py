"""The apps' and logs' own servicers on a fresh state, without containers: an engine of these parts alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "home")
    yield made
    made.database.close()


@pytest.fixture(autouse=True)
def leave_nothing() -> None:
    """Nothing is started here that could stay: clients are waited for, and there are no containers."""
