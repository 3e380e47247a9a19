"""Who put a file where it is in a container: a mount (by which line of the app), the image, a volume, the
container itself."""

import ast
from collections.abc import Iterable
from pathlib import PurePosixPath

from homeport.record.explain.answers import BY_READING, Step
from homeport.record.explain.known import Known
from homeport.record.explain.mentions import dotted
from homeport.record.run import Note, Place, Volume

_ADDERS = {"add_local_file", "add_local_dir", "copy_local_file", "copy_local_dir"}
_MODULES = {"add_local_python_source"}


def brought(known: Known, path: str, brought_by: str = "") -> list[Step]:
    """The steps that say who brought a file; empty where nothing tells."""
    file = known.sources.brought(path)
    if file is not None:
        line = _adding_line(known, path)
        size = f", {file.size_bytes} bytes" if file.size_bytes else ""
        step = Step("mount", f"brought {path}{size}, sha256 {file.sha256[:12]}")
        if line is None:
            return [step]
        text = known.sources.line(line.file, line.line, on_launcher=True)
        added = Step("launcher", "added it", known.shown(line, on_launcher=True), text, BY_READING)
        return [added, step]
    written = _writer(known, path)
    volume = volume_of(known, path)
    if volume is not None:
        state = f" as committed in state {volume.seen}" if volume.seen else ""
        step = Step("volume", f"{volume.name} at {volume.path} holds {path}{state}")
        return [step, *([_written(known, written)] if written else [])]
    if written is not None:
        return [_written(known, written)]
    layers = [step for image in known.run.images for step in image.steps if _copies(step, path)]
    if layers:
        return [Step("image", f"brought {path} by: {' '.join(layers[-1].split())[:90]}")]
    return [Step(_kind(brought_by), f"brought {path}")] if brought_by else []


def volume_of(known: Known, path: str) -> Volume | None:
    """The volume below whose folder a path lies, the innermost."""
    holding = [each for each in known.run.volumes if each.path and is_below(path, each.path)]
    return max(holding, key=lambda volume: len(volume.path), default=None)


def is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _adding_line(known: Known, path: str) -> Place | None:
    """The call of the app's file that adds the file or a folder above it."""
    tree = known.sources.tree(known.entry, on_launcher=True) if known.entry else None
    best: tuple[int, ast.Call] | None = None
    for node in ast.walk(tree) if tree is not None else ():
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func).rpartition(".")[2]
        if called in _ADDERS:
            remote = next((each.value for each in node.keywords if each.arg == "remote_path"), None)
            remote = remote or (node.args[1] if len(node.args) > 1 else None)
            text = remote.value if isinstance(remote, ast.Constant) else None
            length = _length(text, path) if isinstance(text, str) else 0
        elif called in _MODULES:
            names = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
            parts = PurePosixPath(path).parts
            length = 1 if any(name in parts or f"{name}.py" in parts for name in names) else 0
        else:
            continue
        if length and (best is None or length > best[0]):
            best = (length, node)
    return Place(known.entry, _own_line(best[1])) if best is not None else None


def _own_line(call: ast.Call) -> int:
    """A method's own line in a chain of them, which begins far above."""
    return (call.func.end_lineno or call.lineno) if isinstance(call.func, ast.Attribute) else call.lineno


def _length(remote: str, path: str) -> int:
    """How much of a path an added file or folder accounts for; a folder's `/` at the end counts nothing."""
    whole = remote if remote.startswith("/") else f"/root/{remote}"
    name = PurePosixPath(path).name
    if whole.endswith("/") and f"{whole}{name}" == path:
        return len(path)
    return len(whole) if is_below(path, whole.rstrip("/") or "/") else 0


def _writer(known: Known, path: str) -> Note | None:
    notes = (note for note in known.run.notes if note.kind == "open" and note.path == path)
    return next((note for note in notes if note.how == "w"), None)


def _written(known: Known, note: Note) -> Step:
    place = note.stack[0] if note.stack else None
    line = known.sources.line(place.file, place.line) if place else ""
    return Step("container", "wrote it", known.shown(place) if place else "", line, at=note.at)


def _copies(step: str, path: str) -> bool:
    words = step.split()
    return (
        bool(words) and words[0].upper() in ("COPY", "ADD") and is_below(path, words[-1].rstrip("/") or "/")
    )


def _kind(brought_by: str) -> str:
    return brought_by.split()[0] if brought_by else "container"


def known_paths(known: Known) -> Iterable[str]:
    """Every path that a record knows of."""
    yield from (file.path for file in known.run.source.files)
    yield from (file.path for file in known.run.configs)
    yield from (note.path for note in known.run.notes if note.path)
    yield from (folder.path for folder in known.run.folders)
