"""The notes file: one JSON object a line, of the form of record.run.Note, appended by every Python process.

The file is opened anew for each line: so no descriptor is in the program's way, or lost when it closes all it
has, and a fork needs no care. Where it cannot be written (a full disk, another root), nothing is said.

Imports only what an interpreter has loaded by itself: a module of the user's may have any other name.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .note_places import Place

# lines a process may write, by kind; a program that opens a million files must not fill the disk
_LIMITS = {"read": 2000, "set": 1000, "unset": 500, "child": 1000, "open": 500, "folder": 2000}
_LONGEST_FILE = 32 << 20  # bytes: what all processes of a container may write
_ESCAPES = {**{n: "\\u{:04x}".format(n) for n in range(32)}, 34: '\\"', 92: "\\\\"}
_SECRETS = ("secret", "token", "password", "passwd", "api_key", "apikey", "access_key", "secret_key")
_ARGUMENTS, _ARGUMENT = 64, 400  # of a command line


class NoteFile:
    """Writes this process's notes. `key`: the salt of digests."""

    def __init__(self, path: str, key: bytes) -> None:
        self.path = path
        self._key = key
        self._digests: dict[bytes, str] = {}
        self._is_named = False
        self._left = dict(_LIMITS)
        self._lost = 0

    def name_process(self) -> None:
        """Before the first line of a process, also of one that was forked and did nothing worth a note."""
        if self._is_named:
            return
        self._is_named = True
        if os.stat(self.path).st_size > _LONGEST_FILE:
            self._left = {}
            return
        self._append(self._line("process", argv=command_line(), parent=os.getppid()))

    def forked(self) -> None:
        """In a fork: another process, with limits of its own."""
        self.__init__(self.path, self._key)  # type: ignore[misc]

    def write(self, kind: str, stack: Sequence[Place] = (), **fields: object) -> None:
        """Appends a note; raises OSError where that fails."""
        self.name_process()
        left = self._left.get(kind, 0)
        if left <= 0:
            self._lose()
            return
        self._left[kind] = left - 1
        self._append(self._line(kind, stack=stack, **fields))

    def _lose(self) -> None:
        self._lost += 1
        if self._left and self._lost & (self._lost - 1) == 0:
            self._append(self._line("lost", read=self._lost))

    def finish(self) -> None:
        """At the process's end."""
        if self._left and self._lost & (self._lost - 1):
            self._append(self._line("lost", read=self._lost))

    def _line(self, kind: str, **fields: object) -> str:
        head = '{{"at":{:.6f},"pid":{},"kind":"{}"'.format(time.time(), os.getpid(), kind)
        parts = [',"{}":{}'.format(name, _encoded(value)) for name, value in fields.items() if value]
        return head + "".join(parts) + "}\n"

    def _append(self, line: str) -> None:
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            # a line begins anew: of one before it a process may have written half when it was killed
            os.write(number, b"\n" + line.encode())
        finally:
            os.close(number)

    def digest(self, value: bytes) -> str:
        """Of a variable's value, as plan/environment.py has it."""
        known = self._digests.get(value)
        if known is None:
            if len(self._digests) > 1000:
                self._digests.clear()
            known = self._digests[value] = digest(value, self._key)
        return known


def digest(value: bytes, key: bytes) -> str:
    # not by hashlib: loading it costs milliseconds, and a module of the user's may have its name
    from _blake2 import blake2b

    return blake2b(value, key=key, digest_size=16).hexdigest()


def command_line() -> list[str]:
    """This interpreter's, with its options."""
    words: list[str] | None = getattr(sys, "orig_argv", None)
    if words is None:  # Python 3.9
        number = os.open("/proc/self/cmdline", os.O_RDONLY | os.O_CLOEXEC)
        try:
            words = os.fsdecode(os.read(number, 1 << 16)).split("\0")[:-1]
        finally:
            os.close(number)
    return as_words(words)


def as_words(arguments: object) -> list[str]:
    """A command line as text, whatever the program gave; cut where it is very long."""
    if isinstance(arguments, (str, bytes, os.PathLike)):
        arguments = [arguments]
    words = [os.fsdecode(word)[:_ARGUMENT] for word in arguments]  # type: ignore[attr-defined]
    shown = [_without_secret(word, words[place - 1] if place else "") for place, word in enumerate(words)]
    return shown[:_ARGUMENTS] + (["…"] if len(words) > _ARGUMENTS else [])


def _without_secret(word: str, before: str) -> str:
    """The plain cases, `--token X` and `TOKEN=X`, so that they do not lie on disk even for a while; whoever
    reads notes looks closer (record/masking.py)."""
    name, equals, value = word.partition("=")
    if equals and value and _is_secret(name):
        return name + "=<masked>"
    is_value = before.startswith("-") and "=" not in before and not word.startswith("-")
    return "<masked>" if is_value and _is_secret(before) else word


def _is_secret(name: str) -> bool:
    return name.lower().replace("-", "_").endswith(_SECRETS)


def _encoded(value: object) -> str:
    """As JSON, for the few types that notes have. Not by json, for the reasons above."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return _object(value)
    assert isinstance(value, (list, tuple)), value
    if value and isinstance(value[0], tuple):  # places
        return "[{}]".format(",".join(map(_place, value)))
    return "[{}]".format(",".join(map(_quoted, value)))


def _object(values: Mapping[str, str]) -> str:
    return "{{{}}}".format(",".join(_quoted(k) + ":" + _quoted(v) for k, v in values.items()))


def _place(place: Place) -> str:
    file, line, function = place
    return '{{"file":{},"line":{},"function":{}}}'.format(_quoted(file), line, _quoted(function))


def _quoted(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return '"' + text + '"'
    # bytes that are no text, which names of files may hold, would be no JSON
    return '"' + text.encode("utf-8", "backslashreplace").decode().translate(_ESCAPES) + '"'
