"""Output and end of a command in a container, as its supervisor wrote them into the command's folder."""

import errno
import json
import os
from pathlib import Path
from typing import Final

from homeport.model.errors import FailedPreconditionError
from homeport.runtime.engine import ExecEnd

STDOUT: Final = 1
STDERR: Final = 2
_NAMES: Final = {STDOUT: "out", STDERR: "err"}


class ExecOutput:
    """One stream of a command. Open, it can be read after the container's folder was removed."""

    def __init__(self, folder: Path, stream: int) -> None:
        self._file = -1  # where the stream goes to nobody
        try:
            self._file = os.open(folder / _NAMES[stream], os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            pass

    def read(self, offset: int, most_bytes: int) -> bytes:
        """What there is from the offset on. Raises FailedPreconditionError for what was given back to the
        disk already."""
        if self._file < 0:
            return b""
        try:
            start = os.lseek(self._file, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # at the end
                return b""
            raise
        if start != offset:
            raise FailedPreconditionError(
                f"The output before byte {start} was read long ago and is gone; byte {offset} cannot be had."
            )
        return os.pread(self._file, most_bytes, offset)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read_end(folder: Path) -> ExecEnd | None:
    """How the command ended; None while it runs."""
    try:
        said = json.loads((folder / "exit.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    status = said["status"]
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    lengths = {stream: said.get(name, 0) for stream, name in _NAMES.items()}
    return ExecEnd(128 + number if number else os.WEXITSTATUS(status), number, lengths)


def ends_with_client(folder: Path) -> bool:
    """Whether the command is hung up on when its client has gone."""
    try:
        return bool(json.loads((folder / "exec.json").read_text(encoding="utf-8"))["ends_with_client"])
    except FileNotFoundError:
        return False
