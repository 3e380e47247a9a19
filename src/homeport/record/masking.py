"""Leaves secrets out of texts, command lines and arguments: the values of keys that look like secrets, and
values that are known. Pure.

The texts are anybody's, so each expression has to take time in proportion to their length.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "<masked>"
_SHORTEST: Final = 6  # of a known value
_SHORTEST_LINE: Final = 16  # of one that has several
# keys of records whose texts are one of a few words, or name another part of the record
_NAMING: Final = frozenset(
    {
        "kind",
        "state",
        "how",
        "came",
        "verdict",
        "on_violation",
        "name",
        "function",
        "tag",
        "parent",
        "environment",
    }
    | {"run_id", "app_id", "task_id", "call_id", "image_id", "volume_id", "sha256", "digest", "commit"}
)
# keys whose objects have names, rather than keys of records
_BY_NAME: Final = frozenset({"expected", "seen", "defaults", "packages", "changes", "asked", "given", "told"})

_PAIR: Final = re.compile(
    # a name begins where a word does: else a long word would be looked through from each of its letters
    r"""(?P<key>(?:(?P<quote>["'])|(?<![\w.-]))[\d.-]*(?P<name>[A-Za-z_][\w.-]*)(?(quote)(?P=quote))"""
    r"""[ \t]*[:=][ \t]*)"""
    r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,}\]#|>&*\[{][^,\n}\]#]*)"""
)
_BLOCK: Final = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_URL: Final = re.compile(r"(://[^/\s:@]+:)[^/\s@]+(@)")  # scheme://user:password@host
_OPTION: Final = re.compile(
    r"""(?P<key>(?<!\S)--?(?P<name>[A-Za-z][\w-]*)[ \t]+)(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"'-]\S*)"""
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_NAME: Final = re.compile(r"-*[A-Za-z_][\w.-]*")
_CODE: Final = re.compile(r"\.(?:py|pyi|ipynb|js|ts|sh|c|h|cc|cpp|rs|go|md|rst)$")
_ALONE: Final = frozenset(
    {"secret", "token", "password", "passwd", "pwd", "apikey", "credential", "credentials", "authorization"}
)
_BEFORE_KEY: Final = frozenset({"api", "access", "private", "secret", "auth", "encryption", "signing"})
_NO_SECRET_TOKENS: Final = frozenset({"pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "image"})


def masked(text: str) -> str:
    """The text with MASK in the place of such values."""
    text = _BLOCK.sub(MASK, text)
    text = _URL.sub(rf"\g<1>{MASK}\g<2>", text)
    return _PAIR.sub(_pair, text)


def masked_words(words: Sequence[str]) -> tuple[str, ...]:
    """A command line with MASK in the place of such values: `--api-key X`, `TOKEN=X`, also within a word.
    Of a word with blanks sometimes more than the value goes."""
    found: list[str] = []
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        is_value = before.startswith("-") and "=" not in before and not word.startswith("-")
        name, equals, _ = word.partition("=")
        if is_value and is_secret_name(before) and not any(map(str.isspace, before)):
            found.append(MASK)
        elif equals and _NAME.fullmatch(name) and is_secret_name(name):
            found.append(f"{name}={MASK}")
        else:
            found.append(_OPTION.sub(_pair, masked(word)))
    return tuple(found)


def masked_difference(text: str) -> str:
    """A `git diff` without such values. In code only texts in quotes are values, the rest is code."""
    parts = re.split(r"(?m)^(?=diff --git )", text)
    return "".join(
        _PAIR.sub(_quoted_pair, _URL.sub(rf"\g<1>{MASK}\g<2>", _BLOCK.sub(MASK, part)))
        if _CODE.search(part.partition("\n")[0])
        else masked(part)
        for part in parts
    )


def _quoted_pair(found: re.Match[str]) -> str:
    return _pair(found) if found["value"][0] in "\"'" else found[0]


def _pair(found: re.Match[str]) -> str:
    if not is_secret_name(found["name"]):
        return found[0]
    value = found["value"]
    quote = value[0] if value[:1] in "\"'" else ""
    return f"{found['key']}{quote}{MASK}{quote}"


def is_secret_name(name: str) -> bool:
    """Whether a key's words say that its value is a secret: `api_key`, `dbPassword`, not `max_tokens`."""
    words = [word.lower() for word in _WORD.findall(name)]
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if word == "token" and before in _NO_SECRET_TOKENS:
            continue
        if word in _ALONE or (word == "key" and before in _BEFORE_KEY):
            return True
    return False


class ExactValues:
    """Leaves values that are known out of texts and of JSON: as they stand, and as JSON, Python, a URL or a
    text without line ends write them. Those below 6 characters stay: they would be found everywhere."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))  # of two that begin alike the longer
        self._texts = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        written = dict.fromkeys(
            json.dumps(form, ensure_ascii=is_ascii)[1:-1].encode(errors="replace")
            for form in ordered
            for is_ascii in (False, True)
        )
        self._written = re.compile(b"|".join(map(re.escape, written))) if ordered else None

    def masked(self, text: str) -> str:
        """Lines keep their numbers."""
        if self._texts is None or self._texts.search(text) is None:
            return text
        return self._texts.sub(lambda found: MASK + "\n" * found[0].count("\n"), text)

    def masked_json(self, data: bytes) -> bytes:
        """One JSON document, or one on each line; damaged ones stay as they are."""
        if self._written is None or self._written.search(data) is None:
            return data
        try:
            return self._document(data)
        except ValueError:
            return b"".join(map(self._line, data.splitlines(keepends=True)))

    def _line(self, line: bytes) -> bytes:
        try:
            return self._document(line) if line.strip() else line
        except ValueError:
            return line

    def _document(self, data: bytes) -> bytes:
        indent = 1 if data.startswith(b"{\n") else None
        text = json.dumps(self.part(json.loads(data)), ensure_ascii=False, indent=indent)
        return text.encode(errors="replace") + (b"\n" if data.endswith(b"\n") else b"")

    def part(self, value: Any, key: str = "") -> Any:
        """A record, a part of one, or plain JSON, without the values; what names other parts stays. The same
        object where nothing had to go."""
        if self._texts is None:
            return value
        if isinstance(value, str):
            return value if key in _NAMING else self.masked(value)
        if isinstance(value, list):
            return [self.part(each, key) for each in value]
        if isinstance(value, tuple):
            made = tuple(self.part(each, key) for each in value)
            return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
        if isinstance(value, Mapping):
            found = {each: self.part(of, "" if key in _BY_NAME else str(each)) for each, of in value.items()}
            return found if any(found[each] is not of for each, of in value.items()) else value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
            changed = {name: new for name, of in parts.items() if (new := self.part(of, name)) is not of}
            return dataclasses.replace(value, **changed) if changed else value
        return value


def _forms(value: str) -> Iterator[str]:
    joined = " ".join(value.split())
    if len(joined) < _SHORTEST:
        return
    yield value
    yield joined
    for is_ascii in (False, True):
        yield json.dumps(value, ensure_ascii=is_ascii)[1:-1]
    yield repr(value)[1:-1]
    yield quote(value)
    yield quote(value, safe="")
    yield from (line for line in value.splitlines() if len(line.strip()) >= _SHORTEST_LINE)


NO_VALUES: Final = ExactValues(())
