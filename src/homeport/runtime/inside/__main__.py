"""The ways in, by the first argument: `launch` (the engine's Python), `parent`, `init`, `entrypoint`
(the image's).

Run by path, as `python …/__main__.py`, so this folder must be neither on the user's import path nor under a
name that user code could mean: it becomes the package `_homeport`.
"""

import importlib
import importlib.util
import os
import sys

_PACKAGE = "_homeport"


def _load(name: str):  # type: ignore[no-untyped-def]
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != folder]
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None and spec.loader is not None
    if _PACKAGE not in sys.modules:
        package = importlib.util.module_from_spec(spec)
        sys.modules[_PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module("{}.{}".format(_PACKAGE, name))


if __name__ == "__main__":
    _load({"parent": "zygote"}.get(sys.argv[1], sys.argv[1])).main(sys.argv[2:])
