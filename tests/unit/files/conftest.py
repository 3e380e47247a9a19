"""Fixtures of the files' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.files.served import Served
from tests.unit.files.volumes_here import VolumesHere


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A fresh home, served to real clients."""
    with Served(tmp_path) as served:
        yield served


@pytest.fixture
def here(tmp_path: Path) -> Iterator[VolumesHere]:
    """A home with an empty volume `vol`."""
    here = VolumesHere(tmp_path)
    yield here
    here.close()
