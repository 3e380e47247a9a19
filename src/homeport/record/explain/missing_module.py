"""A run that died of `No module named 'dataset'` although the file was there: where it lay, where the code
looked."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from homeport.record.explain.answers import BY_READING, Step
from homeport.record.explain.importing import module_names
from homeport.record.explain.known import Known
from homeport.record.explain.mentions import dotted
from homeport.record.run import Place

_MISSING = re.compile(r"No module named '([\w.]+)'")
_MOST = 3


def sentence(known: Known) -> str:
    """Where the module lay that the run did not find, and where code looked; else empty."""
    module = _missing(known)
    for path in (file.path for file in known.run.source.files if module):
        if _provides(path, module) and (steps := searched(known, path)):
            return f"{module} was at {path}; {steps[0].place} {steps[0].text}."
    return ""


def searched(known: Known, path: str) -> list[Step]:
    """Which lines put folders on sys.path that do not hold `path`, the module that the run did not find."""
    if not _provides(path, _missing(known)):
        return []
    steps = []
    for file in known.sources.python_files():
        for line, folder in _put_on_path(known, file):
            if str(_folder_of(path)) != folder.rstrip("/"):
                text = f"put {folder} on sys.path, where it is not"
                shown = known.shown(Place(file, line))
                steps.append(Step("sys.path", text, shown, known.sources.line(file, line), BY_READING))
    return steps[:_MOST]


def _missing(known: Known) -> str:
    found = _MISSING.search(known.run.outcome) if known.run.state == "failed" else None
    return found[1] if found else ""


def _provides(path: str, module: str) -> bool:
    """Whether a file is the module, or its package, wherever it lies."""
    return module in module_names(path)


def _folder_of(path: str) -> PurePosixPath:
    """What has to be on sys.path for a module of one part."""
    return PurePosixPath(path.removesuffix("/__init__.py")).parent


def _put_on_path(known: Known, file: str) -> Iterator[tuple[int, str]]:
    tree = known.sources.tree(file)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and dotted(node.func) in ("sys.path.insert", "sys.path.append"):
            last = node.args[-1] if node.args else None
            if isinstance(last, ast.Constant) and isinstance(last.value, str):
                yield node.lineno, last.value
