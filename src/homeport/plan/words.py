"""Words of Dockerfile instructions: quotes, backslashes, $variables, as Docker's own frontend reads them.

Only for instructions that Docker itself expands (ENV, ARG, COPY, WORKDIR, USER, FROM); a RUN line is the
shell's. Reading lines and instructions is in instructions.py.
"""

import re
from collections.abc import Mapping

from homeport.model.errors import InvalidError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACE = " \t\n\r\v\f"


def split_words(text: str) -> list[str]:
    """The words of a line, quotes and backslashes still in them. Raises InvalidError for an open quote."""
    words: list[str] = []
    word = ""
    quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and quote != "'" and position + 1 < len(text):
            word += text[position : position + 2]
            position += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _SPACE:
            if word:
                words.append(word)
            word = ""
            position += 1
            continue
        word += character
        position += 1
    if quote:
        raise InvalidError(f"A quote ({quote}) is not closed in: {text}")
    return [*words, word] if word else words


def expand(word: str, variables: Mapping[str, str]) -> str:
    """The word without its quotes and backslashes, variables replaced; an unknown variable is empty.

    Knows $name, ${name}, ${name:-word}, ${name-word}, ${name:+word}, ${name+word}, ${name:?word} and
    ${name?word}. Raises InvalidError for another modifier, or by `?`.
    """
    return _Expansion(word, variables).run()


def expand_text(text: str, variables: Mapping[str, str]) -> str:
    """A here-document's text, variables replaced; quotes are nothing special in it."""
    return _Expansion(text, variables, in_text=True).run()


class _Expansion:
    def __init__(self, text: str, variables: Mapping[str, str], *, in_text: bool = False) -> None:
        self._text = text
        self._variables = variables
        self._in_text = in_text
        self._at = 0

    def run(self) -> str:
        result = ""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "'" and not self._in_text:
                result += self._single_quoted()
            elif character == '"' and not self._in_text:
                result += self._double_quoted()
            elif character == "$":
                result += self._variable()
            elif character == "\\" and (
                not self._in_text or self._text[self._at + 1 : self._at + 2] in ("\\", "$")
            ):
                result += self._text[self._at + 1 : self._at + 2]
                self._at += 2
            else:
                result += character
                self._at += 1
        return result

    def _single_quoted(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise InvalidError(f"A quote (') is not closed in: {self._text}")
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        return inside

    def _double_quoted(self) -> str:
        result = ""
        self._at += 1
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == '"':
                self._at += 1
                return result
            if character == "$":
                result += self._variable()
            elif character == "\\" and self._text[self._at + 1 : self._at + 2] in ('"', "$", "\\"):
                result += self._text[self._at + 1]
                self._at += 2
            else:
                result += character
                self._at += 1
        raise InvalidError(f'A quote (") is not closed in: {self._text}')

    def _variable(self) -> str:
        """At a `$`: the variable's value, or the `$` itself where no name follows."""
        self._at += 1
        if self._text[self._at : self._at + 1] == "{":
            return self._braced()
        found = _NAME.match(self._text, self._at)
        if found is None:
            return "$"
        self._at = found.end()
        return self._variables.get(found[0], "")

    def _braced(self) -> str:
        found = _NAME.match(self._text, self._at + 1)
        end = self._closing_brace()
        if found is None:
            raise InvalidError(f"${{…}} holds no variable's name in: {self._text}")
        name, rest = found[0], self._text[found.end() : end]
        self._at = end + 1
        value = self._variables.get(name)
        if not rest:
            return value or ""
        modifier = re.match(r"(:?)([-+?])", rest)
        if modifier is None:
            raise InvalidError(f"${{{name}{rest}}} is not served: of the modifiers only :-, :+ and :? are.")
        word = rest[modifier.end() :]
        counts = value is not None and (value != "" or not modifier[1])
        if modifier[2] == "-":
            return (value or "") if counts else expand(word, self._variables)
        if modifier[2] == "+":
            return expand(word, self._variables) if counts else ""
        if not counts:
            raise InvalidError(f"{name}: {expand(word, self._variables) or 'is not set'}")
        return value or ""

    def _closing_brace(self) -> int:
        depth = 0
        position = self._at
        while position < len(self._text):
            if self._text[position] == "\\":
                position += 1
            elif self._text[position] == "{":
                depth += 1
            elif self._text[position] == "}":
                depth -= 1
                if depth == 0:
                    return position
            position += 1
        raise InvalidError(f"A brace ({{) is not closed in: {self._text}")
