"""A home for all tests of images: its base image takes seconds to make."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.runtime.commands import remove_tree
from tests.support.account import Account, open_account
from tests.unit.images.workshop import Workshop


@pytest.fixture(scope="session")
def workshop() -> Iterator[Workshop]:
    root = Path(tempfile.mkdtemp(prefix="hpi-", dir="/tmp"))  # short: layers are named in mount options
    yield Workshop(root)
    remove_tree(root)


@pytest.fixture
def ordinary() -> Iterator[Account]:
    """An ordinary user; the test is skipped where there is none, or where the tests run as one."""
    if os.geteuid() != 0:
        pytest.skip("the other tests are an ordinary user's already")
    try:
        account = open_account("user")
    except LookupError as error:
        pytest.skip(str(error))
    yield account
    account.remove()
