"""RUN steps that this machine can run itself, in a copy of the image: installations by uv.

Where nothing shows a step the container's paths, each path that it names has to be known for one, and
replaced by its place in the copy. A step of which that cannot be said for sure is left to engines that give
it a root file system.
"""

import re
import shlex
from collections.abc import Callable, Sequence

from homeport.plan.pip_steps import PipInstall, Tools, shell_script

Place = Callable[[str], str]
_FOREIGN = re.compile(r"[\w.\[\],-]+ *@ *file:|file:|\.{1,2}/|-[^=]*=/")  # names a place in another way
# never pip itself: it could be this machine's
_NO_PIP = "echo 'the image has no pip and Python side by side in /usr/local/bin' >&2; exit 1"


def is_clear(install: PipInstall) -> bool:
    """Whether all paths that the installation names can be told."""
    return not any(_FOREIGN.match(word) for word in (*install.arguments, *install.find_links))


def machine_script(install: PipInstall, tools: Tools, place: Place) -> str:
    """A script for this machine's /bin/sh; `place` says where a path of the container lies."""
    placed = PipInstall(
        place(f"/usr/local/bin/{install.python}"),
        place(f"/usr/local/bin/{install.pip}") if install.pip else None,
        place(install.uv) if install.uv else None,
        _placed(install.arguments, place),
        _placed(install.find_links, place),
        install.indexes,
    )
    instead = _NO_PIP
    if placed.uv:  # the client's own command
        words = (placed.uv, "pip", "install", "--python", placed.python, "--compile-bytecode")
        instead = shlex.join([*words, *placed.arguments])
    return shell_script(placed, instead, tools)


def _placed(words: Sequence[str], place: Place) -> list[str]:
    return [place(word) if word.startswith("/") else word for word in words]
