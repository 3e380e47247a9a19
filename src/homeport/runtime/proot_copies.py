"""Hands on the copy of layers in which a build step has worked: to the next step, or to containers.

Under proot each of them needs the same tree, and copying one takes seconds. One is kept, under a temporary
name among the layers: an engine that starts removes it.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from homeport.runtime.identity import remove_tree

_PREFIX = "tmp-work-"


def take(folder: Path, layers: Sequence[Path], host_usr: bool, target: Path) -> bool:
    """Moves the copy of these layers (topmost first) to the empty folder `target`; False if there is none."""
    kept = folder / _name(layers, host_usr)
    try:
        kept.rename(target)
    except OSError:
        return False
    return True


def keep(folder: Path, layers: Sequence[Path], host_usr: bool, copy: Path) -> None:
    """Keeps a copy, in place of any other. For a thread."""
    for other in folder.glob(f"{_PREFIX}*"):
        remove_tree(other)
    with suppress(OSError):  # another step's, of this moment
        copy.rename(folder / _name(layers, host_usr))


def _name(layers: Sequence[Path], host_usr: bool) -> str:
    text = "\n".join((str(host_usr), *(str(layer) for layer in layers)))
    return _PREFIX + hashlib.sha256(text.encode()).hexdigest()[:16]
