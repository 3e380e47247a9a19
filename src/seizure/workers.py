"""A pool of worker processes that leave Ctrl-C to their parent, end with it, and take one core each."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

THREAD_COUNTS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB"))


@contextmanager
def worker_pool(processes: int = 0) -> Iterator[ProcessPoolExecutor]:
    """A pool of `processes` (0: one for each core); on an error what has not begun is cancelled."""
    processes = processes or len(os.sched_getaffinity(0))
    # spawned, not forked: a parent that has threads (torch, a progress bar) may not fork safely
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent)
    try:
        with _fit_for_workers():
            for _ in range(processes):  # each of these starts a process
                pool.submit(os.getpid)
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _fit_for_workers() -> Iterator[None]:
    """Processes started within inherit a blocked Ctrl-C and one thread for matrix products."""
    before = {name: os.environ.get(name) for name in THREAD_COUNTS}
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)  # last: a Ctrl-C that waited is raised here


def _end_with_parent() -> None:
    """A worker outlives a parent that was killed, waiting for work: so each watches its parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
