"""A timeout that is refused

`timeout=` and `startup_timeout=` are whole seconds, from 1 to 86,400 (24 hours); it counts for each
attempt, and work that takes longer goes on in the next one (`retries=`, with a checkpoint to go on from).
The client refuses None, text and fractions, and Modal's server what is over 24 hours. `timeout=0` means the
default of 300 seconds, not "no limit".

Bad:
    import modal

    app = modal.App("cats")

    @app.function(timeout=48 * 60 * 60)
    def train():
        print("training")

Bad:
    import modal

    app = modal.App("cats")

    @app.function(timeout=None)
    def train():
        print("training")

Good:
    import modal

    app = modal.App("cats")

    @app.function(timeout=24 * 60 * 60, retries=1)
    def train():
        print("training")
"""

import math
from collections.abc import Iterator

from homeport.check.facts import Facts
from homeport.check.findings import Finding, Severity
from homeport.check.rules._given import number, option_site, remote_functions, seconds
from homeport.check.values import Value, is_known

CODE = "HP402"

LONGEST_S = 24 * 60 * 60
DEFAULT_S = 300


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        for option in ("timeout", "startup_timeout"):
            if option in function.options:
                found = _mistake(option, function.options[option])
                if found is not None:
                    severity, what, fix = found
                    yield Finding(
                        CODE,
                        option_site(function, option),
                        f"{option}={function.options[option]!r} of {function.name} {what}",
                        severity,
                        function.name,
                        fix=fix,
                    )


def _mistake(option: str, value: Value) -> tuple[Severity, str, str] | None:
    """How bad it is, what is wrong with it, and what to do."""
    if not is_known(value) or (option == "startup_timeout" and value is None):
        return None
    if value is None:
        return "error", "is refused by the client: there is no function without a limit", _at_most(option)
    count = number(value)
    if count is None and not isinstance(value, bool):
        return "error", "is no number of seconds, so the client cannot send it", _at_most(option)
    if isinstance(value, float):
        nearest = f"Give {option}={max(1, round(value))}." if math.isfinite(value) else _at_most(option)
        return "error", "is no whole number of seconds, so the client cannot send it", nearest
    if count is not None and count < 0:
        return "error", "is negative, so the client cannot send it", _at_most(option)
    if count is not None and count > LONGEST_S:
        return (
            "error",
            f"is {seconds(count)}, over the limit of 24 hours for an attempt",
            (f"Give {option}={LONGEST_S} at most, and let retries= and a checkpoint carry on from there."),
        )
    if count == 0 and option == "timeout":
        return "warning", f"means the default of {DEFAULT_S} seconds, and not no limit", _at_most(option)
    return None


def _at_most(option: str) -> str:
    return f"Give {option}= in whole seconds, from 1 to {LONGEST_S}."
