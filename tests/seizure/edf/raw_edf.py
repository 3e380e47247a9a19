"""Writes EDF files byte by byte, right or wrong: what no decent writer would write."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass
class RawSignal:
    label: str
    digital: npt.NDArray[np.int16]  # all records
    samples: int = 4  # in a record
    dimension: str = "uV"
    physical: tuple[str, str] = ("-100", "100")
    digital_range: tuple[str, str] = ("-1000", "1000")


@dataclass
class RawEdf:
    signals: list[RawSignal]
    n_records: str = "3"
    duration: str = "1"
    version: str = "0"
    date: str = "02.03.04"
    time: str = "05.06.07"
    reserved: str = ""
    recording: str = ""
    n_signals: str | None = None
    header_bytes: str | None = None
    tail: bytes = b""
    extra: dict[str, str] = field(default_factory=dict)

    def header(self) -> bytes:
        n = len(self.signals)
        fixed = [
            (self.version, 8), ("X X X X", 80), (self.recording, 80), (self.date, 8), (self.time, 8),
            (self.header_bytes or str(256 * (n + 1)), 8), (self.reserved, 44), (self.n_records, 8),
            (self.duration, 8), (self.n_signals or str(n), 4),
        ]  # fmt: skip
        columns = [
            ([s.label for s in self.signals], 16), ([""] * n, 80), ([s.dimension for s in self.signals], 8),
            ([s.physical[0] for s in self.signals], 8), ([s.physical[1] for s in self.signals], 8),
            ([s.digital_range[0] for s in self.signals], 8), ([s.digital_range[1] for s in self.signals], 8),
            ([""] * n, 80), ([str(s.samples) for s in self.signals], 8), ([""] * n, 32),
        ]  # fmt: skip
        fields = fixed + [(text, width) for texts, width in columns for text in texts]
        return b"".join(text.encode("latin-1").ljust(width)[:width] for text, width in fields)

    def data(self) -> bytes:
        parts = []
        for record in range(len(self.signals[0].digital) // max(1, self.signals[0].samples)):
            for signal in self.signals:
                piece = signal.digital[record * signal.samples : (record + 1) * signal.samples]
                parts.append(np.asarray(piece, "<i2").tobytes())
        return b"".join(parts)

    def write(self, path: Path) -> Path:
        path.write_bytes(self.header() + self.data() + self.tail)
        return path


def ramp(label: str = "EEG FP1-REF", n_records: int = 3, **settings: object) -> RawSignal:
    """A signal of four samples a record that counts up from its first sample."""
    return RawSignal(label, np.arange(4 * n_records, dtype=np.int16), **settings)  # type: ignore[arg-type]


def annotations(*texts: bytes, samples: int = 16) -> RawSignal:
    """The annotations signal: one text for each record."""
    digital = np.frombuffer(b"".join(text.ljust(2 * samples, b"\0") for text in texts), "<i2")
    return RawSignal("EDF Annotations", digital, samples, "", ("-1", "1"), ("-32768", "32767"))
