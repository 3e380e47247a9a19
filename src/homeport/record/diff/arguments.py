"""Arguments of the calls, and where they are the same the command line."""

import shlex
from collections.abc import Iterator

from homeport.record.diff.differences import Difference, sides, without_ids
from homeport.record.explain import definitions
from homeport.record.explain.known import Known

_MOST_VALUES = 3


def arguments(before: Known, after: Known) -> Iterator[Difference]:
    found = list(sides(_values(before), _values(after)))
    if not found:
        mine, other = _command(before), _command(after)
        if mine != other:
            found = [Difference("command", mine, other)]
    yield from found


def _values(known: Known) -> dict[str, str]:
    """By `function(name)` the values that its calls had, the first ones in their order."""
    values: dict[str, list[str]] = {}
    is_one = len({call.function for call in known.run.calls}) < 2
    for call in known.run.calls:
        for argument in call.arguments:
            value = definitions.value(known, call.function, argument) or "?"
            label = argument.name if is_one else f"{call.function}({argument.name})"
            known_values = values.setdefault(label, [])
            if value not in known_values:
                known_values.append(value)
    return {label: _joined(sorted(found)) for label, found in values.items()}


def _joined(values: list[str]) -> str:
    more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(values[:_MOST_VALUES]) + more


def _command(known: Known) -> str:
    argv = known.caller.argv
    return without_ids(shlex.join([argv[0].rpartition("/")[2], *argv[1:]])) if argv else ""
