"""How `modal run` imports an app's file."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from typing import Any


def imported(entry: str, module: str) -> Any:
    """The module that `modal run ENTRY` or `modal run -m MODULE` imports, as the client's
    cli/import_refs.py does it.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    with sys.modules["modal._runtime.execution_context"]._import_context():
        if module:
            return importlib.import_module(module)
        sys.path.insert(0, os.path.dirname(os.path.realpath(entry)))
        name = inspect.getmodulename(entry) or "app"
        spec = importlib.util.spec_from_file_location(name, entry)
        assert spec and spec.loader, entry
        found = importlib.util.module_from_spec(spec)
        sys.modules[name] = found
        spec.loader.exec_module(found)
        return found
