"""Files and folders that have to be read or written, and those that must not be."""

from fnmatch import fnmatchcase
from typing import Final, Literal

from homeport.record.contracts.held import Findings
from homeport.record.contracts.terms import Terms
from homeport.record.run import Note, Violation

_Act = Literal["read", "written"]
_WANTED: Final[dict[_Act, str]] = {"read": "reads", "written": "writes"}


class FileRules:
    def __init__(self, terms: Terms, findings: Findings) -> None:
        self._wanted: dict[_Act, tuple[str, ...]] = {"read": terms.reads, "written": terms.writes}
        self._forbidden: dict[_Act, tuple[str, ...]] = {"read": terms.not_reads, "written": terms.not_writes}
        self._findings = findings
        self._shown: set[str] = set()
        self._has_run = False  # some process told what it does
        for act, key in _WANTED.items():
            for pattern in self._wanted[act]:
                findings.expect(f"{key} {pattern}", act)
            for pattern in self._forbidden[act]:
                findings.expect(f"not_{key} {pattern}", f"not {act}")

    def noted(self, note: Note) -> list[Violation]:
        self._has_run = True
        if note.kind not in ("open", "folder"):
            return []
        found: list[Violation] = []
        is_folder = note.kind == "folder"
        for act in _acts(note):
            for pattern in self._wanted[act]:
                if covers(pattern, note.path, is_folder=is_folder):
                    rule = f"{_WANTED[act]} {pattern}"
                    self._shown.add(rule)
                    self._findings.see(rule, note.path)
            for pattern in self._forbidden[act]:
                if covers(pattern, note.path, is_folder=is_folder):
                    place = f" by {note.stack[0]}" if note.stack else ""
                    what = f"a file in {note.path}" if is_folder else note.path
                    found += self._findings.violate(
                        f"not_{_WANTED[act]} {pattern}",
                        note.path,
                        f"{what} was {act}{place}, which `not_{_WANTED[act]}` forbids"
                        + (f" by {pattern}" if pattern != note.path else ""),
                        at=note.at,
                        task_id=note.task_id,
                    )
        return found

    def unseen(self) -> list[Violation]:
        found = []
        for act, key in _WANTED.items():
            for pattern in self._wanted[act]:
                if f"{key} {pattern}" not in self._shown:
                    said = f"expected {pattern} to be {act}, and no process was seen to do it."
                    found.append(Violation(f"{key} {pattern}", act, "", said))
        return found

    def kept(self) -> None:
        """At the end: what was never read or written, if anything ran that could have."""
        if not self._has_run:
            return
        for act, key in _WANTED.items():
            for pattern in self._forbidden[act]:
                self._findings.seen.setdefault(f"not_{key} {pattern}", f"not {act}")


def covers(pattern: str, path: str, *, is_folder: bool) -> bool:
    """Whether a path is what a pattern names, or lies below it. Of a folder only some file in it is known."""
    pattern = pattern.rstrip("/") or "/"
    path = path.rstrip("/") or "/"
    below = path == pattern or path.startswith(pattern if pattern == "/" else pattern + "/")
    # a name that only a wildcard matches stands for the file whose name is not known
    return below or fnmatchcase(f"{path}/\x00" if is_folder else path, pattern)


def _acts(note: Note) -> list[_Act]:
    if note.kind == "folder":
        acts: list[tuple[_Act, int]] = [("read", note.read), ("written", note.written)]
        return [act for act, count in acts if count]
    return ["written"] if note.how == "w" else ["read"]
