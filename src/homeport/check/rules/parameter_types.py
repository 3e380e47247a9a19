"""A parameter has a type that the command line cannot take

The client makes options for str, int, float, bool, datetime.datetime, `Literal` of texts or of whole
numbers, and for these with `| None`. A function with a parameter of another type (list, dict, Path, a
union) cannot be run by `modal run` at all, whatever its default is; nor one that has other parameters
beside `*args`.

Bad:
    import modal

    app = modal.App("cats")

    @app.function()
    def train(layers: list[int]):
        print("training")

    @app.local_entrypoint()
    def main(layers: list[int] = [1, 2]):
        train.remote(layers)

Good:
    import modal

    app = modal.App("cats")

    @app.function()
    def train(layers: list[int]):
        print("training")

    @app.local_entrypoint()
    def main(layers: str = "1,2"):
        train.remote([int(layer) for layer in layers.split(",")])
"""

from collections.abc import Iterator

from homeport.check.command_line import Runnable, meant, options, parameters, runnables
from homeport.check.facts import Facts
from homeport.check.findings import Finding, Severity

CODE = "HP504"


def check(facts: Facts) -> Iterator[Finding]:
    asked = meant(facts)
    if facts.command is not None:
        runs = [asked] if asked is not None else []
    else:  # an entry point is there to be run by the command
        runs = [each for each in runnables(facts) if each.function.kind == "local_entrypoint"]
    for runnable in runs:
        yield from _of(facts, runnable)


def _of(facts: Facts, runnable: Runnable) -> Iterator[Finding]:
    severity: Severity = "error" if facts.command is not None else "warning"
    function = runnable.function
    given = parameters(runnable)
    star = next((parameter for parameter in given if parameter.kind == "var_positional"), None)
    if star is not None and len(given) > 1:
        yield Finding(
            CODE,
            star.site,
            f"{runnable.name} takes *{star.name} and other parameters, and modal run refuses to run such",
            severity,
            function.name,
            fix=f"Take *{star.name} alone, or no *{star.name}.",
        )
        return
    for option in options(runnable, facts):
        if option.kind == "":
            yield Finding(
                CODE,
                option.site,
                f"--{option.flag} of {runnable.name} is {option.annotation}, for which modal run has no "
                "option",
                severity,
                function.name,
                fix="Take a str, and make of it what is needed inside.",
            )
