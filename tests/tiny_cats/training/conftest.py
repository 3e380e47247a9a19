from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiny_cats.training.stand_in import live


@dataclass(frozen=True)
class Whole:
    folder: Path
    result: object


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    return Whole(folder, live(folder, say=lambda line: None))
