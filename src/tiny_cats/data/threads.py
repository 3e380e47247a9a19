"""Work of many files in threads: reading, hashing, decoding and scaling all let go of Python's lock.

Threads rather than processes: they need nothing of the program that calls (a spawned process runs its main
module again), and nothing is copied between them.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tiny_cats.data.decode import quiet

A = TypeVar("A")
B = TypeVar("B")


def in_threads(work: Callable[[A], B], items: Sequence[A], threads: int = 0) -> Iterator[B]:
    """Results in the items' order. `threads` 0: one a core. An error or Ctrl-C cancels the rest."""
    pool = ThreadPoolExecutor(threads or len(os.sched_getaffinity(0)))
    try:
        with quiet():
            yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
