"""A home with the smallest image there is: this machine's /usr, and an entrypoint that runs its input."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.runtime.identity import remove_tree
from tests.support.leaks import adopt_orphans, descendants, reap_orphans
from tests.support.waiting import wait_until
from tests.unit.runtime.box import Place, make_place


@pytest.fixture
def place() -> Iterator[Place]:
    """A place for containers; afterwards nothing of them may be left: no process, mount, or file."""
    adopt_orphans()
    others = _processes()  # such as an engine that tests of other folders share
    folder = Path(tempfile.mkdtemp(prefix="hp-"))  # short, and not pytest's, which only root could enter
    try:
        yield make_place(folder / "home")
        wait_until(lambda: _processes() <= others, timeout_s=10, what="everything that was started has ended")
        assert str(folder) not in Path("/proc/self/mountinfo").read_text()
        assert [path.name for path in (folder / "home/t").iterdir()] == []
    finally:
        remove_tree(folder)


def _processes() -> set[int]:
    reap_orphans()
    return {process.pid for process in descendants(os.getpid())}
