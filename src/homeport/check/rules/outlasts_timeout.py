"""A function is told to work longer than its timeout lets it

What a run is asked for stands in its configuration, as `max_hours: 30`, or in the code, as a sleep, and the
function's `timeout=` somewhere else. Where the first is longer, the run is ended before it is done, with
what it did since its last checkpoint lost. A function that is retried and goes on from its checkpoint may
take longer than an attempt, and is left alone.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(timeout=12 * 60 * 60)
    def train(max_hours: float = 30):
        print("training")

Bad:
    import time

    import modal

    app = modal.App("cats")

    @app.function()
    def wait():
        time.sleep(20 * 60)

Good:
    import modal

    app = modal.App("cats")

    @app.function(timeout=24 * 60 * 60)
    def train(max_hours: float = 20):
        print("training")
"""

import ast
import re
from collections.abc import Iterator, Mapping

from homeport.check.facts import Call, Facts, Function
from homeport.check.findings import Finding, Severity
from homeport.check.rules._configs import configs_of, parsed, started
from homeport.check.rules._given import (
    number,
    remote_functions,
    retries_of,
    seconds,
    site_of,
    timeout_of,
)
from homeport.check.rules._training import goes_on
from homeport.check.rules._yaml import Node, items, text_of
from homeport.check.values import Site, Value

CODE = "HP407"

_NAME = re.compile(
    r"(?:max|total|job|run)_(?:train(?:ing)?_)?(?:run_?)?(?:time_|duration_|wall_?)?(?P<a>hours|hrs|h|minutes|mins)"
    r"|(?:max_)?(?:wall_?(?:time|clock)|run_?time|train(?:ing)?_time|time_(?:limit|budget)|max_time)"
    r"_(?P<b>hours|hrs|h|minutes|mins|min|seconds|secs|sec|s)"
    r"|(?:budget|limit)_(?P<c>hours|hrs|h|minutes|mins|s)"
)
_WORD = re.compile(r"[a-z]\w+")
_LIGHTNING = re.compile(
    r"(\d+):(\d\d):(\d\d):(\d\d)"
)  # days, hours, minutes, seconds, of Trainer(max_time=…)


def check(facts: Facts) -> Iterator[Finding]:
    typed = {function.name: values for function, values in started(facts)}
    for function in remote_functions(facts):
        limit_s = timeout_of(function)
        if limit_s is None or (retries_of(function) and goes_on(facts, function, _events(facts, function))):
            continue
        for asked_s, what, site, severity in _asked(facts, function, typed.get(function.name, {})):
            if asked_s > limit_s:
                yield Finding(
                    CODE,
                    site,
                    f"{function.name} is to work {seconds(asked_s)} by {what}, and is ended after "
                    f"{seconds(limit_s)}{'' if 'timeout' in function.options else ', the default timeout'}",
                    severity,
                    function.name,
                    fix=f"Give {function.name} timeout={min(round(asked_s * 1.1), 86400)}, or ask for less."
                    if asked_s < 86400
                    else "Ask for less, or let retries= and a checkpoint carry on after 24 hours.",
                )


def _events(facts: Facts, function: Function) -> tuple[Call, ...]:
    return tuple(event for event in facts.events.get(function.name, ()) if isinstance(event, Call))


def _asked(
    facts: Facts, function: Function, typed: Mapping[str, str]
) -> Iterator[tuple[float, str, Site, Severity]]:
    for call in _events(facts, function):
        slept = number(call.args[0]) if call.name == "time.sleep" and call.args else None
        if slept is not None:
            is_sure = call.is_certain and not call.guards and function.kind == "function"
            yield slept, "a sleep", call.site, "error" if is_sure else "warning"
        for name, value in call.options.items():
            if (span := _span(name, value)) is not None:
                yield span, f"{name}={value}", call.site, "warning"
    given = {name: _literal(value) for name, value in typed.items()}
    for parameter in function.parameters:
        value = given.get(parameter.name, _literal(parameter.default))
        if (span := _span(parameter.name, value)) is not None:
            yield span, f"{parameter.name}={value}", parameter.site, "warning"
    for name, value, site in _assigned(function):
        if (span := _span(name, value)) is not None:
            yield span, f"{name} = {value}", site, "warning"
    for path, text in configs_of(facts, function, typed):
        root = (
            parsed(path, text) if any(_NAME.fullmatch(word) for word in _WORD.findall(text.lower())) else None
        )
        for name, node in _leaves(root):
            if (span := _span(name, _literal(text_of(node)))) is not None:
                site = Site(path, node.key_line or node.line, node.key_column)
                yield span, f"{name}: {text_of(node)} of {path.name}", site, "warning"


def _assigned(function: Function) -> Iterator[tuple[str, Value, Site]]:
    """Names that a function's own body gives a number."""
    for node in ast.walk(function.node):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value.value, site_of(function, node)


def _span(name: str, value: Value) -> float | None:
    """Seconds, where a name says that its value is how long the whole work may take."""
    if isinstance(value, str) and name == "max_time" and (found := _LIGHTNING.fullmatch(value)):
        days, hours, minutes, rest = map(int, found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + rest
    count = number(value)
    match = _NAME.fullmatch(name.lower())
    if count is None or match is None:
        return None
    unit = match["a"] or match["b"] or match["c"]
    return count * (3600 if unit[0] == "h" else 60 if unit[0] == "m" else 1)


def _literal(text: str | None) -> Value:
    try:
        return ast.literal_eval(text) if text is not None else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _leaves(node: Node | None) -> Iterator[tuple[str, Node]]:
    for name, child in items(node):
        if isinstance(child.content, str):
            yield name, child
        else:
            yield from _leaves(child)
