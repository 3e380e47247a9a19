"""Writes a shard in chunks: a recording of days takes no more memory than one of minutes."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from seizure.cache.claim import Claim
from seizure.cache.key import cache_key
from seizure.cache.quantise import CHUNK_SAMPLES, Float32, Loss, chunks, scales
from seizure.cache.shard import (
    BLOCK_SAMPLES,
    DamagedShardError,
    ShardInfo,
    blocks,
    encode_header,
    read_info,
    room_for_header,
    shard_path,
)
from seizure.cache.source import Source
from seizure.config.schema import Preprocessing
from seizure.corpus.recording import Annotations, Recording

if TYPE_CHECKING:
    from seizure.signal import Prepared

assert CHUNK_SAMPLES % BLOCK_SAMPLES == 0


def write_shard(
    claim: Claim,
    recording: Recording,
    annotations: Annotations,
    prepared: Prepared,
    settings: Preprocessing,
    source: Source,
    kind: str = "",
) -> ShardInfo:
    """Quantises and writes a prepared recording, and makes it the shard. Raises NotFiniteError, OSError."""
    scale_C, flat = scales(prepared, settings.clip_sigma)
    info = ShardInfo(
        recording_id=recording.recording_id,
        patient=recording.patient,
        kind=kind,
        key=cache_key(settings),
        channels=tuple(prepared.channels),
        rate_hz=int(prepared.rate_hz),
        n_samples=prepared.x_uv_CT.shape[1],
        scale_uv_C=tuple(float(scale) for scale in scale_C),
        clip_sigma=settings.clip_sigma,
        flat_channels=tuple(prepared.channels[channel] for channel in flat),
        seizures=annotations.seizures,
        clipped_share=0.0,
        rms_error_uv=0.0,
        max_error_uv=0.0,
        max_clipped_uv=0.0,
        notices=tuple(prepared.notices),
        annotation_notices=annotations.notices,
        source=source,
        data_crc32=0,
        path=shard_path(claim.folder, recording.recording_id),
        data_start=0,
        header_crc32=0,
    )
    info = replace(info, data_start=room_for_header(info))
    loss, data_crc32 = _write_samples(claim.fd, info.data_start, prepared, scale_C)
    info = _with_losses(replace(info, data_crc32=data_crc32), loss)
    os.pwrite(claim.fd, encode_header(info, info.data_start), 0)
    claim.publish()
    return read_info(info.path)


def rewrite_header(
    claim: Claim, old: ShardInfo, annotations: Annotations, source: Source, kind: str = ""
) -> None:
    """Makes a shard of the old one's samples with other labels or source, without preprocessing.

    Raises DamagedShardError where the old samples are not what they were, OSError.
    """
    new = replace(
        old,
        seizures=annotations.seizures,
        annotation_notices=annotations.notices,
        source=source,
        kind=kind,
    )
    data_start = room_for_header(new)
    os.pwrite(claim.fd, encode_header(new, data_start), 0)
    at, crc32 = data_start, 0
    with old.path.open("rb", buffering=0) as file:
        file.seek(old.data_start)
        while piece := file.read(1 << 20):
            crc32 = zlib.crc32(piece, crc32)
            at += _write(claim.fd, piece, at)
    if crc32 != old.data_crc32:
        raise DamagedShardError(old.path, "the samples' checksum is wrong")
    claim.publish()


def _write_samples(fd: int, start: int, prepared: Prepared, scale_C: Float32) -> tuple[Loss, int]:
    loss, crc32, at = Loss(), 0, start
    for q_NCL in blocks(chunks(prepared, scale_C, CHUNK_SAMPLES, loss)):
        crc32 = zlib.crc32(q_NCL.data, crc32)
        at += _write(fd, q_NCL.data.cast("B"), at)
    return loss, crc32


def _write(fd: int, data: bytes | memoryview, at: int) -> int:
    done = 0
    while done < len(data):  # a write over a network may take less than all
        done += os.pwrite(fd, data[done:], at + done)
    return done


def _with_losses(info: ShardInfo, loss: Loss) -> ShardInfo:
    return replace(
        info,
        clipped_share=loss.clipped_share,
        rms_error_uv=loss.rms_error_uv,
        max_error_uv=loss.max_error_uv,
        max_clipped_uv=loss.max_clipped_uv,
    )
