"""Records as JSON: one object a run, read back by any later version."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from homeport.model.errors import HomeportError
from homeport.record.masking import masked_words
from homeport.record.run import VERSION, Note, Run

T = TypeVar("T")


class DamagedRecordError(HomeportError):
    """A run's record cannot be read."""


class Head(msgspec.Struct):
    """What is looked at first."""

    version: int = 0
    run_id: str = ""


_runs = msgspec.json.Decoder(Run)
_heads = msgspec.json.Decoder(Head)
_notes = msgspec.json.Decoder(Note)


def encode(run: Run) -> bytes:
    """Indented, since people read it too."""
    return json.dumps(_compact(run), indent=1, ensure_ascii=False).encode() + b"\n"


def decode(data: bytes, name: str) -> Run:
    """Raises DamagedRecordError, whose sentence begins with `name`."""
    try:
        head = _heads.decode(data)
        if head.version > VERSION:
            raise DamagedRecordError(
                f"{name}: this record was written by a newer Homeport (version {head.version} of the format, "
                f"this one knows {VERSION}): upgrade Homeport to read it."
            )
        return _runs.decode(data)
    except msgspec.MsgspecError as error:
        raise DamagedRecordError(f"{name}: this record is damaged: {error}.") from None
    except RecursionError:
        raise DamagedRecordError(f"{name}: this record is damaged: it is nested without end.") from None


def decode_note(line: bytes) -> Note | None:
    """A line of notes, its command line without secrets; None for a damaged one."""
    try:
        note = _notes.decode(line)
    except msgspec.MsgspecError:
        return None
    return dataclasses.replace(note, argv=masked_words(note.argv)) if note.argv else note


def read_lines(file: Path, of: type[T]) -> list[T]:
    """What a file of one object a line holds; without damaged lines, such as one that was being written when
    the engine was killed. Empty where there is no file."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=of))
        except msgspec.MsgspecError:
            continue
    return found


def _compact(value: Any) -> Any:
    """As plain values, without fields that are empty and that their defaults bring back."""
    if dataclasses.is_dataclass(value):
        parts = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {
            field.name: _compact(part)
            for field, part in parts
            if part not in ("", None, (), {}) or _is_required(field)
        }
    if isinstance(value, Mapping):
        return {key: _compact(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_compact(part) for part in value]
    return value


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
