"""A worker process of a build: `python -m seizure.cache.worker FD` makes shards until the pipe ends.

It is started anew, not forked, so that it has no threads, locks or gigabytes of its parent.
"""

import signal
import sys
from multiprocessing.connection import Connection

from seizure.cache.make import make

READY = "ready"


def main(fd: int) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    connection = Connection(fd)
    try:
        connection.send(READY)
        while True:
            connection.send(make(connection.recv()))
    except (EOFError, ConnectionError):  # the parent is gone; what was begun is finished
        return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
