"""Applies the edits of findings to files: all of a finding's or none, each file in one step.

A file keeps its encoding, its byte order mark, its line ends, its mode, and being a link. An edit that
overlaps another waits for the next run; one that would make a file unreadable to Python is refused.
"""

import ast
import codecs
import difflib
import io
import os
import re
import stat
import tokenize
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from homeport.check.findings import Edit, Finding
from homeport.model.errors import HomeportError

_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_Span = tuple[int, int, str]


class FixError(HomeportError):
    """A file cannot be changed."""


@dataclass(frozen=True)
class Source:
    """A file as it was read, with what it takes to write it back as it was."""

    path: Path
    content: bytes
    text: str
    encoding: str
    line_end: str

    @classmethod
    def read(cls, path: Path) -> "Source":
        try:
            content = path.read_bytes()
            encoding = "utf-8"
            if path.suffix in (".py", ".pyi"):
                encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
            elif content.startswith(codecs.BOM_UTF8):
                encoding = "utf-8-sig"
            text = content.decode(encoding)
        except (OSError, SyntaxError, ValueError, LookupError) as error:
            raise FixError(f"{path} cannot be read: {error}") from None
        ends = _LINE_END.findall(text)
        return cls(path, content, text, encoding, max(set(ends), key=ends.count) if ends else "\n")

    def span(self, edit: Edit) -> _Span:
        """The edit by characters of the text, its own lines ended as the file's are."""
        starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        site = edit.site
        start = self._offset(starts, site.line, site.column)
        end = max(start, self._offset(starts, site.end_line, site.end_column)) if site.end_line else start
        return start, end, _LINE_END.sub(self.line_end, edit.text)

    def _offset(self, starts: list[int], line: int, column: int) -> int:
        if line > len(starts):
            return len(self.text)
        start = starts[line - 1]
        end = starts[line] if line < len(starts) else len(self.text)
        before = self.text[start:end].encode("utf-8", "surrogatepass")[:column]
        return start + len(before.decode("utf-8", "ignore"))


@dataclass(frozen=True)
class Patch:
    """What becomes of a file, and by which findings."""

    source: Source
    after: bytes
    findings: tuple[Finding, ...]

    def diff(self, shown: str) -> bytes:
        """As `git apply` and `patch -p1` take it, from the folder that `shown` is seen from."""
        before, after = (_LINE.findall(content) for content in (self.source.content, self.after))
        from_file, to_file = (os.fsencode(f"{side}/{shown.lstrip('/')}") for side in "ab")
        lines = difflib.diff_bytes(difflib.unified_diff, before, after, from_file, to_file)
        return b"".join(
            line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines
        )

    def apply(self) -> None:
        """Replaces the file in one step. Raises FixError, with the file as it was."""
        path = self.source.path.resolve()
        draft = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            if path.read_bytes() != self.source.content:
                raise FixError(f"{path} was changed meanwhile and is left alone: run the check again")
            mode = stat.S_IMODE(path.stat().st_mode)
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    os.fchmod(file.fileno(), mode)
                    file.write(self.after)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise FixError(f"{path} cannot be changed: {error.strerror or error}") from None


@dataclass(frozen=True)
class Plan:
    """What `--fix` will do, and what it leaves, each with why."""

    patches: tuple[Patch, ...]
    refused: tuple[tuple[Finding, str], ...]


def plan(findings: Iterable[Finding]) -> Plan:
    """The patches of all findings that have edits."""
    sources: dict[Path, Source] = {}
    taken: dict[Path, list[_Span]] = {}
    done: dict[Path, list[Finding]] = {}
    refused: list[tuple[Finding, str]] = []
    for finding in findings:
        if not finding.edits:
            continue
        try:
            spans = _spans(finding, sources)
            why = _objection(spans, taken, sources)
        except FixError as error:
            why = str(error)
        if why:
            refused.append((finding, why))
            continue
        for path, new in spans.items():
            taken.setdefault(path, []).extend(span for span in new if span not in taken.get(path, ()))
            done.setdefault(path, []).append(finding)
    patches = tuple(
        Patch(sources[path], _changed(sources[path], spans), tuple(done[path]))
        for path, spans in taken.items()
    )
    return Plan(patches, tuple(refused))


def _spans(finding: Finding, sources: dict[Path, Source]) -> dict[Path, list[_Span]]:
    spans: dict[Path, list[_Span]] = {}
    for edit in finding.edits:
        path = edit.site.path
        if path not in sources:
            sources[path] = Source.read(path)
        spans.setdefault(path, []).append(sources[path].span(edit))
    return spans


def _objection(
    spans: dict[Path, list[_Span]], taken: dict[Path, list[_Span]], sources: dict[Path, Source]
) -> str:
    """Why a finding's edits cannot be made beside those taken already; empty where they can."""
    for path, new in spans.items():
        known = taken.get(path, [])
        fresh = [span for span in new if span not in known]
        if any(_overlap(one, other) for one in fresh for other in known):
            return "it overlaps another fix: run --fix again"
        try:
            after = _changed(sources[path], [*known, *fresh])
        except UnicodeEncodeError:
            return f"its text cannot be written in the file's encoding, {sources[path].encoding}"
        if path.suffix == ".py" and _parses(sources[path].content) and not _parses(after):
            return "Python could not read the file any more"
    return ""


def _overlap(one: _Span, other: _Span) -> bool:
    return one[0] == other[0] or (one[0] < other[1] and other[0] < one[1])


def _changed(source: Source, spans: list[_Span]) -> bytes:
    text = source.text
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text.encode(source.encoding)


def _parses(content: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
