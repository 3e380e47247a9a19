"""With which arguments functions are run: those of the command, of the entry point's calls, else defaults.

What a function does by them is walked once more, apart from what it does whatever it is called with.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homeport.check.command_line import Runnable, meant, options, take_apart
from homeport.check.execution.core import Reader
from homeport.check.facts import Call, Event, Facts, Function, Import, Parameter
from homeport.check.opened_files import FOLDERS, PROCESSES, READERS
from homeport.check.values import Unknown, Value
from homeport.check.walk import walk, walk_launch

CALLS = frozenset({"Function.remote", "Function.spawn", "Function.local", "Function.remote_gen"})


@dataclass(frozen=True)
class Given:
    """Arguments by name. `is_exact`: the command says them, rather than a default that it may override."""

    values: Mapping[str, Value]
    is_exact: bool


def walked_with_arguments(facts: Facts, sources: Reader) -> dict[str, tuple[Event, ...]]:
    """What functions do with the arguments that they are run with, for those that import, open or run
    something by their arguments.
    """
    found: dict[str, tuple[Event, ...]] = {}
    given: dict[str, Given] | None = None
    for function in facts.app.functions:
        container = facts.containers.get(function.name)
        if container is None or not _depends(facts.events.get(function.name, ())):
            continue
        if given is None:
            given = _given(facts, sources)
        known = given.get(function.name) or Given(_defaults(function.parameters), is_exact=False)
        if known.values:
            found[function.name] = walk(
                function, container, sources, facts.app, known.values, is_sure=known.is_exact
            )
    return found


def _depends(events: tuple[Event, ...]) -> bool:
    """Whether something is imported, opened or run by a name that is not known."""
    for event in events:
        if isinstance(event, Import):
            if isinstance(event.name, Unknown):
                return True
        elif isinstance(event, Call) and _is_of_files(event.name):
            values = (*event.args, *event.options.values(), event.receiver)
            if any(map(_is_vague, values)):
                return True
    return False


def _is_of_files(name: str) -> bool:
    return name in READERS or name in FOLDERS or name.startswith(PROCESSES) or name == "pathlib.Path"


def _is_vague(value: Value) -> bool:
    return isinstance(value, Unknown) or (isinstance(value, tuple) and any(map(_is_vague, value)))


def _given(facts: Facts, sources: Reader) -> dict[str, Given]:
    """What the command runs, and what that calls."""
    chosen = meant(facts)
    found: dict[str, Given] = {}
    for function in facts.app.functions:
        if function.kind != "local_entrypoint":
            continue
        is_chosen = chosen is not None and chosen.function is function
        if chosen is not None and not is_chosen:
            continue
        values = _typed(facts, chosen) if chosen else _defaults(function.parameters)
        events = walk_launch(facts.entry, sources, facts.app, facts.launcher, function, values)
        for name, arguments in _called(events):
            found.setdefault(name, Given(arguments, is_chosen))
    if chosen is not None and chosen.function.kind == "function":
        found[chosen.function.name] = Given(_typed(facts, chosen), is_exact=True)
    return found


def _called(events: tuple[Event, ...]) -> Iterator[tuple[str, dict[str, Value]]]:
    """The app's functions that are called, with the arguments that are known."""
    for event in events:
        if not isinstance(event, Call) or event.name not in CALLS:
            continue
        function = event.receiver
        if not isinstance(function, Function) or function.kind != "function":
            continue
        values = _defaults(function.parameters)
        names = [parameter.name for parameter in function.parameters if parameter.kind == "positional"]
        values.update(zip(names, event.args, strict=False))
        values.update(event.options)
        yield function.name, {name: value for name, value in values.items() if not _is_vague(value)}


def _defaults(parameters: tuple[Parameter, ...]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for parameter in parameters:
        if parameter.default is not None:
            try:
                value = ast.literal_eval(parameter.default)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if isinstance(value, str | int | float | bool | None):
                found[parameter.name] = value
    return found


def _typed(facts: Facts, runnable: Runnable) -> dict[str, Value]:
    """The command's arguments, and the defaults of the others."""
    found = _defaults(runnable.function.parameters)
    known = options(runnable, facts)
    kinds = {option.flag: option.kind for option in known}
    arguments = facts.command.arguments if facts.command else ()
    for flag, text in take_apart(arguments, known).values.items():
        found[flag.replace("-", "_")] = _converted(text, kinds.get(flag, "str"))
    return found


def _converted(text: str, kind: str) -> Value:
    try:
        if kind in ("int", "float"):
            return int(text) if kind == "int" else float(text)
    except ValueError:
        return Unknown(f"{text!r} is no number")
    return text == "yes" if kind == "bool" else text
