"""Where a reader of an app's logs stands, as the short text that clients keep as `entry_id`.

An app's output lies in a file for each task and one for the app itself, so a position is an offset for each
file. Tasks are numbered in the order in which they were enqueued. All tasks up to `known` that the cursor
does not name are read to their end, so it stays short however many tasks an app has had:

    v1.<known>.<number>:<offset>[:<hex>.<hex>],…

The two hex fields are bytes of a character that a record of stdout or stderr ended within; its rest comes
in a later record.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from homeport.model.errors import InvalidError

APP_FILE: Final = 0  # the number of the app's own file of system lines
_BEGINNING: Final = "0-0"  # as the JavaScript library writes it

_PLACE = re.compile(r"(\d+):(\d+)(?::([0-9a-f]{0,8})\.([0-9a-f]{0,8}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A position in one file, with the unfinished characters of stdout and stderr."""

    offset: int = 0
    stdout_rest: bytes = b""
    stderr_rest: bytes = b""


@dataclass(frozen=True, slots=True)
class Cursor:
    """`places` by the task's number, for the files that are not known to be read to their end."""

    known: int = 0
    places: Mapping[int, Place] = field(default_factory=dict)

    def place(self, number: int) -> Place | None:
        """Where to go on in a file; None where it is read to its end."""
        if number in self.places:
            return self.places[number]
        return None if 0 < number <= self.known else Place()


def encode(cursor: Cursor) -> str:
    return f"v1.{cursor.known}." + ",".join(
        _encode_place(number, place) for number, place in sorted(cursor.places.items())
    )


def decode(text: str) -> Cursor:
    """Raises InvalidError for what `encode` did not write, but for a client's own word for the beginning."""
    if text == _BEGINNING:
        return Cursor()
    version, _, rest = text.partition(".")
    known, dot, listed = rest.partition(".")
    if version != "v1" or not dot or not known.isdecimal():
        raise InvalidError(f"The log position {text[:80]!r} is not one of Homeport's; start without one.")
    places: dict[int, Place] = {}
    for part in listed.split(",") if listed else ():
        found = _PLACE.fullmatch(part)
        if found is None:
            raise InvalidError(f"The log position {text[:80]!r} is damaged; start without one.")
        number, offset, out, err = found.groups()
        places[int(number)] = Place(int(offset), _unhex(out), _unhex(err))
    return Cursor(int(known), places)


def _encode_place(number: int, place: Place) -> str:
    text = f"{number}:{place.offset}"
    if place.stdout_rest or place.stderr_rest:
        text += f":{place.stdout_rest.hex()}.{place.stderr_rest.hex()}"
    return text


def _unhex(text: str | None) -> bytes:
    return bytes.fromhex(text) if text and len(text) % 2 == 0 else b""
