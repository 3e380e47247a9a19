"""Says of each argument of a call where it came from: typed for the command, given by code, or the default.

`modal run FILE::function` passes every argument, also those that nobody typed; so what the command line does
not name is the default there. A local entrypoint and other code give what they give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from homeport.record.run import Argument, Call, Function, Launcher
from homeport.record.versions import of_definition

_RUNNERS: Final = frozenset({"run"})


def placed(call: Call, functions: Sequence[Function], launcher: Launcher | None) -> Call:
    """The call with the defaults' values, and the origin of each argument."""
    class_name, dot, method = call.function.partition(".")
    tag, prefix = (f"{class_name}.*", f"{method}.") if dot else (call.function, "")
    function = of_definition(functions, call.definition_id, tag) or of_definition(
        functions, "", call.function
    )
    defaults = {
        name.removeprefix(prefix): value
        for name, value in (function.defaults if function is not None else {}).items()
        if name.startswith(prefix)
    }
    tags = {each.tag for each in functions}
    typed, is_direct = None, False
    if launcher is not None and not call.parent:
        chosen, typed = _typed(launcher.argv)
        is_direct = chosen == call.function
        if not is_direct and (chosen in tags or f"{chosen.partition('.')[0]}.*" in tags):
            typed = None  # it is another function's command line
    return replace(
        call, arguments=tuple(_placed(each, defaults, typed, is_direct) for each in call.arguments)
    )


def _placed(
    argument: Argument, defaults: Mapping[str, str], typed: Mapping[str, str] | None, is_direct: bool
) -> Argument:
    default = defaults.get(argument.name)
    if argument.came == "default":
        return replace(argument, value=default or argument.value)
    if typed is None:
        return argument
    if argument.name.removeprefix("self.") in typed:
        return replace(argument, came="command line")
    return replace(argument, came="default") if is_direct and default == argument.value else argument


def _typed(argv: Sequence[str]) -> tuple[str, dict[str, str] | None]:
    """What `run FILE::NAME` on a command line names, and the options that follow; None where it is no such
    command."""
    words = list(argv)
    start = next((i for i, word in enumerate(words) if word in _RUNNERS), None)
    if start is None:
        return "", None
    named = next(
        (i for i in range(start + 1, len(words)) if "::" in words[i] or words[i].endswith(".py")), None
    )
    if named is None:
        return "", None
    found: dict[str, str] = {}
    rest = words[named + 1 :]
    for i, word in enumerate(rest):
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            following = rest[i + 1] if i + 1 < len(rest) and not rest[i + 1].startswith("--") else ""
            found[name.removeprefix("no-").replace("-", "_")] = value if equals else following
            found[name.replace("-", "_")] = value if equals else following
    return words[named].partition("::")[2], found
