"""A shell's lines as simple commands, each a list of words: what image steps and child processes run."""

import io
import itertools
import re
import shlex

_SEPARATOR = re.compile(r"[();|&\n]+")
_REDIRECTION = re.compile(r"[&|]*[<>][<>&|]*")


class _Text(io.StringIO):
    """A comment ends before the end of its line, which ends a command, too."""

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        line = super().readline(size)
        if line.endswith("\n"):
            self.seek(self.tell() - 1)
        return line


def simple_commands(text: str) -> list[list[str]]:
    """In order, whatever joins them; redirections are words (`>`, `2`, `>&`). Raises ValueError where a quote
    is not closed.
    """
    lexer = shlex.shlex(_Text(text.replace("\\\n", " ")), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for token in lexer:
        if token and _SEPARATOR.fullmatch(token):
            found.append([])
        else:
            found[-1].append(token)
    return [words for words in found if words]


def without_redirections(words: list[str]) -> list[str]:
    """What the program is given: no `> log`, `2>&1` or `< input`."""
    kept: list[str] = []
    is_target = False
    for word, following in itertools.zip_longest(words, words[1:], fillvalue=""):
        is_redirection = bool(_REDIRECTION.fullmatch(word))
        is_value = bool(kept) and kept[-1].startswith("-")  # `--steps 2 > log`
        is_descriptor = word in ("1", "2") and bool(_REDIRECTION.fullmatch(following)) and not is_value
        if not (is_redirection or is_target or is_descriptor):
            kept.append(word)
        is_target = is_redirection
    return kept
