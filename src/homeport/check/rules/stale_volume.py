"""A function reads from a Volume what another one has written, without reload().

A container sees a Volume as it was when the container started, and what it writes itself. What another
container commits later is seen after `volume.reload()` only. That matters where a function calls one that
writes and then reads the result itself, where it waits for a file in a loop, and in a container that lives
long: a web endpoint, or one that `min_containers` keeps.

A container that starts after the commit needs no reload. One that is still warm from the call before does:
that two functions share a Volume so is a note.

Bad:

    import os
    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def prepare():
        open("/data/list.txt", "w").write("cats")
        data.commit()

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def train():
        prepare.remote()
        print(open("/data/list.txt").read())

Good:

    import os
    import modal

    app = modal.App("train")
    data = modal.Volume.from_name("data", create_if_missing=True)

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def prepare():
        open("/data/list.txt", "w").write("cats")
        data.commit()

    @app.function(image=modal.Image.debian_slim(), volumes={"/data": data})
    def train():
        prepare.remote()
        data.reload()
        print(open("/data/list.txt").read())
"""

from collections.abc import Iterator, Sequence

from homeport.check.facts import Call, Facts, Function, Volume
from homeport.check.findings import Finding
from homeport.check.paths import CHILDREN, is_below, mounts, read_paths, same_volume, written_paths
from homeport.check.syntax import container_events

CODE = "HP304"

CALLS = frozenset(
    f"Function.{name}"
    for name in ("remote", "map", "starmap", "for_each", "remote_gen", "spawn", "spawn_map")
)
ASKS = frozenset(("exists", "is_file", "isfile", "listdir"))
WEB = frozenset(("web_server", "asgi_app", "wsgi_app", "fastapi_endpoint", "web_endpoint"))


def check(facts: Facts) -> Iterator[Finding]:
    for function in facts.app.functions:
        places = mounts(function)
        if not places or function.name not in facts.containers:
            continue
        events = [event for event in container_events(facts, function) if isinstance(event, Call)]
        for place, volume in places.items():
            if not isinstance(volume, Volume) or (volume.read_only and _is_written_by_nobody(volume, facts)):
                continue
            found = (
                _after_a_call(function, place, volume, events, facts)
                or _waiting(function, place, volume, events)
                or _living_long(function, place, volume, events, facts)
            )
            if found:
                yield found


def _reloads(event: Call, volume: Volume) -> bool:
    return event.name == "Volume.reload" and same_volume(event.receiver, volume)


def _read_below(event: Call, place: str) -> str | None:
    if event.scope:
        for touch in read_paths(event):
            if is_below(touch.path, place):
                return touch.path
    return None


def _writes(function: Function, volume: Volume, facts: Facts, path: str = "") -> bool:
    """Whether a function commits a Volume, or writes below where it has it; `path` where it is known what."""
    places = [place for place, other in (mounts(function) or {}).items() if same_volume(other, volume)]
    events = container_events(facts, function)
    written = [touch.path for event in events for touch in written_paths(event)]
    inside = [each for each in written if any(is_below(each, place) for place in places)]
    if inside:
        return not path or any(is_below(each, path) or is_below(path, each) for each in inside)
    return any(
        isinstance(event, Call) and event.name == "Volume.commit" and same_volume(event.receiver, volume)
        for event in events
    )


def _is_written_by_nobody(volume: Volume, facts: Facts) -> bool:
    return not any(_writes(function, volume, facts) for function in facts.app.functions)


def _after_a_call(
    function: Function, place: str, volume: Volume, events: Sequence[Call], facts: Facts
) -> Finding | None:
    """Reads what a function that it called has written."""
    writer: Call | None = None
    own: set[str] = set()
    for event in events:
        if _reloads(event, volume):
            writer = None
        elif event.name in CALLS:
            called = event.receiver
            if isinstance(called, Function) and called is not function and _writes(called, volume, facts):
                writer = event
        elif writer is not None and (path := _read_below(event, place)) and path not in own:
            assert isinstance(writer.receiver, Function)
            return Finding(
                CODE,
                event.site,
                f"{function.name} reads {path} after it called {writer.receiver.name}, which writes to "
                f"the same Volume in a container of its own: without reload() it sees {place} as it was "
                "before",
                "warning",
                function.name,
                f"call .reload() on the Volume at {place} before this line",
                related=((writer.site, "called here"),),
            )
        own |= {touch.path for touch in written_paths(event)}
    return None


def _waiting(function: Function, place: str, volume: Volume, events: Sequence[Call]) -> Finding | None:
    """Looks for a file again and again."""
    if any(
        _reloads(event, volume) or (isinstance(event, Call) and CHILDREN.match(event.name))
        for event in events
    ):
        return None
    for number, event in enumerate(events):
        if not isinstance(event, Call) or event.name != "time.sleep" or "loop" not in event.guards:
            continue
        for asked in events[max(0, number - 3) : number + 3]:
            path = _read_below(asked, place)
            if path and isinstance(asked, Call) and asked.name.rpartition(".")[2] in ASKS:
                return Finding(
                    CODE,
                    asked.site,
                    f"{function.name} waits for {path}, and without reload() never sees what another "
                    f"container commits to the Volume at {place}",
                    "warning",
                    function.name,
                    f"call .reload() on the Volume at {place} each time before it looks",
                )
    return None


def _living_long(
    function: Function, place: str, volume: Volume, events: Sequence[Call], facts: Facts
) -> Finding | None:
    """A container that goes on while others commit."""
    if any(_reloads(event, volume) for event in events):
        return None
    own = {touch.path for event in events for touch in written_paths(event)}
    reads = ((event, path) for event in events if (path := _read_below(event, place)) and path not in own)
    read = next(reads, None)
    if read is None:
        return None
    others = [other for other in facts.app.functions if other is not function]
    writers = [other.name for other in others if _writes(other, volume, facts, read[1])]
    if not writers:
        return None
    kept = function.options.get("min_containers") or function.options.get("keep_warm")
    is_web = any(name.rpartition(".")[2] in WEB for name in function.decorators)
    why = (
        "is a web endpoint" if is_web else "has containers that are kept" if kept else "never calls reload()"
    )
    return Finding(
        CODE,
        read[0].site,
        f"{function.name} {why} and reads {read[1]} as it was when its container started: one that is "
        f"still warm does not see what {writers[0]} commits to the same Volume",
        "note",
        function.name,
        f"call .reload() on the Volume at {place} before it is read, where newer files are wanted",
    )
