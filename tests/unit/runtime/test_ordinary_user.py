"""All of this again as an ordinary user, where root runs the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.account import REPOSITORY, open_account


@pytest.mark.slow
@pytest.mark.timeout(900)  # each of its tests has its own limit
def test_the_same_as_an_ordinary_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("an ordinary user runs the tests already")
    try:
        account = open_account("user")
    except LookupError as error:
        pytest.skip(str(error))
    folder = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    try:
        launch = account.launch(command, cwd=REPOSITORY)
        done = subprocess.run(
            **launch, env=account.environment(), capture_output=True, text=True, timeout=880
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert list(account.tmp.glob("hp-*")) == []
    finally:
        account.remove()
