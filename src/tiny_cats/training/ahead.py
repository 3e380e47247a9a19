"""Batches made ready by a thread while the device computes: for GPUs, which would wait for each otherwise."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from tiny_cats.training.task import Part, Pictures

T = TypeVar("T")

AHEAD = 2  # batches that lie ready


@contextmanager
def made_ahead(items: Iterator[T], depth: int = AHEAD) -> Iterator[Iterator[T]]:
    """Gives the same items in the same order, up to `depth` of them made before they are asked for.

    What making one raises is raised where it is asked for. The thread ends with the context.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
    is_over = threading.Event()

    def put(item: T | None, error: BaseException | None = None) -> None:
        while not is_over.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return
            except queue.Full:
                pass

    def make() -> None:
        try:
            for item in items:
                put(item)
                if is_over.is_set():
                    return
            put(None, StopIteration())
        except BaseException as error:
            put(None, error)

    def take() -> Iterator[T]:
        while True:
            item, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]

    thread = threading.Thread(target=make, name="batches", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        is_over.set()
        thread.join()


@contextmanager
def batches_for(device: torch.device, batches: Iterator[Pictures]) -> Iterator[Iterator[Pictures]]:
    """The batches as `device` takes them best: for a GPU ahead of time and in pinned memory."""
    if device.type != "cuda":
        yield batches
        return
    pinned = (Part(batch.x_BCHW.pin_memory(), batch.y_B.pin_memory()) for batch in batches)
    with made_ahead(iter(pinned)) as ready:
        yield ready
