"""Where a finding is, as people and editors count: lines and columns from 1, columns in characters.

A Site's columns are those of `ast`, UTF-8 bytes from 0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from homeport.check.preflight import Report
from homeport.check.values import Site

_LINE_END = re.compile(
    r"\r\n|\r|\n"
)  # as Python's tokenizer ends lines: not str.splitlines, which knows more
_WORD = re.compile(r"\w+|\S")


@dataclass(frozen=True)
class Region:
    """From a character to another; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class Places:
    """The lines of the files that reports speak of, and paths as seen from a folder."""

    def __init__(self, reports: Iterable[Report], folder: Path) -> None:
        self.folder = folder
        self._texts = {
            path: text
            for report in reports
            for path, text in (
                *((path, module.text) for path, module in report.facts.modules.items()),
                *report.facts.project.workflows.items(),
                *report.facts.project.texts.items(),
            )
        }
        self._lines: dict[Path, list[str]] = {}

    def lines(self, path: Path) -> list[str]:
        if path not in self._lines:
            self._lines[path] = _LINE_END.split(self._texts.get(path, ""))
        return self._lines[path]

    def shown(self, path: Path) -> str:
        """The path from the folder, where it lies below, as a user would type it."""
        try:
            return path.relative_to(self.folder).as_posix()
        except ValueError:
            return path.as_posix()

    def region(self, site: Site, *, is_exact: bool = False) -> Region:
        """A site without an end is the word that begins there; `is_exact`: the empty place, as of an edit."""
        line = max(site.line, 1)
        column = self._characters(site.path, line, site.column)
        if site.end_line >= line and (site.end_line, site.end_column) > (line, site.column):
            end_column = self._characters(site.path, site.end_line, site.end_column)
            return Region(line, column + 1, site.end_line, end_column + 1)
        if is_exact:
            return Region(line, column + 1, line, column + 1)
        word = _WORD.match(self._line(site.path, line), column)
        return Region(line, column + 1, line, (word.end() if word else column) + 1)

    def at(self, site: Site) -> str:
        """`app.py:3:5`"""
        region = self.region(site)
        return f"{self.shown(site.path)}:{region.line}:{region.column}"

    def _line(self, path: Path, number: int) -> str:
        lines = self.lines(path)
        return lines[number - 1] if number <= len(lines) else ""

    def _characters(self, path: Path, number: int, column: int) -> int:
        line = self._line(path, number)
        if line.isascii():
            return min(column, len(line))
        return len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))
