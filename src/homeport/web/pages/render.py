"""Templates to HTML: one jinja environment, everything escaped; how times are written."""

import re
import time
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from homeport.plan.durations import human_age, human_duration
from homeport.plan.sizes import human_size

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def draw(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(values)


def answer(request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
    """A page as a response. Call it in a thread where there is much to draw."""
    # a file's name may hold bytes that are no text
    html = draw(template, path=request.url.path, **values).encode("utf-8", "replace")
    return HTMLResponse(html, status)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("homeport.web.pages"),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    for written in (ago, clock, day, human_duration, human_size, count, plain, short, marked):
        environment.filters[written.__name__] = written
    environment.globals["now"] = time.time
    return environment


def clock(at: float) -> Markup:
    """A moment as a `time` element in this machine's own zone; a dash for none."""
    if not at:
        return Markup('<span class="none">–</span>')
    moment = datetime.fromtimestamp(at).astimezone()
    return Markup('<time datetime="{}">{}</time>').format(
        moment.isoformat(timespec="seconds"), moment.strftime("%Y-%m-%d %H:%M:%S")
    )


def day(at: float) -> Markup:
    """As `clock`, short where it was today, with the whole as its title."""
    if not at:
        return Markup('<span class="none">–</span>')
    moment = datetime.fromtimestamp(at).astimezone()
    is_today = moment.date() == datetime.now().astimezone().date()
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(
        moment.isoformat(sep=" ", timespec="seconds"),
        moment.strftime("%H:%M:%S") if is_today else moment.strftime("%Y-%m-%d %H:%M"),
    )


def ago(at: float) -> str:
    return f"{human_age(time.time() - at)} ago" if at else "never"


def count(number: int, noun: str, plural: str = "") -> str:
    """(1, 'file') -> '1 file'."""
    return f"1 {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def plain(text: str) -> str:
    """A line of output as text: without a terminal's escapes, and of a progress bar its last state."""
    ended = text.rstrip("\r\n")
    return _CONTROLS.sub("\ufffd", _ESCAPES.sub("", ended.rsplit("\r", 1)[-1])) if ended else ""


def short(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def marked(text: str, wanted: str) -> Markup:
    """The text with each place of `wanted` in a `mark` element."""
    if not wanted:
        return escape(text)
    parts = text.split(wanted)
    return Markup("<mark>{}</mark>").format(wanted).join(escape(part) for part in parts)
