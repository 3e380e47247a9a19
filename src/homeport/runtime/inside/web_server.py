"""Lets `modal.web_server` find the server that it started, on machines whose interfaces have other names.

The client's code connects to the address of the interface eth0, which a container of Modal's cloud has. Here
a container shares the machine's interfaces, so the server that it started is reached on loopback.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence

_MODULE = "modal._runtime.asgi"


class _Finder(importlib.abc.MetaPathFinder):
    """Once, for one module: has the address changed after the module was executed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_change(module: types.ModuleType) -> None:
            execute(module)
            module.get_ip_address = lambda ifname: "127.0.0.1"  # type: ignore[attr-defined]

        spec.loader.exec_module = execute_and_change  # type: ignore[method-assign]
        return spec


def find_on_loopback() -> None:
    """Before the client's entrypoint runs."""
    sys.meta_path.insert(0, _Finder())
