"""The last step in the user's process: Modal's container entrypoint, as `python -m` runs it, or a command.

In a fork of the warm parent the imports are done already. Where the user's own files would have been found in
their place (a /root/yarl.py), the fork is given up and a fresh interpreter started.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import types
from typing import Any

from . import entry, notes, web_server

MAIN = "/__modal/homeport/__main__.py"


def main(arguments: list[str]) -> None:
    """In a fresh interpreter."""
    _become_entrypoint()


def run(spec: dict[str, Any], preloaded: set[str] | None) -> None:
    """In the user's process; `preloaded` is None where this interpreter is not the image's."""
    if spec["command"] is not None:
        entry.execute(spec["command"])
    if preloaded is None or _is_shadowed(preloaded):
        entry.execute([spec["python"], spec.get("main", MAIN), "entrypoint"])
    importlib.invalidate_caches()
    _become_entrypoint()


def _is_shadowed(preloaded: set[str]) -> bool:
    """Whether a file of the user's has a name that is already imported from elsewhere."""
    for folder in sys.path:
        if folder.startswith(("/pkg", sys.prefix)):
            return False  # from here on the path is as the warm parent had it
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        if any(name.partition(".")[0] in preloaded for name in names):
            return True
    return False


def _become_entrypoint() -> None:
    sys.argv = [entry.ENTRYPOINT]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [sys.executable, "-m", entry.ENTRYPOINT]
    sys.modules["__main__"] = types.ModuleType("__main__")
    package = __name__.rpartition(".")[0]
    web_server.find_on_loopback()
    notes.install_in_container(os.path.dirname(os.environ.get("MODAL_CONTAINER_ARGUMENTS_PATH", "")))
    entry.forget_ourselves(package)
    runpy._run_module_as_main(entry.ENTRYPOINT)  # type: ignore[attr-defined]  # `python -m` calls this
