"""Lines of a run: to standard output, and to `run.log` in the run's folder, where `verify` reads them."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class Say(Protocol):
    """Takes a line; a `quiet` one is not for a terminal, where a progress bar shows the same."""

    def __call__(self, line: str, *, quiet: bool = False) -> None: ...


class RunLog:
    """Says lines. `quiet` ones go to the file only: a progress bar shows the same on a terminal.

    Where the file takes no more lines, as on a full disk, that is said once, and the others are still said.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "run.log"
        self._file = self._path.open("a", encoding="utf-8", buffering=1)
        self._is_whole = True

    def __call__(self, line: str, *, quiet: bool = False) -> None:
        if not quiet:
            print(line, flush=True)
        try:
            self._file.write(line + "\n")
        except OSError as error:
            if self._is_whole:
                print(f"[RUN] {self._path} lacks lines from here on: {error.strerror}", flush=True)
            self._is_whole = False

    def close(self) -> None:
        with suppress(OSError):  # what it could not write before, which was said
            self._file.close()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_terminal() -> bool:
    return sys.stdout.isatty()
