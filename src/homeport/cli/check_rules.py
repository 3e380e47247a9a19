"""The codes of `homeport check`: choosing among them, and explaining one."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from homeport.model.errors import InvalidError
from homeport.plan.suggestions import closest

if TYPE_CHECKING:
    from homeport.check.preflight import Selection
    from homeport.check.rules import Example


def selection(select: Sequence[str], ignore: Sequence[str]) -> "Selection":
    """The codes of --select and --ignore. Raises InvalidError for one that stands for no rule."""
    from homeport.check.preflight import Selection

    return Selection(_codes(select), _codes(ignore))


def _codes(words: Sequence[str]) -> tuple[str, ...]:
    from homeport.check.rules import rules

    codes = tuple(code.strip().upper() for word in words for code in word.split(",") if code.strip())
    known = [rule.CODE for rule in rules()]
    for code in codes:
        if not any(rule.startswith(code) for rule in known):
            raise InvalidError(f"There is no rule {code}.{_nearest(code, known)}")
    return codes


def explanation(code: str) -> str:
    """What a rule's docstring says, or one line for each rule where `code` is "all". Raises InvalidError."""
    from homeport.check.rules import documentation, rules

    if code == "all":
        return "".join(f"{rule.CODE}  {documentation(rule).title}\n" for rule in rules())
    rule = next((rule for rule in rules() if code.upper() == rule.CODE), None)
    if rule is None:
        raise InvalidError(f"There is no rule {code}.{_nearest(code.upper(), [r.CODE for r in rules()])}")
    said = documentation(rule)
    parts = [f"{rule.CODE}: {said.title}", said.text]
    parts += [_shown("Bad", example) for example in said.bad] + [
        _shown("Good", example) for example in said.good
    ]
    return "\n\n".join(parts) + "\n"


def _shown(word: str, example: "Example") -> str:
    lines = [f"# {typed}: {value}" for typed, value in example.typed.items()]
    for name, text in example.files.items():
        lines += [f"# file: {name}"] if len(example.files) > 1 or name != "app.py" else []
        lines += text.rstrip().splitlines()
    return f"{word}:\n\n" + textwrap.indent("\n".join(lines), "    ")


def _nearest(code: str, known: list[str]) -> str:
    near = closest(code, known)
    return f" Did you mean {near}?" if near else " All of them: homeport check --explain"
