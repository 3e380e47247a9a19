"""A home for all tests of images: its base image takes seconds to make."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.runtime.commands import remove_tree
from tests.unit.images.workshop import Workshop


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    root = Path(tempfile.mkdtemp(prefix="hpi-", dir="/tmp"))  # short: layers are named in mount options
    yield Workshop(root)
    remove_tree(root)


@pytest.fixture
def fresh(tmp_path: Path, workshop: Workshop) -> Iterator[Workshop]:
    """A home of its own for a test that counts what is made; Pythons and clients are the shared home's."""
    root = Path(tempfile.mkdtemp(prefix="hpi-", dir="/tmp"))
    yield Workshop(root)
    remove_tree(root)
