"""An option that the installed client does not take

Modal has renamed and removed options over the years, and code that is older than the client, or was written
from older examples, still has them: `keep_warm`, `concurrency_limit`, `container_idle_timeout`,
`allow_concurrent_inputs`, `mounts`. The client refuses them when the file is imported, as it refuses an
option that is misspelt. Which options there are is known for each version of the client; where a newer
client is installed than the check knows, an unknown option is a warning.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(keep_warm=1, concurrency_limit=4, timeout=600)
    def predict():
        print("predicting")

Bad:
    import modal

    app = modal.App("cats")

    @app.function(timout=3600)
    def train():
        print("training")

Bad:
    import modal

    image = modal.Image.debian_slim().copy_local_dir("data", "/data")
    app = modal.App("cats", image=image)

    @app.function()
    def train():
        print("training")

Good:
    import modal

    app = modal.App("cats")

    @app.function(min_containers=1, max_containers=4, timeout=3600)
    def predict():
        print("predicting")
"""

from collections.abc import Iterable, Iterator

from homeport.check import client_api
from homeport.check.client_api import Gone, Version, version_of
from homeport.check.facts import Facts, Function, Step
from homeport.check.findings import Edit, Finding, Severity
from homeport.check.rules._given import (
    call_at,
    decorator,
    keyword,
    module_at,
    option_site,
    remote_functions,
    rename,
)
from homeport.check.rules._images import steps_of
from homeport.check.values import Site
from homeport.plan import suggestions

CODE = "HP410"


def check(facts: Facts) -> Iterator[Finding]:
    client = version_of(facts.launcher.client_version)
    for function in remote_functions(facts):
        for option in function.options:
            if not option.startswith("*"):
                yield from _option(function, option, client)
    for owner, step in steps_of(facts):
        yield from _step(facts, owner, step, client)


def _option(function: Function, option: str, client: Version) -> Iterator[Finding]:
    kind = _kind_of(function)
    what = {"class": "@app.cls", "server": "@app.server"}.get(kind, "@app.function")
    known = client_api.OPTIONS[kind]
    gone = client_api.GONE_OPTIONS.get(option)
    word = keyword(decorator(function), option)
    if gone is not None and client >= gone.since:
        edits = (rename(function, word, gone.rename),) if word is not None and gone.rename else ()
        yield _removed(
            option_site(function, option), f"{option}= of {what}", gone, client, function.name, edits
        )
    elif gone is None and option in known and client < known[option]:
        since = _spoken(known[option])
        yield Finding(
            CODE,
            option_site(function, option),
            f"{option}= of {what} came with modal {since}, and modal {_spoken(client)} is installed",
            "error",
            function.name,
            fix=f"Install modal {since} or newer where it is run from.",
        )
    elif gone is None and option not in known and not option.startswith("_"):
        near = suggestions.closest(option, known)
        yield Finding(
            CODE,
            option_site(function, option),
            f"{what} has no option {option}=" + (f"; there is {near}=" if near else ""),
            "warning" if kind == "server" else _certainty(client),
            function.name,
            fix=f"Write {near}=." if near else f"Leave {option}= out.",
            edits=(rename(function, word, near),) if word is not None and near else (),
        )


def _kind_of(function: Function) -> str:
    return "server" if "app.server" in function.decorators else function.kind


def _step(facts: Facts, owner: str, step: Step, client: Version) -> Iterator[Finding]:
    takes = client_api.IMAGE.get(step.method)
    gone = client_api.GONE_STEPS.get(step.method)
    if takes is None and gone is not None:
        if client >= gone.since:
            yield _removed(
                step.site, f"Image.{step.method}()", gone, client, owner, _renamed(facts, step, gone)
            )
        return
    if takes is None:
        near = suggestions.closest(step.method, client_api.IMAGE)
        yield Finding(
            CODE,
            step.site,
            f"an image has no step {step.method}()" + (f"; there is {near}()" if near else ""),
            _certainty(client),
            owner,
            fix=f"Write {near}(…)." if near else "",
        )
        return
    names = [name.lstrip("*") for name in takes]
    for option in step.options:
        if option in names or option.startswith("*") or any(name.startswith("**") for name in takes):
            continue
        lost = client_api.GONE_STEP_OPTIONS.get(option)
        what = f"{option}= of Image.{step.method}()"
        if lost is not None:
            yield _removed(step.site, what, lost, client, owner, ())
            continue
        near = suggestions.closest(option, names)
        yield Finding(
            CODE,
            step.site,
            f"Image.{step.method}() has no option {option}=" + (f"; there is {near}=" if near else ""),
            _certainty(client),
            owner,
            fix=f"Write {near}=." if near else f"Leave {option}= out.",
        )


def _renamed(facts: Facts, step: Step, gone: Gone) -> tuple[Edit, ...]:
    module = module_at(facts, step.site)
    call = call_at(module, step.site, step.method) if module is not None and gone.rename else None
    if module is None or call is None:
        return ()
    line, end = call.func.end_lineno or 0, call.func.end_col_offset or 0
    return (Edit(Site(module.path, line, end - len(step.method.encode()), line, end), gone.rename),)


def _removed(
    site: Site, what: str, gone: Gone, client: Version, owner: str, edits: Iterable[Edit]
) -> Finding:
    became = f"is {gone.rename} now" if gone.rename else "is gone"
    return Finding(
        CODE,
        site,
        f"{what} {became}, and modal {_spoken(client)} refuses it",
        "error",
        owner,
        fix=gone.fix,
        edits=tuple(edits),
    )


def _certainty(client: Version) -> Severity:
    """A client that is newer than the table may have it."""
    return "error" if client <= client_api.NEWEST else "warning"


def _spoken(version: Version) -> str:
    return ".".join(map(str, version))
