"""What is discarded is out of the way at once, and removed; what one engine did not remove, the next does."""

import threading
from pathlib import Path

import pytest

from homeport.model.home import Home
from homeport.runtime import discards
from tests.support.waiting import wait_until


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def full(folder: Path) -> Path:
    closed = folder / "a/closed"
    closed.mkdir(parents=True)
    (closed / "file").write_text("x")
    closed.chmod(0)
    return folder


def test_a_discarded_folder_is_gone_at_once_and_then_removed(home, monkeypatch):
    may_remove = threading.Event()
    remove = discards.remove_tree

    def wait(folder: Path) -> None:
        assert may_remove.wait(20)
        remove(folder)

    monkeypatch.setattr(discards, "remove_tree", wait)
    folder = full(home.tasks / "ta-1")
    discards.discard(home, folder)
    assert not folder.exists()
    assert list(home.gone.iterdir())
    may_remove.set()
    wait_until(lambda: not list(home.gone.iterdir()), 20)
    discards.discard(home, folder)  # once more: nothing to do


def test_what_an_engine_left_is_removed_by_the_next(home):
    full(home.gone / "left")
    discards.remove_discarded(home)
    wait_until(lambda: not list(home.gone.iterdir()), 20)
