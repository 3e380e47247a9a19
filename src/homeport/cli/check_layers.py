"""Images that this user's engine has built, for the check: what they have installed is no guess."""

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.model.errors import EngineUnavailableError
from homeport.model.home import Home, default_home

if TYPE_CHECKING:
    import sqlite3

    from homeport.check.container.built import Definition

_COMMAND = b"\x32"  # dockerfile_commands in a serialised api_pb2.Image: field 6, a text
_DATA = b"\x12"  # data of an ImageContextFile: field 2; with its length, or a file's beginning would do


class HomeLayers:
    """Looks for an image by what the client asked to be built. Its definition is compared as the bytes that
    it is stored in, since importing the messages' own code takes longer than a whole check.
    """

    def __init__(self, home: Home | None = None) -> None:
        self._given = home

    def site_packages(self, definitions: "tuple[Definition, ...]", python_series: str) -> tuple[Path, ...]:
        rows = [row for row in self._images if _begins(bytes(row["definition"]), definitions[0])]
        for definition in definitions[1:]:
            bases = {row["image_id"].encode() for row in rows}
            rows = [row for row in self._images if _follows(bytes(row["definition"]), bases, definition)]
        for row in reversed(rows):  # the newest first
            layers = [self._home.layers / name for name in json.loads(row["layers"])]
            if layers and row["python_series"] == python_series and all(layer.is_dir() for layer in layers):
                inside = f"usr/local/lib/python{python_series}"
                folders = [
                    layer / inside / name for layer in layers for name in ("site-packages", "dist-packages")
                ]
                return tuple(folder for folder in folders if folder.is_dir())
        return ()

    @cached_property
    def _home(self) -> Home:
        return self._given or default_home()

    @cached_property
    def _images(self) -> "list[sqlite3.Row]":
        try:
            if not self._home.database.exists():
                return []
        except EngineUnavailableError:
            return []
        from homeport.store.reader import built_images

        return built_images(self._home.database)


def _begins(stored: bytes, definition: "Definition") -> bool:
    """Whether it is a first layer with commands that begin like these."""
    beginnings = [command.encode() for command in definition.commands]
    # a text's length is one byte, or two
    return (
        stored[:1] == _COMMAND
        and any(stored[at:].startswith(beginnings[0]) for at in (2, 3))
        and all(beginning in stored for beginning in beginnings)
    )


def _follows(stored: bytes, bases: set[bytes], definition: "Definition") -> bool:
    """Whether it has these commands, all of them and no other, on one of those images."""
    block = b"".join(_COMMAND + _length(text) + text for text in map(str.encode, definition.commands))
    before, found, after = stored.partition(block)
    return (
        bool(found)
        and not after.startswith(_COMMAND)
        and any(base in before for base in bases)
        and all(content and _DATA + _length(content) + content in after for content in definition.files)
    )


def _length(text: bytes) -> bytes:
    """As protobuf writes it: seven bits a byte, the lowest first."""
    size, written = len(text), bytearray()
    while size > 127:
        written.append(size & 127 | 128)
        size >>= 7
    written.append(size)
    return bytes(written)
