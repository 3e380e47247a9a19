"""Ctrl-C and SIGTERM during training: the step at hand is finished and kept, then the run ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_between_steps(is_wanted: bool) -> Iterator[Callable[[], bool]]:
    """Gives what says whether someone asked to stop. A second signal stops at once.

    Of several processes each would hear of it at another step, and wait for the others for ever: there
    (`is_wanted` is false), and elsewhere than in the main thread, signals act as they always do.
    """
    if not is_wanted or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
