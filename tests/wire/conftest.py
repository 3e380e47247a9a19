"""Every test here checks that it left nothing behind."""

import os

import pytest

from tests.support.account import Account


@pytest.fixture(autouse=True)
def leave_nothing(nothing_left: None) -> None:
    """After the test: no container, zombie, mount, socket or temporary file of it."""


@pytest.fixture
def once(account: Account) -> None:
    """The test is about what is the same for both accounts: it runs as the ordinary user alone."""
    if account.name == "root":
        pytest.skip("the same for both accounts; shown as the ordinary user")


@pytest.fixture
def once_as_root(account: Account) -> None:
    """As `once`, as root where there is root, so that both processes of a test run have some of these."""
    if account.name != "root" and os.getuid() == 0:
        pytest.skip("the same for both accounts; shown as root")
