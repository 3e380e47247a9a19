"""Retries, or their delays, that are refused

`retries=` is a whole number or a `modal.Retries`: `max_retries` from 0 to 10 by Modal's documentation
(clients before 1.4 refuse more themselves), `initial_delay` from 0 to 60 seconds, `max_delay` from 1 to 60,
`backoff_coefficient` from 1 to 10. Web functions and generators cannot be retried at all. All but the
number is refused by the client as soon as the file is imported.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(retries=modal.Retries(max_retries=3, initial_delay=120.0, max_delay=600.0))
    def train():
        print("training")

Bad:
    # target: modal
    import modal

    app = modal.App("cats")

    @app.function(retries=30)
    def train():
        print("training")

Good:
    import modal

    app = modal.App("cats")

    @app.function(retries=modal.Retries(max_retries=3, initial_delay=30.0, max_delay=60.0))
    def train():
        print("training")
"""

import ast
from collections.abc import Iterator

from homeport.check.client_api import version_of
from homeport.check.facts import Facts, Function, Made
from homeport.check.findings import Finding, Severity
from homeport.check.rules._given import number, option_site, remote_functions
from homeport.check.values import Unknown, Value, is_known

CODE = "HP403"

MOST = 10
_UNBOUND = (1, 4)  # from this client on, only the documentation has the limit
_WEB = ("fastapi_endpoint", "web_endpoint", "asgi_app", "wsgi_app", "web_server")
_BOUNDS = {  # of modal.Retries: smallest, largest, and what they are
    "initial_delay": (0.0, 60.0, "0 to 60 seconds"),
    "max_delay": (1.0, 60.0, "1 to 60 seconds"),
    "backoff_coefficient": (1.0, 10.0, "1 to 10"),
}


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        value = function.options.get("retries")
        if value is None or isinstance(value, Unknown):
            continue
        for severity, what, fix in _mistakes(facts, function, value):
            yield Finding(CODE, option_site(function, "retries"), what, severity, function.name, fix=fix)


def _mistakes(facts: Facts, function: Function, value: Value) -> Iterator[tuple[Severity, str, str]]:
    name = function.name
    count = value
    if isinstance(value, Made):
        if value.args:
            yield (
                "error",
                f"modal.Retries of {name} takes no argument without its name",
                ("Write modal.Retries(max_retries=…)."),
            )
            return
        if "max_retries" not in value.options and not any(word.startswith("*") for word in value.options):
            yield "error", f"modal.Retries of {name} is not told max_retries", "Give max_retries=."
            return
        yield from _delays(name, value)
        count = value.options.get("max_retries", Unknown("is given by a dictionary"))
    elif not isinstance(value, int) and is_known(value):
        yield (
            "error",
            f"retries={value!r} of {name} is neither a whole number nor a modal.Retries",
            ("Give a whole number, or modal.Retries(max_retries=…)."),
        )
        return
    tries = number(count)
    if tries is None:
        return
    if tries < 0:
        yield "error", f"{tries:g} retries of {name} are refused by the client", "Give 0 or more."
    elif tries > MOST:
        yield (
            _beyond(facts),
            f"{tries:g} retries of {name} are over Modal's limit of {MOST}",
            (f"Give {MOST} at most, and let each attempt take longer."),
        )
    if tries and function.kind == "function":
        kind = _without_retries(function)
        if kind:
            yield "error", f"{name} is {kind}, and the client refuses retries= of such", "Leave retries= out."


def _beyond(facts: Facts) -> Severity:
    is_refused = facts.target == "modal" or version_of(facts.launcher.client_version) < _UNBOUND
    return "error" if is_refused else "note"


def _delays(name: str, value: Made) -> Iterator[tuple[Severity, str, str]]:
    for option, (least, most, words) in _BOUNDS.items():
        given = number(value.options.get(option))
        if given is not None and not least <= given <= most:
            yield (
                "error",
                f"{option}={given:g} of {name} is refused by the client, which takes {words}",
                (f"Give {option}={min(max(given, least), most):g}."),
            )


def _without_retries(function: Function) -> str:
    """Why a function cannot be retried, as the end of a sentence."""
    if any(decorator.rpartition(".")[2] in _WEB for decorator in function.decorators):
        return "a web function"
    is_generator = function.options.get("is_generator")
    if is_generator is True or (is_generator is None and _yields(function.node)):
        return "a generator"
    return ""


def _yields(node: ast.AST) -> bool:
    """Whether a function's own body yields; those inside it do not count."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if _yields(child):
            return True
    return False
