"""The arguments do not fit the function

`modal run app.py::train --epochs 3 --learning-rate 0.1` makes an option of each parameter: `_` is written
`-`, a bool is a flag (`--resume`, `--no-resume`), a parameter without a default has to be given, and values
have to be of the parameter's type. An option that there is not, one that is missing or has no value, and a
value of another type are refused, after the app's file was imported and before anything runs.

Bad:
    # command: app.py::train -- --learning_rate 0.1
    import modal

    app = modal.App("cats")

    @app.function()
    def train(learning_rate: float = 0.001):
        print("training")

Bad:
    # command: app.py::train -- --epochs many
    import modal

    app = modal.App("cats")

    @app.function()
    def train(epochs: int):
        print("training")

Good:
    # command: app.py::train -- --epochs 3 --learning-rate 0.1 --no-resume
    import modal

    app = modal.App("cats")

    @app.function()
    def train(epochs: int, learning_rate: float = 0.001, resume: bool = True):
        print("training")
"""

from collections.abc import Iterator
from datetime import datetime

from homeport.check.command_line import (
    Given,
    Option,
    has_own_constructor,
    meant,
    options,
    parameters,
    take_apart,
    takes_anything,
)
from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.plan import suggestions

CODE = "HP502"

_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")


def check(facts: Facts) -> Iterator[Finding]:
    runnable = meant(facts)
    if runnable is None or facts.command is None or takes_anything(runnable):
        return
    if runnable.method and has_own_constructor(runnable.function):
        return  # its parameters are options, too, by a form that is going away
    if any(parameter.kind == "var_positional" for parameter in parameters(runnable)):
        return  # HP504's
    known = options(runnable, facts)
    given = take_apart(facts.command.arguments, known)
    if given.is_help:
        return
    for what, fix in _mistakes(known, given):
        yield Finding(
            CODE,
            runnable.function.site,
            f"{runnable.name} {what}",
            "error",
            runnable.function.name,
            fix=fix,
        )


def _mistakes(known: tuple[Option, ...], given: Given) -> Iterator[tuple[str, str]]:
    flags = [f"--{option.flag}" for option in known]
    for flag in given.unknown:
        near = suggestions.closest(flag, flags)
        there = f"; it has {', '.join(flags)}" if flags else " nor any other"
        fix = f"Write {near}." if near else f"Leave {flag} out, or give the function such a parameter."
        yield f"has no option {flag}" + ("" if near else there), fix
    for flag in given.without:
        yield f"is given {flag} without a value", f"Write a value behind {flag}."
    for flag in given.with_value:
        yield f"takes {flag} as a flag, without a value", f"Write {flag}, or --no-{flag[2:]}."
    for option in known:
        value = given.values.get(option.flag)
        is_missing = value is None and f"--{option.flag}" not in given.without
        if option.is_required and is_missing and not given.unknown:
            yield f"needs --{option.flag}, which is not given", f"Write --{option.flag} with a value."
        elif value is not None and (wanted := _mismatch(option, value)):
            yield f"takes {wanted} for --{option.flag}, and is given {value!r}", f"Give {wanted}."


def _mismatch(option: Option, value: str) -> str:
    """What an option takes, where the value is not such."""
    if option.kind in ("int", "float"):
        try:
            int(value) if option.kind == "int" else float(value)
        except ValueError:
            return "a whole number" if option.kind == "int" else "a number"
    if option.kind == "choice" and value not in option.choices:
        return " or ".join(option.choices)
    if option.kind == "datetime" and not any(_is_date(value, form) for form in _FORMATS):
        return "a date such as 2026-01-31 or 2026-01-31T12:00:00"
    return ""


def _is_date(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form)
    except ValueError:
        return False
    return True
