"""How far a command is: a bar on stderr where that is a terminal, nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def amount(words: str, of: int, *, is_shown: bool = True) -> Iterator[Callable[[float], None]]:
    """Gives a function that is told how many of `of` are done, in parts of one."""
    if not is_shown or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(words), BarColumn(40), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=of)
        yield lambda done: bar.update(task, completed=done)
