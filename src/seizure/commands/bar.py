"""How far a command is, on stderr: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def counting(words: str, quiet: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """Gives `announce(number, of, name)`, to be called before each recording."""
    console = Console(stderr=True)
    if quiet:
        yield lambda number, of, name: None
    elif not console.is_terminal:
        yield lambda number, of, name: console.out(f"{words} {number}/{of}: {name}", highlight=False)
    else:
        columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.description}"), console=console, transient=True) as bar:
            task = bar.add_task("")
            yield lambda number, of, name: bar.update(task, completed=number - 1, total=of, description=name)
