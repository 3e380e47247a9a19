"""Which official client the tests use: the one that Homeport is developed with, or an older one.

`pytest --client-version 1.4.3` has `modal` and `python` of tests run that version, in an environment of its
own. The engine keeps its own stubs, as it would with a user who has not upgraded.
"""

import sys
from importlib import metadata
from pathlib import Path

from scripts import compat

# What tests use and older clients do not have. A test asks `client.can("…")`, which knows no other names.
LACKING = {
    "1.5.5": {"modal function variants"},
    # and the engine does not serve commands in containers to 1.4.3, which asks for an encrypted connection
    "1.4.3": {"modal function variants", "Cls.from_name(version=)", "commands in containers"},
}

NEWEST = metadata.version("modal")  # the version of the engine's own stubs

_chosen: list[str] = []


def use(version: str) -> None:
    """Has the tests of this process use that version. Raises LookupError where it cannot be had."""
    if version != NEWEST:
        compat.ensure(version)
        _chosen[:] = [version]


def version() -> str:
    return _chosen[0] if _chosen else NEWEST


def can(feature: str) -> bool:
    """Whether the client in use has it. KeyError for a name that no client lacks: a slip of the pen."""
    if not any(feature in lacking for lacking in LACKING.values()):
        raise KeyError(feature)
    return feature not in LACKING.get(version(), ())


def folder() -> Path:
    """Where the client's `modal` and `python` lie. Not resolved: a virtual environment's own folder."""
    return compat.ensure(_chosen[0]) if _chosen else Path(sys.executable).parent
