"""metrics.jsonl: one line a step, in order, without gaps or repeats whatever was killed and resumed."""

import json
import os
from pathlib import Path
from typing import Any

from training_kit import files

Line = dict[str, Any]


def read_metrics(path: Path) -> list[Line]:
    """All whole lines; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    lines: list[Line] = []
    for text in path.read_text(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            break
        lines.append(line)
    return lines


class Metrics:
    """Appends to metrics.jsonl. What an earlier life of the run wrote after `last_step` is dropped first."""

    def __init__(self, path: Path, last_step: int) -> None:
        kept = [line for line in read_metrics(path) if line["step"] <= last_step]
        files.write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        self._file = path.open("a")

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, lines: list[Line]) -> None:
        self._file.writelines(json.dumps(line) + "\n" for line in lines)
        self._file.flush()

    def make_durable(self) -> None:
        """Called before a checkpoint, which promises that all lines up to its step are there."""
        os.fsync(self._file.fileno())
