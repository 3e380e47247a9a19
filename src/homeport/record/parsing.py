"""Python sources as syntax trees, of which the engine reads some in threads."""

import ast
import threading
from typing import Final

# until Python 3.11.4 all threads share one count of how deep a tree is: two that build trees at once fail
_one: Final = threading.Lock()


def parsed(source: str | bytes) -> ast.Module | None:
    """None for what is no Python."""
    try:
        with _one:
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
