"""The app's file cannot be imported where `modal run` is typed.

The client imports the file before anything else, and so does the check, in a process of its own without a
network, a server or a terminal. Where that raises an exception, `modal run` ends with it, too: an error. A
module that ends the process or asks for input when it is imported does the same in every container: a
warning. Where the check itself is the cause (the module asks a host or Modal's server while it is imported,
or takes longer than the time that it is given), the app is only read, and a note says so.

What belongs to one function goes into that function, or under `if modal.is_local():`.

A module that is missing on this side is said by the rules on imports.

Bad:

    # loaded: yes
    import modal

    app = modal.App("train")
    SIZES = {"small": 1, "large": 8}

    @app.function(cpu=SIZES["medium"])
    def train(): ...

Bad:

    # loaded: yes
    import sys
    import modal

    app = modal.App("train")

    @app.function()
    def train(): ...

    sys.exit(0)

Good:

    # loaded: yes
    import sys
    import modal

    app = modal.App("train")
    SIZES = {"small": 1, "medium": 4, "large": 8}

    @app.function(cpu=SIZES["medium"])
    def train(): ...

    @app.local_entrypoint()
    def main():
        sys.exit(train.remote())
"""

from collections.abc import Iterator

from homeport.check.facts import Facts, Import, LoadFailure, MissingModule
from homeport.check.findings import Finding, Severity
from homeport.check.values import Site

CODE = "HP002"

OWN_LIMITS = ("MemoryError", "BlockingIOError")  # those that the check sets to what it loads

FIXES = {
    "exception": "Mend it, or move what belongs to one function into it.",
    "exit": "Move it into a local entry point, or under `if __name__ == '__main__':`.",
    "input": "Make it a parameter of a local entry point.",
    "network": "Move it into the function that needs it, or under `if modal.is_local():`.",
    "server": "Move it into a function or a local entry point.",
    "timeout": "Move the work into a function.",
    "crash": "",
    "client": "Name the Python that has it: --python PATH.",
}


def check(facts: Facts) -> Iterator[Finding]:
    failure = facts.load_failure
    if failure is None or _is_said_elsewhere(failure, facts):
        return
    severity = _severity(failure)
    ending = "" if severity == "error" else "; the check goes by its source alone"
    yield Finding(
        CODE,
        failure.site or Site(facts.entry.path, 1),
        f"{facts.entry.path.name} cannot be loaded, since it {failure.why}{ending}",
        severity,
        fix=FIXES[failure.kind],
    )


def _severity(failure: LoadFailure) -> Severity:
    if failure.kind == "exception" and failure.error not in OWN_LIMITS:
        return "error"
    return "warning" if failure.kind in ("exception", "exit", "input") else "note"


def _is_said_elsewhere(failure: LoadFailure, facts: Facts) -> bool:
    """An import of a module that the launcher surely lacks."""
    site = failure.site
    return bool(failure.missing and site) and any(
        isinstance(event, Import)
        and isinstance(event.resolution, MissingModule)
        and site is not None
        and (event.site.path, event.site.line) == (site.path, site.line)
        for event in facts.launch_events
    )
