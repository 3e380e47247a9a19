"""A number of containers, a window or a size that is refused, or passed over

`scaledown_window=` is from 2 to 3,600 seconds; `min_containers=` may not be greater than `max_containers=`;
counts are whole numbers and not negative; a limit (the second number in `cpu=(2, 4)`, `memory=(1024,
2048)`) is not smaller than the request. The client refuses all of these before anything runs. A size
that is no number, such as memory="16GB", it passes over without a word.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(scaledown_window=2 * 60 * 60)
    def predict():
        print("predicting")

Bad:
    import modal

    app = modal.App("cats")

    @app.function(min_containers=4, max_containers=2)
    def predict():
        print("predicting")

Good:
    import modal

    app = modal.App("cats")

    @app.function(scaledown_window=60 * 60, min_containers=1, max_containers=2)
    def predict():
        print("predicting")
"""

from collections.abc import Iterator

from homeport.check.facts import Facts, Function
from homeport.check.findings import Finding
from homeport.check.rules._given import number, option_site, remote_functions
from homeport.check.values import is_known

CODE = "HP404"

WINDOW_S = (2, 3600)
_COUNTS = ("min_containers", "max_containers", "buffer_containers", "scaledown_window")


def check(facts: Facts) -> Iterator[Finding]:
    for function in remote_functions(facts):
        for option, what, fix in (*_counts(function), *_order(function), *_limits(function)):
            site = option_site(function, option)
            yield Finding(CODE, site, what, "error", function.name, fix=fix)
        for option, what, fix in _passed_over(function):
            yield Finding(CODE, option_site(function, option), what, "warning", function.name, fix=fix)


def _counts(function: Function) -> Iterator[tuple[str, str, str]]:
    for option in _COUNTS:
        value = function.options.get(option)
        if value is None or not is_known(value):
            continue
        said = f"{option}={value!r} of {function.name}"
        if isinstance(value, bool):
            continue
        if not isinstance(value, int):
            yield option, f"{said} is no whole number, and the client refuses it", "Give a whole number."
        elif option == "scaledown_window" and not WINDOW_S[0] <= value <= WINDOW_S[1]:
            nearest = min(max(value, WINDOW_S[0]), WINDOW_S[1])
            what = f"{said} is outside of {WINDOW_S[0]} to {WINDOW_S[1]} seconds, and the client refuses it"
            yield option, what, f"Give scaledown_window={nearest}."
        elif value < 0:
            yield option, f"{said} is negative, and the client refuses it", "Give 0 or more."


def _order(function: Function) -> Iterator[tuple[str, str, str]]:
    least = number(function.options.get("min_containers"))
    most = number(function.options.get("max_containers"))
    if least is not None and most is not None and most < least:
        what = f"min_containers={least:g} of {function.name} is greater than its max_containers={most:g}"
        yield "min_containers", what, "Raise max_containers=, or lower min_containers=."


def _limits(function: Function) -> Iterator[tuple[str, str, str]]:
    for option in ("cpu", "memory"):
        value = function.options.get(option)
        both = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
        asked, limit = number(both[0]), number(both[1])
        if asked is None or limit is None:
            continue
        if asked < 0:
            yield option, f"{option}={value!r} of {function.name} is negative", "Give more than 0."
        elif limit < asked:
            what = f"{option}={value!r} of {function.name} has a limit that is lower than its request"
            yield option, what, f"Write {option}=(request, limit), the larger number second."


def _passed_over(function: Function) -> Iterator[tuple[str, str, str]]:
    """The client takes no notice of a size that is of another type than it wants."""
    for option, fix in (
        ("cpu", "Give a number of cores, such as 2.0."),
        ("memory", "Give MiB, such as 16384."),
    ):
        value = function.options.get(option)
        if isinstance(value, str | dict) or (option == "memory" and isinstance(value, float)):
            wanted = "whole number" if option == "memory" else "number"
            what = f"{option}={value!r} of {function.name} is no {wanted}, and the client passes over it"
            yield option, f"{what}: it gets Modal's default", fix
