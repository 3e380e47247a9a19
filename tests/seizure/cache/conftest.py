"""Worker processes import what tests stand in for preprocessing from the repository's root."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _root_is_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
