"""What a rule says: where, what, why and how to mend it."""

from dataclasses import dataclass, field
from typing import Literal

from homeport.check.values import Site

Severity = Literal["error", "warning", "note"]
"""error: it will fail, for certain. warning: it likely fails, or does what nobody wants. note: cannot
prove, or worth knowing.
"""


@dataclass(frozen=True)
class Edit:
    """A piece of a fix: what stands at `site` becomes `text`. An empty site (end = start) inserts."""

    site: Site
    text: str


@dataclass(frozen=True)
class Finding:
    """One finding. `message` is one sentence, of what happens, to what; `fix` says what to do, and
    `edits` do it where it is certain.

    `function` is the Modal function whose container it is about, empty where it is about the app.
    `others` are ways to mend it beside `fix`. `related` are further places with a word on each ("put on
    the path here").
    """

    code: str
    site: Site
    message: str
    severity: Severity
    function: str = ""
    fix: str = ""
    others: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    related: tuple[tuple[Site, str], ...] = field(default=())
