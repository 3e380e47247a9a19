"""Batches made ahead of time: the same ones in the same order, and a thread that ends."""

import itertools
import threading

import pytest

from tests.support.waiting import wait_until
from tests.tiny_cats.training.stand_in import live
from tiny_cats.training import loop
from tiny_cats.training.ahead import made_ahead


def test_the_same_items_in_the_same_order():
    with made_ahead(iter(range(50))) as ready:
        assert list(ready) == list(range(50))


def test_they_are_made_before_they_are_asked_for_and_not_without_end():
    made = []
    with made_ahead(iter(lambda: made.append(1) or len(made), -1), depth=3) as ready:
        wait_until(lambda: len(made) == 4)  # three lie ready, and one is held out
        assert next(ready) == 1
        wait_until(lambda: len(made) == 5)


def test_what_making_one_raises_comes_where_it_is_asked_for():
    def items():
        yield 1
        raise OSError("the disk is gone")

    with made_ahead(items()) as ready:
        assert next(ready) == 1
        with pytest.raises(OSError, match="the disk is gone"):
            next(ready)


def test_a_training_has_the_same_losses_with_it(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "batches_for", lambda device, batches: made_ahead(batches))
    assert live(tmp_path, say=lambda line: None).losses == whole.result.losses


@pytest.mark.parametrize("taken", [0, 1])
def test_the_thread_ends_with_the_context(taken):
    with made_ahead(itertools.count()) as ready:
        for _ in range(taken):
            next(ready)
    assert "batches" not in [thread.name for thread in threading.enumerate()]
