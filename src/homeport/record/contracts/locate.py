"""Where the keys and values of a TOML document stand, which tomllib does not tell.

Only for documents that tomllib has read: a scanner of valid TOML needs no errors.
"""

import bisect
import re
from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]

_BLANK: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'", re.DOTALL
)
_SIMPLE: Final = re.compile(r"[^,\]}#\n]+")  # numbers, dates (which may hold a space), true and false
_ESCAPE: Final = re.compile(r'\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(["\\bfnrt]))')
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(frozen=True)
class Span:
    """Offsets: of a key's first letter (for an item of an array, of the item's), and of its value."""

    key: int
    start: int
    end: int


class Locations:
    """Of one document, by path: `("contract", "full", "observe", 0)`."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.spans = _Scanner(self.text).scan()

    def key(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of a key; of the nearest one above it that is there."""
        span = self._span(path)
        return self.position(span.key) if span else (1, 1)

    def value(self, path: Path) -> tuple[int, int]:
        span = self._span(path)
        return self.position(span.start) if span else (1, 1)

    def position(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def _span(self, path: Path) -> Span | None:
        while path and path not in self.spans:
            path = path[:-1]
        return self.spans.get(path)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._spans: dict[Path, Span] = {}
        self._arrays: dict[Path, int] = {}  # arrays of tables, and how many each has so far

    def scan(self) -> dict[Path, Span]:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._spans

    def _header(self) -> Path:
        start = self._at
        is_item = self._text.startswith("[[", start)
        self._at += 2 if is_item else 1
        keys = self._keys()
        self._at += 2 if is_item else 1
        path: Path = ()
        for number, (key, offset) in enumerate(keys):
            path += (key,)
            is_last = number == len(keys) - 1
            self._note(path, Span(offset, start, self._at), is_new=is_last)
            if is_item and is_last:
                self._arrays[path] = self._arrays.get(path, 0) + 1
            if path in self._arrays:
                path += (self._arrays[path] - 1,)
                self._note(path, Span(offset, start, self._at))
        return path

    def _pair(self, table: Path) -> None:
        """`a.b = value` within `table`."""
        keys = self._keys()
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        start = self._at
        path = (*table, *(key for key, _ in keys))
        self._value(path)
        for number in range(1, len(keys)):
            self._note(
                (*table, *(key for key, _ in keys[:number])), Span(keys[number - 1][1], start, self._at)
            )
        self._note(path, Span(keys[-1][1], start, self._at), is_new=True)

    def _keys(self) -> list[tuple[str, int]]:
        """The parts of a dotted key, each with its offset, and the space around them."""
        keys: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            offset = self._at
            quoted = _STRING.match(self._text, offset)
            found = quoted or _BARE.match(self._text, offset)
            assert found is not None, f"tomllib took what is at {offset} for a key"
            self._at = found.end()
            keys.append((_unquoted(found.group()) if quoted else found.group(), offset))
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _value(self, path: Path) -> None:
        first = self._text[self._at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif first in "\"'":
            self._skip(_STRING)
        else:
            match = _SIMPLE.match(self._text, self._at)
            assert match is not None, f"tomllib took what is at {self._at} for a value"
            self._at += len(match.group().rstrip())

    def _array(self, path: Path) -> None:
        self._at += 1
        number = 0
        self._skip(_BLANK)
        while self._text[self._at] != "]":
            start = self._at
            self._value((*path, number))
            self._note((*path, number), Span(start, start, self._at))
            number += 1
            self._skip_comma()
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != "}":
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)

    def _note(self, path: Path, span: Span, *, is_new: bool = False) -> None:
        """A table that is named again keeps the place of the header or key that is its own."""
        if is_new or path not in self._spans:
            self._spans[path] = span

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        assert match is not None
        self._at = match.end()


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    return _ESCAPE.sub(
        lambda m: _ESCAPED[m[3]] if m[3] else chr(int(m[1] or m[2], 16)),
        key[1:-1],
    )
