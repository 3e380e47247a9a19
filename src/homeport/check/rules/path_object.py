"""A Path object is put on sys.path, where Python passes over it.

Entries of `sys.path` have to be text: `sys.path.insert(0, Path("/app"))` raises nothing and has no effect.

Bad:
    import sys
    from pathlib import Path

    import modal

    app = modal.App("path")


    @app.function()
    def work() -> None:
        sys.path.insert(0, Path("/root"))

Good:
    import sys
    from pathlib import Path

    import modal

    app = modal.App("path")


    @app.function()
    def work() -> None:
        sys.path.insert(0, str(Path("/root")))
"""

from collections.abc import Iterator
from pathlib import PurePath

from homeport.check.facts import Event, Facts, PathEdit
from homeport.check.findings import Edit, Finding
from homeport.check.source_text import text_at

CODE = "HP110"


def check(facts: Facts) -> Iterator[Finding]:
    said: set[object] = set()
    everywhere: list[tuple[Event, ...]] = [*facts.events.values(), facts.launch_events]
    for events in everywhere:
        for event in events:
            if not isinstance(event, PathEdit) or not isinstance(event.folder, PurePath):
                continue
            site = event.folder_site or event.site
            if site in said:
                continue
            said.add(site)
            text = text_at(facts, event.folder_site) if event.folder_site else ""
            yield Finding(
                CODE,
                site,
                f"{event.folder} is put on sys.path as a Path object, which Python passes over",
                "warning",
                fix="Put it there as text: str(...).",
                edits=(Edit(site, f"str({text})"),) if text else (),
            )
