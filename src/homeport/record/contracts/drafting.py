"""A contract written from a run that was good: what it printed, had and touched becomes what is expected.

What is certain stands as it is; what is only likely stands in comments, to be kept or dropped by a person.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Final

from homeport.record.contracts.configuration import argument_text
from homeport.record.contracts.guessing import Guess, guess
from homeport.record.run import Folder, Run

_GIB: Final = 1024**3
_MOST: Final = 8  # of each kind
_LIMITING: Final = re.compile(r"LIMIT|SMOKE|SUBSET|DEBUG|DRY_?RUN|QUICK|TINY", re.IGNORECASE)
_OWN: Final = (
    "/proc",
    "/sys",
    "/dev",
    "/usr",
    "/lib",
    "/etc",
    "/pkg",
    "/__modal",
    "/tmp",
    "/var",
    "/opt",
    "/root/.",
)


def draft(run: Run, lines: Iterable[str], name: str) -> str:
    """A section of homeport.toml. `lines` are what its containers printed."""
    guessed = guess(lines)
    parts = [
        [f"# From run {run.run_id}{_of(run)}. Read it, and drop what may differ in a good run."],
        [f"[contract.{key(name)}]"],
        _when(run),
        _variables(run),
        _observed(guessed),
        _files(run),
        _bounds(run),
        ['on_violation = "stop"  # or "warn"'],
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def key(name: str) -> str:
    """A key of TOML, in quotes where it has to be."""
    is_bare = name and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in name)
    return name if is_bare else json.dumps(name)


def _of(run: Run) -> str:
    return f" of {run.name}::{run.function}" if run.function else ""


def _when(run: Run) -> list[str]:
    conditions = []
    if run.function:
        conditions.append(f"function = {_text(run.function)}")
    call = next((call for call in run.calls if call.function == run.function), None)
    others = []
    for argument in call.arguments if call is not None else ():
        if argument.name.startswith("*") or argument.value.startswith("<") or len(argument.value) > 200:
            continue
        text = argument_text(argument.value)
        if argument.value.startswith('"') and text:
            conditions.append(f"{key(argument.name)} = {_text(text)}")
        elif argument.value:
            others.append(f"{key(argument.name)} = {_value(text)}")
    found = [f"when = {{ {', '.join(conditions)} }}"] if conditions else []
    if others:
        found.append(f"# its other arguments were: {', '.join(others)}")
    return found


def _variables(run: Run) -> list[str]:
    functions = [function for function in run.functions if function.tag == run.function] or list(
        run.functions
    )
    variables = {variable.name: variable for function in functions for variable in function.environment}
    secrets = sorted(name for name, each in variables.items() if each.origin.startswith("Secret"))
    read = {note.name for note in run.notes if note.kind == "read" and note.how != "copy" and note.stack}
    absent = sorted(name for name in read if name not in variables and _LIMITING.search(name))
    found = []
    if absent:
        found.append(f"forbid_env = {_list(absent)}  # the code reads them; this run went without")
    if secrets:
        found.append(f"require_env = {_list(secrets)}  # what Secrets and env= gave")
    images = {
        name: each.value
        for name, each in variables.items()
        if each.origin.startswith("image: ENV") and name != "PATH" and len(each.value) < 80
    }
    if images:
        pairs = ", ".join(f"{key(name)} = {_text(value)}" for name, value in sorted(images.items())[:_MOST])
        found.append(f"# env = {{ {pairs} }}")
    return found


def _observed(guessed: Guess) -> list[str]:
    found = []
    if guessed.patterns:
        patterns = [_literal(pattern) for pattern in guessed.patterns]
        found += ["observe = [", *(f"    {pattern}," for pattern in patterns), "]"]
    if guessed.reported:
        found.append(f"reports = {_list(guessed.reported)}  # lines ::homeport NAME=VALUE")
    if guessed.values:
        pairs = ", ".join(f"{key(name)} = {_value(value)}" for name, value in guessed.values.items())
        found.append(f"expect = {{ {pairs} }}")
    if not found:
        found += [
            "# No line of its output shows a count. Have the code print one, such as ::homeport train=3734",
            r"# observe = 'Loading (?P<train>\d+) train'",
            "# expect = { train = 3734 }",
        ]
    return found


def _files(run: Run) -> list[str]:
    found = []
    configs = [config.path for config in run.configs if not config.path.startswith(_OWN)]
    configs = configs or sorted({n.path for n in run.notes if n.kind == "open" and n.how == "r" and n.stack})
    files = [*dict.fromkeys(configs)][:_MOST]
    read, written = _folders(run.folders, "read"), _folders(run.folders, "written")
    given = [path for path in read if not any(file.startswith(path + "/") for file in files)]
    # what it read and wrote is mostly a cache of its own, which the next run finds filled
    reads = files + [path for path in given if path not in written]
    if reads:
        found.append(f"reads = {_list(dict.fromkeys(reads))}")
    if writes := [path for path in written if path not in read]:
        found.append(f"writes = {_list(writes)}")
    return found


def _folders(folders: Iterable[Folder], act: str) -> list[str]:
    """The folders of volumes, and others of the user's; the uppermost of each tree."""
    touched = sorted(f.path for f in folders if getattr(f, act) and (f.volume or not f.path.startswith(_OWN)))
    upper = [path for path in touched if not any(path.startswith(other + "/") for other in touched)]
    return [path for path in upper if path not in ("/", "/root", "/app")][:_MOST]


def _bounds(run: Run) -> list[str]:
    found = []
    if run.ended_at > run.started_at:
        minutes = (run.ended_at - run.started_at) / 60
        found.append(
            f"max_minutes = {max(5, math.ceil(3 * minutes))}  # three times what it took, 5 at least"
        )
    peak = max((attempt.memory_peak_bytes for attempt in run.attempts), default=0)
    if peak:
        found.append(
            f"# max_memory_gib = {max(0.1, math.ceil(15 * peak / _GIB) / 10):g}  # it took {peak / _GIB:.2f}"
        )
    return found


def _value(value: str) -> str:
    """A number as one, where it is written as TOML writes it."""
    plain = value.replace(",", "")
    return plain if plain.isdecimal() and (plain == "0" or not plain.startswith("0")) else _text(value)


def _list(values: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _literal(pattern: str) -> str:
    return f"'{pattern}'" if "'" not in pattern and pattern.isprintable() else _text(pattern)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
