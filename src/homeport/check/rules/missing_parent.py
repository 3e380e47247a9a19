"""A folder above the file, which the file has not in the container.

`Path(__file__).resolve().parents[2]` is the project's folder where the file lies deep in it. In the container
the entry file is `/root/app.py`, and has two folders above it: `parents[2]` raises IndexError while the file
is imported, before any function runs. Ask for it under `modal.is_local()` only.

Bad:
    from pathlib import Path

    import modal

    ROOT = Path(__file__).resolve().parents[2]
    app = modal.App("deep")


    @app.function()
    def work() -> None: ...

Good:
    from pathlib import Path

    import modal

    ROOT = Path(__file__).resolve().parents[2] if modal.is_local() else Path("/root")
    app = modal.App("deep")


    @app.function()
    def work() -> None: ...
"""

from collections.abc import Iterator

from homeport.check.facts import Facts, Raise
from homeport.check.findings import Finding
from homeport.check.source_text import text_at

CODE = "HP111"
CATCHING = frozenset({"IndexError", "LookupError", "Exception", "BaseException"})


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.containers:
        said: set[object] = set()
        for event in facts.events.get(function, ()):
            is_index = isinstance(event, Raise) and event.name == "IndexError"
            text = text_at(facts, event.site) if is_index else ""
            if (
                ".parents[" not in text
                or text.startswith("raise")
                or event.site in said
                or event.caught & CATCHING
            ):
                continue
            said.add(event.site)
            yield Finding(
                CODE,
                event.site,
                f"{text} raises IndexError in the container of {function}: {event.module.path.name} lies "
                "there with fewer folders above it",
                "error" if event.is_certain else "warning",
                function=function,
                fix='Ask for it where one launches only: `... if modal.is_local() else Path("/root")`.',
            )
