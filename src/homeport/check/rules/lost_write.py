"""A result is written outside every Volume, and lost.

A container's own file system ends with the container. What a training keeps has to lie in a Volume: below
one of the paths of the function's `volumes=`, or it has to be returned, uploaded or copied to one.

A file that the function goes on to read, copies, uploads or gives to a child process is not lost, and
nothing is said of it. A checkpoint in `/tmp` is a note.

Bad:

    import modal
    import torch

    app = modal.App("train")
    results = modal.Volume.from_name("results", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim().pip_install("torch"), volumes={"/results": results})
    def train():
        torch.save({"weights": [1.0]}, "/checkpoints/model.pt")

Good:

    import modal
    import torch

    app = modal.App("train")
    results = modal.Volume.from_name("results", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim().pip_install("torch"), volumes={"/results": results})
    def train():
        torch.save({"weights": [1.0]}, "/results/checkpoints/model.pt")
"""

import re
from collections.abc import Iterator, Sequence

from homeport.check.facts import Call, Event, Facts, Function
from homeport.check.findings import Finding, Severity
from homeport.check.paths import CHILDREN, Touch, absolute, beginning, is_below, mounts, uses, written_paths
from homeport.check.syntax import container_events

CODE = "HP301"

SCRATCH = ("/tmp", "/dev", "/proc", "/sys", "/run", "/var/tmp")
UPLOADS = re.compile(
    r"push_to_hub|upload|log_artifact|log_model|add_file$|add_dir$|wandb\.save|put_object|put_file|put_directory"
)
FETCHES = re.compile(r"download|fetch|install|setup|prepare", re.IGNORECASE)
SYSTEM = ("/etc", "/usr", "/var", "/opt", "/bin", "/lib")


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        places = mounts(function)
        if places is None or function.name not in facts.containers:
            continue
        events = container_events(facts, function)
        linked = list(_links(events))
        said: set[str] = set()
        for number, event in enumerate(events):
            if not event.scope:
                continue
            for touch in written_paths(event):
                if touch.path in said or any(is_below(touch.path, place) for place in (*places, *linked)):
                    continue
                severity = _severity(touch)
                if severity is None or _is_used(touch, events, number):
                    continue
                said.add(touch.path)
                yield _finding(touch, severity, function, list(places))


def _severity(touch: Touch) -> Severity | None:
    """None for what nobody would want to keep."""
    if any(is_below(touch.path, folder) for folder in SCRATCH):
        return "note" if touch.is_result and touch.path.startswith("/tmp/") else None
    is_fetched = FETCHES.search(touch.call.scope) is not None  # it can be fetched again
    if touch.is_result and not is_fetched:
        return "warning"
    hidden = any(part.startswith(".") for part in touch.path.split("/"))
    if hidden or any(is_below(touch.path, folder) for folder in SYSTEM) or not touch.call.is_certain:
        return None
    return "note"


def _is_used(touch: Touch, events: Sequence[Event], number: int) -> bool:
    """Whether something is done with what is written: before, where it is a loop's, or after."""
    for place, event in enumerate(events):
        if event is touch.call or event.site in touch.call.via:
            continue
        if isinstance(event, Call) and UPLOADS.search(event.name):
            return True  # of a folder that it knows
        if place < number and "loop" not in event.guards:
            continue
        if any(written.path == touch.path for written in written_paths(event)):
            continue
        if uses(event, touch.path):
            return True
        is_child = isinstance(event, Call) and CHILDREN.match(event.name)
        if is_child and not touch.is_result:
            return True  # a configuration that the child process finds by itself
    return False


def _links(events: Sequence[Event]) -> Iterator[str]:
    """Links in the container's file system, which may lead to a Volume."""
    for event in events:
        if isinstance(event, Call) and event.name in ("os.symlink", "pathlib.Path.symlink_to"):
            link = event.receiver if event.name.startswith("pathlib") else (*event.args, None, None)[1]
            path = absolute(beginning(link)[0] or "?", event.folder)
            yield path or "/"


def _finding(touch: Touch, severity: Severity, function: Function, places: list[str]) -> Finding:
    where = touch.path if touch.is_whole else f"{touch.path}/…"
    if places:
        volumes = f"the Volume{'s are' if len(places) > 1 else ' is'} at {' and '.join(sorted(places))}"
        fix = f"write below {sorted(places)[0]}"
    else:
        volumes = "there is none"
        fix = f'give {function.name} a Volume: volumes={{"{_folder(touch.path)}": volume}}'
    return Finding(
        CODE,
        touch.call.site,
        f"{where}, written in the container of {function.name}, is in no Volume and lost when that ends: "
        f"{volumes}",
        severity,
        function.name,
        fix,
        ("return it, or upload it, before the function ends",),
    )


def _folder(path: str) -> str:
    """A place for a Volume that has a path in it and that Modal does not refuse."""
    parts = path.split("/")
    depth = 3 if parts[1] in ("root", "tmp") else 2
    return "/".join(parts[:depth]) if len(parts) > depth else "/results"
