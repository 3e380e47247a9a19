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


@pytest.fixture(params=["overlay", "copy"])
def here(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[VolumesHere]:
    """A home with an empty volume `vol`, and containers that see it through overlays, or in copies."""
    here = VolumesHere(tmp_path, copies_volumes=request.param == "copy")
    yield here
    here.close()
