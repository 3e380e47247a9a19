"""Fixtures of the files' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.files.served import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fresh home, served to real clients."""
    with Served(tmp_path) as served:
        yield served
