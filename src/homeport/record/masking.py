"""Leaves the values of keys that look like secrets out of a configuration's text. Pure."""

import re
from typing import Final

MASK: Final = "<masked>"

_PAIR: Final = re.compile(
    r"""(?P<key>(?P<quote>["']?)(?P<name>[A-Za-z_][\w.-]*)(?P=quote)[ \t]*[:=][ \t]*)"""
    r"""(?P<value>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,}\]#|>&*\[{][^,\n}\]#]*)"""
)
_BLOCK: Final = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_URL: Final = re.compile(r"(://[^/\s:@]+:)[^/\s@]+(@)")  # scheme://user:password@host
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ALONE: Final = frozenset(
    {"secret", "token", "password", "passwd", "pwd", "apikey", "credential", "credentials"}
)
_BEFORE_KEY: Final = frozenset({"api", "access", "private", "secret", "auth", "encryption", "signing"})
_NO_SECRET_TOKENS: Final = frozenset({"pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "image"})


def masked(text: str) -> str:
    """The text with MASK in the place of such values."""
    text = _BLOCK.sub(MASK, text)
    text = _URL.sub(rf"\g<1>{MASK}\g<2>", text)
    return _PAIR.sub(_pair, text)


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
