"""The training process, started and waited for: its lines passed on, signals passed down, its end named."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

_GRACE_S = 60.0  # what a training process gets to write its last checkpoint before it is killed
CHECKPOINT = "[CHECKPOINT] "
OUT_OF_TIME = 75  # sysexits' EX_TEMPFAIL: not done, to be continued
INTERRUPTED = 130


def run_child(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    on_checkpoint: Callable[[], None] | None = None,
    limit_s: float | None = None,
    every_s: float = 600.0,
) -> int:
    """Runs `command` to its end; returns its status, 130 when it was interrupted, minus a signal's number.

    With `on_checkpoint` its lines are read and passed on, and that is called after `[CHECKPOINT]` line, and
    when none came for `every_s`: a cache is worth keeping, too. Without, it writes to the terminal itself.
    Ctrl-C and SIGTERM reach it once; a second one kills it. After `limit_s` it is
    interrupted, and the status is OUT_OF_TIME.
    """
    child = subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if on_checkpoint else None,
        text=True,
        errors="replace",
        process_group=0,  # a terminal's Ctrl-C would reach it beside ours, and end it twice
    )
    is_interrupted, is_late = threading.Event(), threading.Event()

    def interrupt_late() -> None:
        is_late.set()
        child.send_signal(signal.SIGINT)

    clock = threading.Timer(limit_s, interrupt_late) if limit_s else None
    try:
        with _passing_signals(child, is_interrupted):
            if clock:
                clock.daemon = True
                clock.start()
            if on_checkpoint:
                _pass_lines(child, on_checkpoint, every_s)
            status = child.wait()
    finally:
        if clock:
            clock.cancel()
        _end(child)
    if is_interrupted.is_set():
        return INTERRUPTED
    return OUT_OF_TIME if is_late.is_set() and status else status


def name_of_end(status: int) -> str:
    """A sentence about a status that is not 0."""
    if status >= 0:
        return f"the training process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    cause = "; the usual cause is that memory ran out" if name == "SIGKILL" else ""
    return f"the training process was killed by {name}{cause}"


def _pass_lines(child: "subprocess.Popen[str]", on_checkpoint: Callable[[], None], every_s: float) -> None:
    assert child.stdout is not None
    last = time.monotonic()
    for line in child.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        if line.startswith(CHECKPOINT) or time.monotonic() - last > every_s:
            on_checkpoint()
            last = time.monotonic()


@contextmanager
def _passing_signals(child: "subprocess.Popen[str]", is_interrupted: threading.Event) -> Iterator[None]:
    """Within: SIGINT and SIGTERM go to the child. Elsewhere than in the main thread nobody sends us any."""

    def pass_on(number: int, _: FrameType | None) -> None:
        if is_interrupted.is_set():
            child.kill()
        else:
            is_interrupted.set()
            child.send_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(child: "subprocess.Popen[str]") -> None:
    """Ends what still runs: an exception came up here, such as the cancellation of a function call."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _GRACE_S
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()
