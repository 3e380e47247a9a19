"""A positional argument is not taken

`modal run app.py::train data/cats` fails with "Got unexpected extra argument (data/cats)": the command has
options only, one for each parameter of the function. Only a function of `*args` alone takes arguments as
they are. The word behind a flag such as `--resume yes` is such an argument, too.

Bad:
    # command: app.py::train -- data/cats
    import modal

    app = modal.App("cats")

    @app.function()
    def train(data_dir: str = "/data"):
        print("training")

Good:
    # command: app.py::train -- --data-dir data/cats
    import modal

    app = modal.App("cats")

    @app.function()
    def train(data_dir: str = "/data"):
        print("training")
"""

from collections.abc import Iterator

from homeport.check.command_line import Given, Option, meant, options, take_apart, takes_anything
from homeport.check.facts import Facts
from homeport.check.findings import Finding

CODE = "HP503"


def check(facts: Facts) -> Iterator[Finding]:
    runnable = meant(facts)
    if runnable is None or facts.command is None or takes_anything(runnable):
        return
    known = options(runnable, facts)
    given = take_apart(facts.command.arguments, known)
    if given.is_help or given.unknown or not given.extra:
        return
    if any(word.startswith("-") for word in given.extra):
        return  # options behind a "--", which are missed before that
    words = " ".join(given.extra)
    yield Finding(
        CODE,
        runnable.function.site,
        f"{runnable.name} takes no argument without an option's name, and is given {words}",
        "error",
        runnable.function.name,
        fix=_fix(known, given),
    )


def _fix(known: tuple[Option, ...], given: Given) -> str:
    free = [option for option in known if option.flag not in given.values and option.kind != "bool"]
    if not free:
        return f"Leave {given.extra[0]} out."
    best = next((option for option in free if option.is_required), free[0])
    return f"Write --{best.flag} {given.extra[0]}."
