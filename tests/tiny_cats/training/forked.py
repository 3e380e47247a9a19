"""A process of its own for a moment: forked, since Python and PyTorch take seconds to start anew."""

import os
import signal
import warnings


def forked(act, *, kill_after=""):
    """Runs `act(say)` in a child; (what it said, its exit status or minus the signal that ended it).

    With `kill_after` it gets kill -9 once it said a line with these words.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of threads: the child starts none
        child = os.fork()
    if child == 0:
        status = 1
        try:
            act(lambda line: os.write(writing, f"{line}\n".encode()))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    lines = []
    with os.fdopen(reading) as said:
        for line in said:
            lines.append(line.rstrip("\n"))
            if kill_after and kill_after in line:
                os.kill(child, signal.SIGKILL)
                break
    return lines, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
