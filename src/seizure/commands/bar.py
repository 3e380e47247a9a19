"""How far a command is, on stderr: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column


class Announce(Protocol):
    """Called before each recording, and while it is read with the share of it that is done, 0 to 1."""

    def __call__(self, number: int, of: int, name: str, share: float = 0.0) -> None: ...


@contextmanager
def counting(words: str, quiet: bool = False) -> Iterator[Announce]:
    """Shows `words` and how many recordings are done; `quiet` shows nothing."""
    console = Console(stderr=True)
    if console.is_terminal and not quiet:
        # in 80 columns a long name gives way, not the bar
        columns = (TextColumn(words, table_column=Column(no_wrap=True)), BarColumn(24), MofNCompleteColumn())
        names = TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1))
        with Progress(*columns, TimeRemainingColumn(), names, console=console, transient=True) as bar:
            task = bar.add_task("")

            def move(number: int, of: int, name: str, share: float = 0.0) -> None:
                bar.update(task, completed=number - 1 + share, total=of, description=Path(name).name)

            yield move
        return

    def say(number: int, of: int, name: str, share: float = 0.0) -> None:
        if not share and not quiet:
            console.out(f"{words} {number}/{of}: {name}", highlight=False)

    yield say
