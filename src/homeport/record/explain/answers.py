"""An answer as people read it: one sentence, then numbered steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One link of a chain. `where`: shell, launcher, Secret, image, container, python (pid 9). `place` is
    file:line as people look for it, `line` that line's text. `found`: how this is known where it was neither
    noted nor recorded, such as by reading the source."""

    where: str
    text: str
    place: str = ""
    line: str = ""
    found: str = ""
    at: float = 0.0  # seconds since the epoch, 0 where there is none


@dataclass(frozen=True)
class Answer:
    """`is_found`: whether what was asked for exists at all."""

    subject: str
    sentence: str
    steps: tuple[Step, ...] = ()
    is_found: bool = True


BY_READING = "by reading the source"
