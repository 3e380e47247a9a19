"""Which lines import a module that a mount brought. Imports are not noted while a run goes: it is read."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from homeport.record.explain.answers import BY_READING, Step
from homeport.record.explain.known import Known
from homeport.record.run import Place

_MOST = 4


def importers(known: Known, path: str) -> list[Step]:
    """A step for each line of the run's files that imports the module in `path` by its full name."""
    names = {name for name in module_names(path) if not _is_in_package(known, path, name)}
    steps = []
    for file in known.sources.python_files():
        tree = known.sources.tree(file) if names and file != path else None
        for line in _imports(tree, names) if tree is not None else ():
            text = known.sources.line(file, line)
            steps.append(Step("import", "imports it", known.shown(Place(file, line)), text, BY_READING))
    return steps[:_MOST]


def module_names(path: str) -> Iterator[str]:
    """Names by which a file can be imported, the shortest first; none for what is no module."""
    if not path.endswith(".py"):
        return
    parts = PurePosixPath(path.removesuffix("/__init__.py").removesuffix(".py")).parts
    for count in range(1, len(parts)):
        name = ".".join(parts[-count:])
        if all(part.isidentifier() for part in name.split(".")):
            yield name


def _is_in_package(known: Known, path: str, name: str) -> bool:
    """Whether the module has a longer name: the folder that `name` is found from is a package itself."""
    whole = PurePosixPath(path.removesuffix("/__init__.py").removesuffix(".py"))
    folder = whole.parents[name.count(".")]
    return known.sources.brought(f"{folder}/__init__.py") is not None


def _imports(tree: ast.Module, names: set[str]) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            module = node.module or ""
            found = {module, *(f"{module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found = {each.name for each in node.names}
        else:
            continue
        if found & names:
            yield node.lineno
