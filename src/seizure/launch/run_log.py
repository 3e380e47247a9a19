"""Lines of a run: to standard output, and to `run.log` in the run's folder, where `verify` reads them."""

import sys
from pathlib import Path
from typing import Protocol


class Say(Protocol):
    """Takes a line; a `quiet` one is not for a terminal, where a progress bar shows the same."""

    def __call__(self, line: str, *, quiet: bool = False) -> None: ...


class RunLog:
    """Says lines. `quiet` ones go to the file only: a progress bar shows the same on a terminal."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "run.log").open("a", encoding="utf-8", buffering=1)

    def __call__(self, line: str, *, quiet: bool = False) -> None:
        self._file.write(line + "\n")
        if not quiet:
            print(line, flush=True)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_terminal() -> bool:
    return sys.stdout.isatty()
