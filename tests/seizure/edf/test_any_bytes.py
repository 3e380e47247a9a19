"""Whatever the bytes: a recording or a RecordingError, nothing else raised, no huge memory."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seizure.edf import open_edf
from seizure.errors import RecordingError
from tests.seizure.edf.raw_edf import RawEdf, annotations, ramp

SOUND = RawEdf(
    [ramp(), ramp("B"), annotations(b"+0\x14\x14", b"+1\x14\x14", b"+2\x14\x14")], reserved="EDF+C"
)
SOUND_BYTES = SOUND.header() + SOUND.data()
any_bytes = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def open_and_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        edf = open_edf(path)
        for channel in range(len(edf.labels)):
            x_CT = edf.read_uv([channel])
            assert x_CT.nbytes <= 2 * len(content)
            assert np.isfinite(x_CT).all()
    except RecordingError as error:
        assert error.detail


@any_bytes
@given(content=st.binary(max_size=600))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    open_and_read(tmp_path / "a.edf", content)


@any_bytes
@given(
    place=st.integers(0, len(SOUND_BYTES) - 1),
    piece=st.one_of(st.binary(min_size=1, max_size=16), st.from_regex(rb"[0-9 .eE+-]{1,8}", fullmatch=True)),
)
def test_a_sound_file_with_a_piece_written_over(tmp_path: Path, place: int, piece: bytes) -> None:
    open_and_read(tmp_path / "a.edf", SOUND_BYTES[:place] + piece + SOUND_BYTES[place + len(piece) :])


@any_bytes
@given(
    field=st.sampled_from(
        ["n_records", "duration", "version", "date", "time", "reserved", "n_signals", "header_bytes"]
    ),
    value=st.one_of(
        st.text(st.characters(max_codepoint=255), max_size=8), st.integers().map(str), st.floats().map(str)
    ),
)
def test_any_value_of_any_field(tmp_path: Path, field: str, value: str) -> None:
    raw = RawEdf([ramp(), ramp("B")], **{field: value})
    open_and_read(tmp_path / "a.edf", raw.header() + raw.data())


@pytest.mark.parametrize("length", range(0, len(SOUND_BYTES), 37))
def test_any_beginning_of_a_sound_file(tmp_path: Path, length: int) -> None:
    open_and_read(tmp_path / "a.edf", SOUND_BYTES[:length])


def test_a_record_larger_than_any_memory_allocates_nothing(tmp_path: Path) -> None:
    raw = RawEdf([ramp()], n_records="99999999")
    content = raw.header().replace(b"4       ", b"99999999") + raw.data()
    open_and_read(tmp_path / "a.edf", content)
