"""How this engine keeps containers apart: chosen once, before anything else, the same for all it starts.

namespaces: the kernel's own; proot: translated paths, where namespaces are closed; process: not at all, only
where it was asked for. How the choice is made is for choice.py, and what they lack for proot_view.py and
plain_view.py.
"""

from typing import Final, Literal

Isolation = Literal["namespaces", "proot", "process"]
NAMESPACES: Final = "namespaces"
PROOT: Final = "proot"
PROCESS: Final = "process"

_chosen: Isolation = NAMESPACES


def choose(isolation: Isolation) -> None:
    """For the one engine of this process, before it makes or starts anything."""
    global _chosen
    _chosen = isolation


def chosen() -> Isolation:
    return _chosen
