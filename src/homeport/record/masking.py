"""Leaves the values of keys that look like secrets out of texts, command lines and arguments. Pure.

The texts are anybody's, so each expression has to take time in proportion to their length.
"""

import re
from collections.abc import Sequence
from typing import Final

MASK: Final = "<masked>"

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
