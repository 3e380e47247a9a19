"""What libraries do to the environment by themselves when they are imported, as sklearn sets KMP_…: true of
every run that imports them, and seldom why a run was another one than was asked for."""

import re
from typing import Final

from homeport.record.explain.known import Known
from homeport.record.run import Note

_PACKAGES: Final = ("/site-packages/", "/dist-packages/")
_IMPORT: Final = re.compile(r"(?:from\s+\S+\s+)?import\b")


def at_import(known: Known, note: Note) -> bool:
    """Whether a library changed a variable of its own process while it was imported. What it does when it is
    called, such as `load_dotenv()`, the user's line asked for."""
    if note.kind not in ("set", "unset") or not note.stack:
        return False
    where = note.stack[0]
    if any(part in where.file for part in _PACKAGES):
        return True  # without any line of the user's
    if not note.library:
        return False
    is_module = note.library[0].function == "<module>"
    return is_module or _IMPORT.match(known.sources.line(where.file, where.line)) is not None


def only_at_import(known: Known, name: str) -> bool:
    """Whether nothing but imports of libraries gave or changed a variable; also where nothing did at all."""
    changes = [note for note in known.about(name) if note.kind in ("set", "unset", "child")]
    return known.variable(name) is None and all(at_import(known, note) for note in changes)
