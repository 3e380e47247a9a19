"""Which function a command runs, and which functions that calls."""

from homeport.check.command_line import the_one
from homeport.check.facts import Call, Facts, Function


def chosen_function(facts: Facts, name: str) -> str | None:
    """The function that FILE::NAME is about: the one that `modal run` runs, else one that it does not run but
    that has the name, such as a web endpoint, or a class with several methods. None where there is none.
    """
    runnable = the_one(facts, name)
    if runnable is not None:
        return runnable.function.name
    names = {function.name for function in facts.app.functions}
    first, _, rest = name.partition(".")  # CLASS.METHOD, or APP.FUNCTION
    return next((each for each in (name, first, rest) if each in names), None)


def called_for_certain(facts: Facts, name: str) -> set[str]:
    """The functions that a run of one calls whatever happens, with itself."""
    chosen = chosen_function(facts, name)
    return _reached(facts, chosen, is_certain=True) if chosen else set()


def relevant(facts: Facts, name: str) -> set[str]:
    """The functions that a run of one reaches by calls, and "" for the app; all where none is named."""
    chosen = chosen_function(facts, name) if name else None
    if chosen is None or facts.function(chosen).kind == "local_entrypoint":
        return {function.name for function in facts.app.functions} | {""}
    return _reached(facts, chosen) | {""}


def _reached(facts: Facts, name: str, *, is_certain: bool = False) -> set[str]:
    every = {function.name for function in facts.app.functions}
    found: set[str] = set()
    waiting = {name}
    while waiting:
        found.add(current := waiting.pop())
        called = {
            event.receiver.name
            for event in facts.events.get(current, ())
            if isinstance(event, Call) and isinstance(event.receiver, Function)
            if event.is_certain or not is_certain
        }
        waiting |= (called & every) - found
    return found
