"""What the launcher did with a variable: which of its lines took it from the shell, set it, or put it into a
Secret or `env=`. From the launcher's notes; where there are none, by reading the app's source."""

import ast
from dataclasses import dataclass
from typing import Literal

from homeport.record.explain.known import Known
from homeport.record.explain.mentions import Mention, dotted
from homeport.record.run import Note, Place, Variable

Kind = Literal["shell", "launcher", "secret", "env"]
_FUNCTION_MAKERS = {"function", "cls", "with_options", "create", "fastapi_endpoint", "web_endpoint", "server"}


@dataclass(frozen=True)
class Line:
    """`how`: noted while it ran, or found by reading the source."""

    place: Place
    how: Literal["noted", "by reading the source"]
    mention: Mention | None = None


def read_lines(known: Known, name: str) -> list[Line]:
    """The launcher's lines that read the variable, then those that copied the whole environment."""
    remote = {part for function in known.run.functions for part in function.tag.split(".")}
    noted = [
        Line(note.stack[0], "noted")
        for note in sorted(known.launcher.notes, key=lambda note: (note.how == "copy", note.at))
        if note.kind == "read" and note.stack and note.name in (name, "", "*")
    ]
    return noted or [
        Line(Place(known.entry, mention.line, mention.function), "by reading the source", mention)
        for mention in sorted(entry_mentions(known, name), key=lambda each: each.act != "read")
        if mention.act in ("read", "copied", "computed") and mention.function not in remote
    ]


def changes(known: Known, name: str) -> list[Note]:
    """Where the launcher's own code set or removed it, such as `load_dotenv()`."""
    return [note for note in known.launcher.notes if note.kind in ("set", "unset") and note.name == name]


def entry_mentions(known: Known, name: str) -> list[Mention]:
    return known.sources.mentions(known.entry, name, on_launcher=True) if known.entry else []


def env_keyword(known: Known, name: str) -> Mention | None:
    """The `env={NAME: …}` of a function."""
    given = (each for each in entry_mentions(known, name) if each.act == "set" and each.keyword == "env")
    return next((each for each in given if each.taker.rpartition(".")[2] in _FUNCTION_MAKERS), None)


def in_dictionary(known: Known, name: str) -> Mention | None:
    """The `Secret.from_dict({NAME: …})` that spells the name."""
    given = (each for each in entry_mentions(known, name) if each.act == "set")
    return next((each for each in given if each.taker.endswith("from_dict")), None)


def secret_call(known: Known, line: Line | None) -> Place | None:
    """Where the call that made a Secret of the shell's variables begins: the one around the line that read
    them, else the only one of the app's file."""
    file = line.place.file if line else known.entry
    tree = known.sources.tree(file, on_launcher=True) if file else None
    if tree is None:
        return None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func).rpartition(".")[2].startswith("from_")
        and "Secret" in dotted(node.func)
        and not dotted(node.func).endswith("from_name")
    ]
    if line is not None:
        around = [call for call in calls if call.lineno <= line.place.line <= (call.end_lineno or 0)]
        calls = around or calls
    return Place(file, calls[0].lineno) if len(calls) == 1 else None


def named_secret(known: Known, variable: Variable) -> Place | None:
    """Where the app names a Secret: the line with its name as a text."""
    name = variable.origin.partition('"')[2].rpartition('"')[0]
    tree = known.sources.tree(known.entry, on_launcher=True) if known.entry else None
    texts = ast.walk(tree) if tree is not None else ()
    lines = [node.lineno for node in texts if isinstance(node, ast.Constant) and node.value == name]
    return Place(known.entry, lines[0]) if lines else None
