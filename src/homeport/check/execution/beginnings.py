"""Paths and texts of which only the beginning is known: `f"/results/{run}/model.pt"` begins "/results/"."""

from collections.abc import Iterable
from pathlib import PurePath

from homeport.check.execution.objects import MADE
from homeport.check.values import Unknown, Value


def beginning(value: Value) -> str:
    """What a value's text begins with; all of it where it is known."""
    if isinstance(value, str | PurePath):
        return str(value)
    return value.begins if isinstance(value, Unknown) else ""


def of_text(parts: Iterable[Value]) -> Value:
    """What parts that are written one after the other come to, where one is not known."""
    begins, why = "", MADE
    for part in parts:
        if isinstance(part, Unknown):
            why, begins = part, begins + part.begins
            break
        if not isinstance(part, str | int | float | PurePath | None):
            break
        begins += str(part)
    return Unknown(why.why, why.site, begins) if begins else why


def of_path(parts: Iterable[Value]) -> Value:
    """The same of parts that are joined as paths: an absolute one begins anew."""
    begins, why, is_open = "", MADE, False
    for part in parts:
        text = beginning(part)
        if text.startswith("/"):
            begins, is_open = text, False
        elif is_open or (not text and not isinstance(part, Unknown)):
            continue
        else:
            begins = f"{begins.rstrip('/')}/{text}" if begins else text
        if not isinstance(part, str | PurePath):
            why, is_open = part if isinstance(part, Unknown) else MADE, True
    return Unknown(why.why, why.site, begins) if begins else why
