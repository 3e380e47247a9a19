"""Reading notes files, which runtime/inside/note_lines.py writes: also while they grow.

A container may do with its file as it likes: put a link, a pipe or rubbish in its place. Whoever reads it
gets whole lines of a plain file, and of those the ones that are notes.
"""

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

from homeport.record.codec import decode_note
from homeport.record.run import Note

_BLOCK_BYTES: Final = 512 * 1024  # what the engine's loop decodes at once
_MOST_BYTES: Final = 64 << 20  # of a file; our own processes write half of that at most


def read(path: Path, offset: int = 0, *, task_id: str = "") -> tuple[list[Note], int]:
    """The notes from `offset` on, and where the next ones begin; at most half a megabyte at once. Nothing for
    a file that is not there."""
    if offset >= _MOST_BYTES:
        return [], offset
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return [], offset
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return [], offset
        block = os.pread(number, _BLOCK_BYTES, offset)
    finally:
        os.close(number)
    whole = block.rfind(b"\n") + 1
    if not whole and len(block) == _BLOCK_BYTES:
        whole = len(block)  # no line of ours is so long
    found = [decode_note(line) for line in block[:whole].split(b"\n") if line]
    return [replace(note, task_id=task_id) for note in found if note is not None], offset + whole


def read_all(path: Path, *, task_id: str = "") -> list[Note]:
    """All notes of a file."""
    notes: list[Note] = []
    offset = 0
    while True:
        found, end = read(path, offset, task_id=task_id)
        notes += found
        if end == offset:
            return notes
        offset = end
