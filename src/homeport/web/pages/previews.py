"""What can be shown of a file by its name and its first bytes. Pure; reading it is volumes.py's."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

READ_BYTES: Final = 256 << 10  # of a file's beginning, all that a preview is made of
_TEXT_CHARACTERS: Final = 60_000
_ROWS: Final = 100
_COLUMNS: Final = 30
_CELL: Final = 60

PICTURES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "svg": "image/svg+xml",
}
REPORTS: Final[Mapping[str, str]] = {"html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8"}

Kind = Literal["picture", "report", "table", "text", "none"]


@dataclass(frozen=True)
class Preview:
    """`note` says what is not shown; `head` and `rows` are of a table."""

    kind: Kind
    text: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""


def raw_type(name: str) -> str:
    """The content type as which a browser may show a file; empty for one that is only downloaded."""
    suffix = _suffix(name)
    return PICTURES.get(suffix) or REPORTS.get(suffix) or ""


def preview(name: str, data: bytes, size_bytes: int) -> Preview:
    """`data` is the file's beginning, up to READ_BYTES of it."""
    suffix = _suffix(name)
    if suffix in PICTURES:
        return Preview("picture")
    if suffix in REPORTS:
        return Preview("report", note="Scripts in it do not run here. Download it to see all of it.")
    text = _as_text(data, is_whole=len(data) >= size_bytes)
    if text is None:
        return Preview("none", note="There is no preview of this kind of file.")
    is_whole = len(data) >= size_bytes
    read = _KINDS.get(suffix)
    return (read and read(text, is_whole)) or _plain(text, is_whole)


def _plain(text: str, is_whole: bool) -> Preview:
    shown = text[:_TEXT_CHARACTERS]
    note = "" if is_whole and len(shown) == len(text) else f"The first {len(shown):,} characters are shown."
    return Preview("text", shown, note=note)


def _json(text: str, is_whole: bool) -> Preview | None:
    """Indented, where it is whole and is JSON."""
    if not is_whole:
        return None
    try:
        return _plain(_indented(json.loads(text)), is_whole)
    except (ValueError, RecursionError):
        return None


def _indented(value: object) -> str:
    """As much as is shown: what is nested deeply is mostly indents, hundreds of megabytes of them."""
    parts: list[str] = []
    length = 0
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        parts.append(part)
        length += len(part)
        if length > _TEXT_CHARACTERS:
            break
    return "".join(parts)


def _table(delimiter: str) -> Callable[[str, bool], Preview | None]:
    def read(text: str, is_whole: bool) -> Preview | None:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter))
        if not is_whole:
            lines = lines[:-1]  # the last one may be a part of itself
        if len(lines) < 1 or max(map(len, lines)) < 2:
            return None
        width = min(max(map(len, lines)), _COLUMNS)
        cells = [tuple(_cell(line, column) for column in range(width)) for line in lines[: _ROWS + 1]]
        return Preview("table", head=cells[0], rows=tuple(cells[1:]), note=_cut(lines, is_whole))

    def careful(text: str, is_whole: bool) -> Preview | None:
        try:
            return read(text, is_whole)
        except csv.Error:
            return None

    return careful


def _cut(lines: list[list[str]], is_whole: bool) -> str:
    rows = f"The first {min(len(lines) - 1, _ROWS)} rows"
    known = f" of {len(lines) - 1:,}" if is_whole else ""
    columns = f"the first {_COLUMNS} of {max(map(len, lines))} columns"
    if max(map(len, lines)) > _COLUMNS:
        return f"{rows}{known} and {columns} are shown."
    return "" if is_whole and len(lines) - 1 <= _ROWS else f"{rows}{known} are shown."


def _cell(line: list[str], column: int) -> str:
    text = line[column] if column < len(line) else ""
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _as_text(data: bytes, *, is_whole: bool) -> str | None:
    """None for what is no text. A beginning may end within a character."""
    if b"\0" in data:
        return None
    for end in range(len(data), max(len(data) - (1 if is_whole else 4), -1), -1):
        try:
            return data[:end].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    return "" if not data else None


def _suffix(name: str) -> str:
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""


_KINDS: Final[Mapping[str, Callable[[str, bool], Preview | None]]] = {
    "csv": _table(","),
    "tsv": _table("\t"),
    "json": _json,
}
