"""One recording in the cache: the format of its file, and reading from it by memory map.

A shard is one line of ASCII, a JSON header, padding to a page, and the samples:

    seizure-shard 1 <bytes of JSON> <crc32 of JSON> <first byte of samples>\\n{...}

Samples are int16, little-endian, in blocks of 1024 samples of all channels, (blocks, C, 1024), the last
block filled with zeros. So a window of 60 s lies in one piece on the disk, one read for storage that is far
away, where (C, T) would need a read a channel; from memory both are as fast (8,000 to 10,000 windows a second
a core were measured for either).

A window maps just the pages that it needs and unmaps them again. Mapping whole files would be a little
faster and count every page touched as this process's memory: a whole corpus, in the end.
"""

from __future__ import annotations

import json
import mmap
import os
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from seizure.cache.quantise import Int16
from seizure.cache.source import Source
from seizure.corpus.recording import Seizure
from seizure.errors import CacheError, Fault, Notice

BLOCK_SAMPLES = 1024
SUFFIX = ".shard"

_MAGIC = b"seizure-shard"
_FORMAT = 1
_PAGE_BYTES = mmap.ALLOCATIONGRANULARITY
_LINE_BYTES = 80  # the first line is shorter; a header of 4 kB or less comes with the first read
_FIRST_READ_BYTES = 4096
_LARGEST_HEADER_BYTES = 1 << 26


class DamagedShardError(CacheError):
    """A shard that is cut short, has a wrong checksum or is no shard at all. `reason` says which."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}; build the cache again: this shard alone will be remade")
        self.path = path
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return (DamagedShardError, (self.path, self.reason))


@dataclass(frozen=True, slots=True)
class ShardInfo:
    """A shard's header: all that is known of a recording without reading its samples."""

    recording_id: str
    patient: str
    kind: str  # of the run that built it, smoke or full; "" where none was said
    key: str
    channels: tuple[str, ...]
    rate_hz: int
    n_samples: int
    scale_uv_C: tuple[float, ...]
    clip_sigma: float
    flat_channels: tuple[str, ...]  # whose robust sd is zero
    seizures: tuple[Seizure, ...]
    clipped_share: float
    rms_error_uv: float
    max_error_uv: float
    max_clipped_uv: float
    notices: tuple[Notice, ...]  # of the signal
    annotation_notices: tuple[Notice, ...]
    source: Source
    data_crc32: int
    path: Path
    data_start: int  # byte
    header_crc32: int

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.rate_hz

    @property
    def seizure_s(self) -> float:
        return sum(seizure.duration_s for seizure in self.seizures)

    @property
    def n_blocks(self) -> int:
        return -(-self.n_samples // BLOCK_SAMPLES)

    @property
    def data_bytes(self) -> int:
        return self.n_blocks * len(self.channels) * BLOCK_SAMPLES * 2

    @property
    def size_bytes(self) -> int:
        """Of the whole file."""
        return self.data_start + self.data_bytes

    def intervals(self) -> NDArray[np.int64]:
        """Seizures in samples, (n, 2): first sample, and the one after the last; within the recording.

        Each has a sample at least, however short: none is lost to rounding.
        """
        bounds = [(seizure.start_s, seizure.stop_s) for seizure in self.seizures]
        samples = np.rint(np.array(bounds, np.float64).reshape(-1, 2) * self.rate_hz).astype(np.int64)
        samples[:, 0] = np.clip(samples[:, 0], 0, self.n_samples - 1)
        samples[:, 1] = np.clip(samples[:, 1], samples[:, 0] + 1, self.n_samples)
        return samples

    def label_mask(self, start: int = 0, length: int | None = None) -> NDArray[np.uint8]:
        """1 where there is a seizure: (length,) from sample `start`; what lies beyond the end is 0."""
        length = self.n_samples - start if length is None else length
        y_T = np.zeros(length, np.uint8)
        for first, stop in self.intervals() - start:
            y_T[max(first, 0) : max(stop, 0)] = 1
        return y_T


def shard_path(folder: Path, recording_id: str) -> Path:
    """Where a recording's shard lies, whatever characters its id has."""
    name = quote(recording_id, safe=" ")
    if name.startswith(".") or len(name) > 200:
        name = f"{name[:180].lstrip('.')}~{zlib.crc32(recording_id.encode()):08x}"
    return folder / (name + SUFFIX)


def encode_header(info: ShardInfo, data_start: int) -> bytes:
    """Line, JSON and padding: `data_start` bytes exactly. Equal headers give equal bytes."""
    values = {
        "recording_id": info.recording_id,
        "patient": info.patient,
        "kind": info.kind,
        "key": info.key,
        "channels": info.channels,
        "rate_hz": info.rate_hz,
        "n_samples": info.n_samples,
        "scale_uv_C": info.scale_uv_C,
        "clip_sigma": info.clip_sigma,
        "flat_channels": info.flat_channels,
        "seizures": [[s.start_s, s.stop_s, s.label, s.confidence] for s in info.seizures],
        "clipped_share": info.clipped_share,
        "rms_error_uv": info.rms_error_uv,
        "max_error_uv": info.max_error_uv,
        "max_clipped_uv": info.max_clipped_uv,
        "notices": _pairs(info.notices),
        "annotation_notices": _pairs(info.annotation_notices),
        "source": asdict(info.source),
        "data_crc32": info.data_crc32,
        "block_samples": BLOCK_SAMPLES,
    }
    text = json.dumps(values).encode()
    line = _first_line(len(text), zlib.crc32(text), data_start)
    assert len(line) <= _LINE_BYTES and len(line) + len(text) <= data_start
    return (line + text).ljust(data_start, b"\0")


def _pairs(notices: tuple[Notice, ...]) -> list[list[str]]:
    return [[notice.fault.value, notice.detail] for notice in notices]


def _first_line(length: int, crc32: int, data_start: int) -> bytes:
    return b"%s %d %d %08x %d\n" % (_MAGIC, _FORMAT, length, crc32, data_start)


def room_for_header(info: ShardInfo) -> int:
    """The first byte of samples for a header like this one: whole pages, the same for equal recordings."""
    seizures = sum(len(s.label) + 64 for s in info.seizures)
    said = (*info.notices, *info.annotation_notices)
    notices = sum(6 * len(notice.detail) + 40 for notice in said)  # 6: \\u00b5
    names = 6 * sum(map(len, (info.recording_id, info.patient, *info.channels, *info.flat_channels)))
    needed = _LINE_BYTES + 1024 + 40 * len(info.channels) + names + seizures + notices
    return -(-needed // _PAGE_BYTES) * _PAGE_BYTES


def read_info(path: Path) -> ShardInfo:
    """The header, after its checksum and the file's size were looked at; samples are not read.

    Raises DamagedShardError, also where there is no such file.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            return _parse(path, file.read(_FIRST_READ_BYTES), file, size_bytes)
    except OSError as error:
        raise DamagedShardError(path, str(error.strerror)) from None


def _parse(path: Path, start: bytes, file: Any, size_bytes: int) -> ShardInfo:
    line, newline, text = start[:_LINE_BYTES].partition(b"\n")
    words = line.split(b" ")
    try:
        length, crc32, data_start = int(words[2]), int(words[3], 16), int(words[4])
    except (IndexError, ValueError):
        raise DamagedShardError(path, "no shard's first line") from None
    if line + newline != _first_line(length, crc32, data_start) or not 0 < length <= _LARGEST_HEADER_BYTES:
        raise DamagedShardError(path, "no shard's first line, or one of another version")
    text = start[len(line) + 1 : len(line) + 1 + length]
    if len(text) < length:
        text += file.read(length - len(text))
    if len(text) < length or zlib.crc32(text) != crc32:
        raise DamagedShardError(path, "the header's checksum is wrong")
    try:
        info = _info(path, json.loads(text), data_start, crc32)
    except (KeyError, TypeError, ValueError):
        raise DamagedShardError(path, "a header of another version") from None
    if size_bytes != info.size_bytes:
        raise DamagedShardError(path, f"{size_bytes} bytes where the header says {info.size_bytes}")
    return info


def _info(path: Path, values: dict[str, Any], data_start: int, header_crc32: int) -> ShardInfo:
    if values.pop("block_samples") != BLOCK_SAMPLES:
        raise DamagedShardError(path, "another length of blocks")
    values["source"] = Source(**values["source"])
    values["seizures"] = tuple(Seizure(*fields) for fields in values["seizures"])
    for name in ("notices", "annotation_notices"):
        values[name] = tuple(Notice(Fault(fault), detail) for fault, detail in values[name])
    for name in ("channels", "scale_uv_C", "flat_channels"):
        values[name] = tuple(values[name])
    return ShardInfo(**values, path=path, data_start=data_start, header_crc32=header_crc32)


class Shard:
    """A shard that is open for reading. Usable from several threads at once; close it, or use `with`.

    Raises DamagedShardError where the file is not the one that `info` was read from.
    """

    def __init__(self, info: ShardInfo) -> None:
        self.info = info
        try:
            self._fd = os.open(info.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DamagedShardError(info.path, str(error.strerror)) from None
        # when the last user drops it: a sampler drops shards that another of its threads may be reading
        self._close = weakref.finalize(self, os.close, self._fd)
        # a file that is shorter than the map would end this process with SIGBUS
        line = os.pread(self._fd, _LINE_BYTES, 0).partition(b"\n")[0].split(b" ")
        if os.fstat(self._fd).st_size != info.size_bytes or line[3:4] != [b"%08x" % info.header_crc32]:
            self.close()
            raise DamagedShardError(info.path, "changed since its header was read")

    def close(self) -> None:
        self._fd = -1
        self._close()

    def __enter__(self) -> Shard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def window(self, start: int, length: int) -> Int16:
        """int16 (C, length) from sample `start`; what lies beyond the end is 0."""
        q_CT = np.zeros((len(self.info.channels), length), np.int16)
        self.read_into(q_CT[:, : max(min(length, self.info.n_samples - start), 0)], start)
        return q_CT

    def read(self) -> Int16:
        """The whole recording, int16 (C, T)."""
        return self.window(0, self.info.n_samples)

    def label_mask(self, start: int = 0, length: int | None = None) -> NDArray[np.uint8]:
        return self.info.label_mask(start, length)

    def read_into(self, out_CT: Int16, start: int) -> None:
        """Fills `out_CT` (C, length), all of it within the recording, from sample `start`."""
        stop = start + out_CT.shape[1]
        assert start >= 0 and stop <= self.info.n_samples
        if start == stop:
            return
        first_block, stop_block = start // BLOCK_SAMPLES, -(-stop // BLOCK_SAMPLES)
        with self._mapped(first_block, stop_block) as q_NCL:
            _unblock(q_NCL.array, start - first_block * BLOCK_SAMPLES, out_CT)

    def data_crc32(self) -> int:
        """Of the samples as they lie on the disk now."""
        crc32 = 0
        for first in range(0, self.info.n_blocks, 64):
            with self._mapped(first, min(first + 64, self.info.n_blocks)) as q_NCL:
                crc32 = zlib.crc32(q_NCL.array.data, crc32)
        return crc32

    def _mapped(self, first_block: int, stop_block: int) -> _Mapped:
        assert self._fd >= 0, "the shard is closed"  # mmap would give zeros
        return _Mapped(self._fd, self.info.data_start, len(self.info.channels), first_block, stop_block)


class _Mapped:
    """Some blocks of a file, mapped while they are used."""

    __slots__ = ("_map", "array")

    def __init__(self, fd: int, data_start: int, channels: int, first_block: int, stop_block: int) -> None:
        block_bytes = channels * BLOCK_SAMPLES * 2
        first_byte = data_start + first_block * block_bytes
        page = first_byte // _PAGE_BYTES * _PAGE_BYTES
        stop_byte = data_start + stop_block * block_bytes
        self._map = mmap.mmap(fd, stop_byte - page, access=mmap.ACCESS_READ, offset=page)
        flat = np.frombuffer(self._map, "<i2", (stop_byte - first_byte) // 2, first_byte - page)
        self.array: Int16 = flat.reshape(-1, channels, BLOCK_SAMPLES)

    def __enter__(self) -> _Mapped:
        return self

    def __exit__(self, *_: object) -> None:
        del self.array
        self._map.close()


def _unblock(q_NCL: Int16, skip: int, out_CT: Int16) -> None:
    """Blocks (N, C, 1024) to (C, length), leaving out the first `skip` samples."""
    channels, length = out_CT.shape
    head = min(BLOCK_SAMPLES - skip, length)
    out_CT[:, :head] = q_NCL[0, :, skip : skip + head]
    whole = (length - head) // BLOCK_SAMPLES
    if whole:
        middle_CNL = out_CT[:, head : head + whole * BLOCK_SAMPLES].reshape(channels, whole, BLOCK_SAMPLES)
        np.copyto(middle_CNL, q_NCL[1 : whole + 1].transpose(1, 0, 2))
    tail = length - head - whole * BLOCK_SAMPLES
    if tail:
        out_CT[:, length - tail :] = q_NCL[whole + 1, :, :tail]


def blocks(chunks: Iterator[tuple[int, Int16]]) -> Iterator[Int16]:
    """(C, n) chunks of whole blocks (the last one may be short) as they lie on the disk: (N, C, 1024)."""
    for _, q_CT in chunks:
        channels, length = q_CT.shape
        n_blocks = -(-length // BLOCK_SAMPLES)
        if length < n_blocks * BLOCK_SAMPLES:
            q_CT = np.pad(q_CT, ((0, 0), (0, n_blocks * BLOCK_SAMPLES - length)))
        q_NCL = q_CT.reshape(channels, n_blocks, BLOCK_SAMPLES).transpose(1, 0, 2)
        yield np.ascontiguousarray(q_NCL, "<i2")
