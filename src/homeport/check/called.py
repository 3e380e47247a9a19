"""Which function a command runs, and which functions that calls."""

from homeport.check.facts import Call, Facts, Function


def chosen_function(facts: Facts, name: str) -> str | None:
    """The function that `modal run FILE::NAME` runs, as the client chooses it; None where it would refuse.

    NAME may be a function, `app.function`, a class's method, or nothing: the one entry point, else the one
    function that there is.
    """
    functions = {function.name: function for function in facts.app.functions}
    if not name:
        entry_points = [each for each in functions if functions[each].kind == "local_entrypoint"]
        alone = entry_points or list(functions)
        return alone[0] if len(alone) == 1 else None
    parts = name.split(".")
    candidates = (name, ".".join(parts[1:]), parts[0], ".".join(parts[1:2]))
    return next((each for each in candidates if each in functions), None)


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
