"""A Volume is committed only where all goes well.

    train()
    results.commit()

An error in `train()` jumps over the commit. What was written is not lost at once: Modal commits by itself
every few seconds, and when the container ends. But a container that is killed, for its memory or by
preemption, does not end in order, and takes what was written last with it: the checkpoint and the log that
say why. Nor does a commit of that kind know where one checkpoint ends, so a half-written one may be what is
kept. Commit after each checkpoint, or in a `finally:`.

Bad:

    import subprocess
    import modal

    app = modal.App("train")
    results = modal.Volume.from_name("results", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/results": results}, timeout=3600)
    def train():
        subprocess.run(["sh", "-c", "echo 1 > /results/checkpoint"], check=True)
        results.commit()

Good:

    import subprocess
    import modal

    app = modal.App("train")
    results = modal.Volume.from_name("results", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/results": results}, timeout=3600)
    def train():
        try:
            subprocess.run(["sh", "-c", "echo 1 > /results/checkpoint"], check=True)
        finally:
            results.commit()
"""

import ast
from collections.abc import Iterator, Sequence

from homeport.check.facts import Call, Event, Facts, Function, Volume
from homeport.check.findings import Finding
from homeport.check.paths import CHILDREN, is_below, mounts, read_paths, same_volume, uses, written_paths
from homeport.check.syntax import container_events

CODE = "HP303"


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        places = mounts(function)
        if not places or function.kind != "function" or not _takes_long(function):
            continue
        events = container_events(facts, function)
        for place, volume in places.items():
            if isinstance(volume, Volume):
                yield from _of_volume(function, place, volume, events)


def _takes_long(function: Function) -> bool:
    """A training, by its machine or its timeout: a short function, or a download, is simply called again."""
    if "download" in function.name.lower():
        return False
    timeout = function.options.get("timeout")
    return bool(function.options.get("gpu")) or (isinstance(timeout, int | float) and timeout > 600)


def _of_volume(function: Function, place: str, volume: Volume, events: Sequence[Event]) -> Iterator[Finding]:
    commits = [
        (number, event)
        for number, event in enumerate(events)
        if isinstance(event, Call) and event.name == "Volume.commit" and same_volume(event.receiver, volume)
    ]
    if not commits or any(event.guards & {"finally", "except", "loop"} for _, event in commits):
        return
    if len({event.site for _, event in commits}) > 1 or _is_handed_on(function):
        return  # committed now and then, or by who is given `results.commit`
    number, commit = commits[0]
    what = _what_writes(events[:number], place)
    if what is None:
        return
    yield Finding(
        CODE,
        commit.site,
        f"{function.name} commits what it writes to {place} only where all goes well: after an error or a "
        "kill, what was written last depends on the commit that Modal makes every few seconds",
        "note",
        function.name,
        "commit in a `finally:` around it, or after each checkpoint",
        related=((what.site, "written before"),),
    )


def _what_writes(before: Sequence[Event], place: str) -> Event | None:
    """What writes to the Volume ahead of the commit, or may: a child process, a call with a path of it."""
    for event in before:
        if isinstance(event, Call) and event.scope:
            if CHILDREN.match(event.name):
                return event
            if any(is_below(touch.path, place) for touch in written_paths(event)):
                return event
            if uses(event, place) and not read_paths(event):
                return event
    return None


def _is_handed_on(function: Function) -> bool:
    """Whether `commit` itself is given to something: `on_checkpoint=results.commit`."""
    called = {id(node.func) for node in ast.walk(function.node) if isinstance(node, ast.Call)}
    return any(
        isinstance(node, ast.Attribute) and node.attr == "commit" and id(node) not in called
        for node in ast.walk(function.node)
    )
