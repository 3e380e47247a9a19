"""The lines of a Dockerfile as Docker joins them: continuations, comments, here-documents, parser directives.

What a line says is for dockerfile.py.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from homeport.model.errors import InvalidError

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_][A-Za-z0-9_.]*)\2")
_TAKE_HEREDOCS = ("RUN", "COPY", "ADD")


@dataclass(frozen=True)
class HereDocument:
    """A here-document; `content` without the tabs that `<<-` takes away. A quoted one is not expanded."""

    name: str
    content: str
    is_quoted: bool


@dataclass(frozen=True)
class Line:
    """One instruction's line, continuations joined. `text` holds its here-documents, `head` does not."""

    number: int  # where it begins, from 1
    head: str
    text: str
    documents: tuple[HereDocument, ...] = ()


def read_lines(text: str) -> list[Line]:
    """Raises InvalidError, which names the line, for a here-document without an end or a wrong directive."""
    lines = text.split("\n")
    escape, at = _directives(lines)
    return list(_Reader(lines, escape, at).read())


def _directives(lines: list[str]) -> tuple[str, int]:
    """The escape character, and where the directives end: at the first line that is none."""
    escape = "\\"
    seen: set[str] = set()
    for index, line in enumerate(lines):
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None or found[1].lower() not in ("syntax", "escape", "check"):
            return escape, index
        name = found[1].lower()
        if name in seen:
            raise InvalidError(f"Line {index + 1}: only one parser directive `{name}` can be given.")
        seen.add(name)
        if name == "escape":
            if found[2] not in ("\\", "`"):
                raise InvalidError(
                    f"Line {index + 1}: the escape character can be a backslash or a backtick, not "
                    f"{found[2]!r}."
                )
            escape = found[2]
    return escape, len(lines)


class _Reader:
    def __init__(self, lines: list[str], escape: str, at: int) -> None:
        self._lines = lines
        self._at = at
        self._escape = escape
        self._continued = re.compile(re.escape(escape) + r"[ \t]*$")

    def read(self) -> Iterator[Line]:
        gathered: list[str] = []
        begun = 0
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip("\r")
            self._at += 1
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if not gathered:
                begun = self._at
                line = line.lstrip()
            if self._continued.search(line):
                gathered.append(self._continued.sub("", line))
                continue
            yield self._whole(begun, "".join([*gathered, line.rstrip()]))
            gathered = []
        if gathered:
            yield self._whole(begun, "".join(gathered).rstrip())

    def _whole(self, number: int, head: str) -> Line:
        keyword = head.split(None, 1)[0].upper()
        found = list(_HEREDOC.finditer(head)) if keyword in _TAKE_HEREDOCS else []
        bodies: list[str] = []
        documents = [self._document(number, match, bodies) for match in found]
        if self._escape != "\\" and keyword != "RUN":
            head = _with_backslashes(head)
        return Line(number, head, "\n".join([head, *bodies]), tuple(documents))

    def _document(self, number: int, match: re.Match[str], bodies: list[str]) -> HereDocument:
        content: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip("\r")
            self._at += 1
            bodies.append(line)
            plain = line.lstrip("\t") if match[1] else line
            if plain == match[3]:
                return HereDocument(match[3], "".join(f"{each}\n" for each in content), bool(match[2]))
            content.append(plain)
        raise InvalidError(
            f"Line {number}: the here-document {match[3]} does not end: a line `{match[3]}` is missing."
        )


def _with_backslashes(text: str) -> str:
    """The same for a reader whose escape character is the backslash, where it was the backtick."""
    result = ""
    quoted = False
    position = 0
    while position < len(text):
        character = text[position]
        if character == "`" and not quoted:
            result += "\\" + text[position + 1 : position + 2]
            position += 2
            continue
        quoted ^= character == "'"
        result += "\\\\" if character == "\\" and not quoted else character
        position += 1
    return result
