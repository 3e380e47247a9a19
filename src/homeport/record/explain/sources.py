"""The sources of a run, as its mounts brought them: text, syntax tree and lines, each file read once.

A file is named as the process that ran it names it: a path in the container, or one of the launcher's, which
the mounts have under another folder.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from homeport.record.explain.mentions import Mention, mentions
from homeport.record.parsing import parsed
from homeport.record.run import SourceFile

# A file's text by path and sha256, None where it cannot be had. Without a sha256 it is the launcher's path.
Reader = Callable[[str, str], str | None]

_MOST_FILES = 400  # of a project with more, only what stacks name is read


def no_reader(path: str, sha256: str) -> str | None:
    """Where sources cannot be had, such as on another machine."""
    return None


class Sources:
    """Finds and parses a run's files."""

    def __init__(self, files: Sequence[SourceFile], read: Reader) -> None:
        self._files = {file.path: file for file in files}
        self._read = read
        self._texts: dict[tuple[str, bool], str | None] = {}
        self._mentions: dict[tuple[str, bool, str], list[Mention]] = {}
        self._trees: dict[tuple[str, bool], ast.Module | None] = {}

    def text(self, path: str, *, on_launcher: bool = False) -> str | None:
        key = (path, on_launcher)
        if key not in self._texts:
            self._texts[key] = self._find(path, on_launcher=on_launcher)
        return self._texts[key]

    def tree(self, path: str, *, on_launcher: bool = False) -> ast.Module | None:
        """None for what is no Python, or not to be had."""
        key = (path, on_launcher)
        if key not in self._trees:
            text = self.text(path, on_launcher=on_launcher)
            self._trees[key] = parsed(text) if text is not None else None
        return self._trees[key]

    def mentions(self, path: str, name: str, *, on_launcher: bool = False) -> list[Mention]:
        """The places of a file that mention a variable. One in which neither its name nor `environ` stands is
        not parsed, which takes a hundred times as long as looking for them."""
        key = (path, on_launcher, name)
        if key not in self._mentions:
            text = self.text(path, on_launcher=on_launcher) or ""
            tree = self.tree(path, on_launcher=on_launcher) if name in text or "environ" in text else None
            self._mentions[key] = mentions(tree, name) if tree is not None else []
        return self._mentions[key]

    def line(self, path: str, number: int, *, on_launcher: bool = False) -> str:
        lines = (self.text(path, on_launcher=on_launcher) or "").splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def python_files(self) -> Iterator[str]:
        """Paths in the container of the Python files that mounts brought, few enough to be read."""
        found = [path for path in self._files if path.endswith(".py")]
        yield from found if len(found) <= _MOST_FILES else []

    def naming(self, name: str) -> Iterator[str]:
        """Those of the Python files in which a variable's name stands: no other sets or removes it."""
        return (path for path in self.python_files() if name in (self.text(path) or ""))

    def brought(self, path: str) -> SourceFile | None:
        return self._files.get(path)

    def twin(self, launcher_path: str) -> SourceFile | None:
        """The mounts' copy of a launcher's file: the one with the longest common end, if that is one."""
        parts = PurePosixPath(launcher_path).parts[::-1]
        best: list[SourceFile] = []
        longest = 0
        for file in self._files.values():
            common = _common(parts, PurePosixPath(file.path).parts[::-1])
            if common and common >= longest:
                best = [file] if common > longest else [*best, file]
                longest = common
        digests = {file.sha256 for file in best}
        return best[0] if len(digests) == 1 else None

    def _find(self, path: str, *, on_launcher: bool) -> str | None:
        file = self.twin(path) if on_launcher else self._files.get(path)
        if file is not None:
            text = self._read(file.path, file.sha256)
            if text is not None:
                return text
        return self._read(path, "") if on_launcher else None


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    count = 0
    for mine, other in zip(a, b, strict=False):
        if mine != other:
            break
        count += 1
    return count
