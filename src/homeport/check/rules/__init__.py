"""The rules, one a file, how they are found, and what their docstrings say.

A rule's file has `CODE`, a docstring that is its documentation, and `check(facts)`. The docstring's
first line is its title; then paragraphs of what and why, then examples: under the lines `Bad:` and
`Good:` files, each begun by a line `# file: NAME` (default app.py), indented by four. A test runs each:
the bad one gives this code, the good one nothing at all of it. There may be several of both.

What is typed belongs to an example, too, where the rule looks at it, in lines before the first file:
`# command: app.py::train -- --lr 1` (what stands after `homeport check`), `# run: --detach app.py::main`
(after `homeport run`), `# shell: NAME OTHER` (variables of the launcher's shell), `# secrets: NAME` (those
that the server has), `# target: modal`, `# loaded: yes` (the app is loaded, not only read).
"""

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Protocol, cast

from homeport.check.facts import Facts
from homeport.check.findings import Finding

_TYPED = ("command", "run", "shell", "secrets", "target", "loaded")


class Rule(Protocol):
    CODE: str
    __doc__: str
    __name__: str

    def check(self, facts: Facts) -> Iterable[Finding]: ...


@dataclass(frozen=True)
class Example:
    """Files by name, and what is typed, by the words of `_TYPED`."""

    files: dict[str, str]
    typed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Documentation:
    """What a rule's docstring says, the title without its full stop."""

    title: str
    text: str
    bad: tuple[Example, ...]
    good: tuple[Example, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """All rules by their codes. Two with one code are a mistake of ours."""
    found: list[ModuleType] = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.name.startswith("_")
    ]
    by_code = {module.CODE: module for module in found}
    assert len(by_code) == len(found), "two rules have one code"
    return tuple(cast(Rule, by_code[code]) for code in sorted(by_code))


def documentation(rule: Rule) -> Documentation:
    """What the docstring says. Raises ValueError where it has no title or an example is no file."""
    lines = rule.__doc__.strip().splitlines()
    text: list[str] = []
    examples: dict[str, list[Example]] = {"Bad:": [], "Good:": []}
    place = 1
    while place < len(lines):
        kind = lines[place].rstrip()
        place += 1
        if kind not in examples:
            text.append(kind)
            continue
        block: list[str] = []
        while place < len(lines) and (not lines[place].strip() or lines[place].startswith("    ")):
            block.append(lines[place][4:].rstrip())
            place += 1
        examples[kind].append(_example(block, rule.CODE))
    return Documentation(
        lines[0].strip().rstrip("."),
        "\n".join(text).strip(),
        tuple(examples["Bad:"]),
        tuple(examples["Good:"]),
    )


def _example(lines: list[str], code: str) -> Example:
    files: dict[str, list[str]] = {}
    typed: dict[str, str] = {}
    name = "app.py"
    for line in lines:
        word, _, rest = line.removeprefix("# ").partition(": ")
        if line.startswith("# file: "):
            name = rest.strip()
            files[name] = []
        elif line.startswith("# ") and word in _TYPED and not files:
            typed[word] = rest.strip()
        elif files or line:
            files.setdefault(name, []).append(line)
    if not files:
        raise ValueError(f"an example of {code} has no file")
    return Example({name: "\n".join(body).strip("\n") + "\n" for name, body in files.items()}, typed)
