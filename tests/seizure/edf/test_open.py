"""Opening: what the header says is held against what the file is, and every lie has a name."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from seizure.edf import open_edf
from seizure.errors import Fault, RecordingError
from tests.seizure.edf.raw_edf import RawEdf, annotations, ramp


def fault_of(path: Path, **settings: bool) -> RecordingError:
    with pytest.raises(RecordingError) as caught:
        open_edf(path, **settings)
    assert str(path) in str(caught.value)
    return caught.value


def test_says_what_the_header_says(tmp_path: Path) -> None:
    slow = ramp("IBI", n_records=3)
    slow.samples, slow.digital = 1, np.zeros(3, np.int16)
    edf = open_edf(RawEdf([ramp(), slow], duration="0.5").write(tmp_path / "a.edf"))
    assert edf.labels == ("EEG FP1-REF", "IBI")
    assert edf.rates_hz == (8.0, 2.0)
    assert edf.physical_dimensions == ("uV", "uV")
    assert (edf.n_records, edf.record_duration_s, edf.duration_s) == (3, 0.5, 1.5)
    assert edf.start == datetime(2004, 3, 2, 5, 6, 7)
    assert edf.notices == ()


@pytest.mark.parametrize("header_bytes", ["256", "768", "99999"])
def test_a_header_that_lies_about_its_length_is_refused(tmp_path: Path, header_bytes: str) -> None:
    path = RawEdf([ramp()], header_bytes=header_bytes).write(tmp_path / "a.edf")
    error = fault_of(path)
    assert error.fault is Fault.HEADER_LENGTH
    assert header_bytes in error.detail and "512" in error.detail


def test_more_signals_than_the_header_has_room_for_are_refused(tmp_path: Path) -> None:
    path = RawEdf([ramp()], n_signals="9999", header_bytes=str(256 * 10000)).write(tmp_path / "a.edf")
    assert fault_of(path).fault is Fault.HEADER_LENGTH


def test_truncated_data_are_refused_and_counted(tmp_path: Path) -> None:
    path = RawEdf([ramp()], n_records="5").write(tmp_path / "a.edf")
    error = fault_of(path)
    assert error.fault is Fault.TRUNCATED
    assert "3 of 5" in error.detail


def test_truncated_data_can_be_used_when_asked_for(tmp_path: Path) -> None:
    path = RawEdf([ramp()], n_records="5").write(tmp_path / "a.edf")
    path.write_bytes(path.read_bytes()[:-3])  # and the last record is cut
    edf = open_edf(path, allow_truncated=True)
    assert edf.n_records == 2
    assert [notice.fault for notice in edf.notices] == [Fault.TRUNCATED]
    assert edf.read_uv([0]).shape == (1, 8)


def test_more_records_than_the_header_says_are_a_lie(tmp_path: Path) -> None:
    path = RawEdf([ramp()], n_records="2").write(tmp_path / "a.edf")
    error = fault_of(path)
    assert error.fault is Fault.HEADER_LENGTH
    assert "2" in error.detail and "3" in error.detail


def test_a_few_bytes_too_many_are_left_out_with_a_notice(tmp_path: Path) -> None:
    edf = open_edf(RawEdf([ramp()], tail=b"\0\0\0").write(tmp_path / "a.edf"))
    assert edf.n_records == 3
    assert [notice.fault for notice in edf.notices] == [Fault.HEADER_LENGTH]


@pytest.mark.parametrize("n_records", ["0", "5"])
def test_zero_records_are_refused(tmp_path: Path, n_records: str) -> None:
    path = RawEdf([ramp(n_records=0)], n_records=n_records).write(tmp_path / "a.edf")
    assert fault_of(path).fault is Fault.NO_RECORDS


def test_a_recording_that_was_never_closed_is_counted_from_its_length(tmp_path: Path) -> None:
    edf = open_edf(RawEdf([ramp()], n_records="-1").write(tmp_path / "a.edf"))
    assert edf.n_records == 3
    assert [notice.fault for notice in edf.notices] == [Fault.HEADER_FIELD]


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_records": "-2"},
        {"n_records": "many"},
        {"n_records": "1_0"},
        {"duration": "0"},
        {"duration": "-1"},
        {"duration": "nan"},
        {"duration": "inf"},
        {"duration": "1e999"},
        {"duration": ""},
        {"n_signals": "0"},
        {"n_signals": "-1"},
        {"n_signals": "x"},
    ],
    ids=str,
)
def test_impossible_fields_are_named(tmp_path: Path, wrong: dict[str, str]) -> None:
    path = RawEdf([ramp()], **wrong).write(tmp_path / "a.edf")  # type: ignore[arg-type]
    assert fault_of(path).fault is Fault.HEADER_FIELD


def test_a_negative_number_of_samples_is_named_with_its_channel(tmp_path: Path) -> None:
    signal = ramp()
    raw = RawEdf([signal])
    content = raw.header().replace(b"4       ", b"-4      ") + raw.data()
    path = tmp_path / "a.edf"
    path.write_bytes(content)
    error = fault_of(path)
    assert error.fault is Fault.HEADER_FIELD
    assert "EEG FP1-REF" in error.detail


def test_bdf_is_refused_by_name(tmp_path: Path) -> None:
    path = RawEdf([ramp()], version="\xffBIOSEMI").write(tmp_path / "a.bdf")
    error = fault_of(path)
    assert error.fault is Fault.NOT_EDF
    assert "BDF" in error.detail


@pytest.mark.parametrize("content", [b"", b"0", b"\x89PNG\r\n" * 100, b"\0" * 512, b" " * 300])
def test_other_files_are_not_edf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.edf"
    path.write_bytes(content)
    assert fault_of(path).fault is Fault.NOT_EDF


def test_what_the_system_refuses_is_unreadable(tmp_path: Path) -> None:
    assert fault_of(tmp_path / "none.edf").fault is Fault.UNREADABLE
    assert fault_of(tmp_path).fault is Fault.UNREADABLE


@pytest.mark.parametrize(
    ("date", "time"),
    [
        ("31.02.04", "05.06.07"),
        ("aa.bb.cc", "05.06.07"),
        ("02.03.04", "25.00.00"),
        ("", ""),
        ("2.3.2004", "x"),
    ],
)
def test_a_malformed_date_is_a_notice_and_costs_no_data(tmp_path: Path, date: str, time: str) -> None:
    edf = open_edf(RawEdf([ramp()], date=date, time=time).write(tmp_path / "a.edf"))
    assert edf.start is None
    assert [notice.fault for notice in edf.notices] == [Fault.MALFORMED_DATE]
    assert edf.read_uv([0]).shape == (1, 12)


@pytest.mark.parametrize(("year", "whole"), [("85", 1985), ("99", 1999), ("00", 2000), ("84", 2084)])
def test_edf_clipping_date(tmp_path: Path, year: str, whole: int) -> None:
    edf = open_edf(RawEdf([ramp()], date=f"01.01.{year}").write(tmp_path / "a.edf"))
    assert edf.start is not None
    assert edf.start.year == whole


def test_edf_plus_says_the_whole_year_and_the_fraction_of_a_second(tmp_path: Path) -> None:
    times = annotations(b"+0.25\x14\x14", b"+1.25\x14\x14", b"+2.25\x14\x14")
    raw = RawEdf([ramp(), times], reserved="EDF+C", recording="Startdate 02-MAR-1904 X X X")
    edf = open_edf(raw.write(tmp_path / "a.edf"))
    assert edf.start == datetime(1904, 3, 2, 5, 6, 7, 250_000)
    assert edf.labels == ("EEG FP1-REF",)


def test_edf_plus_d_without_gaps_is_an_ordinary_recording(tmp_path: Path) -> None:
    times = annotations(b"+0\x14\x14", b"+1\x14\x14", b"+2\x14\x14")
    edf = open_edf(RawEdf([times, ramp()], reserved="EDF+D").write(tmp_path / "a.edf"))
    assert edf.read_uv([0])[0, -1] == pytest.approx(1.1)


@pytest.mark.parametrize(
    "times",
    [(b"+0\x14\x14", b"+1\x14\x14", b"+60\x14\x14"), (b"+0\x14\x14", b"", b"+2\x14\x14"), (b"", b"", b"")],
)
def test_edf_plus_d_with_gaps_is_refused_by_name(tmp_path: Path, times: tuple[bytes, ...]) -> None:
    path = RawEdf([ramp(), annotations(*times)], reserved="EDF+D").write(tmp_path / "a.edf")
    assert fault_of(path).fault is Fault.DISCONTINUOUS


def test_edf_plus_d_without_time_keeping_is_refused_by_name(tmp_path: Path) -> None:
    path = RawEdf([ramp()], reserved="EDF+D").write(tmp_path / "a.edf")
    assert fault_of(path).fault is Fault.DISCONTINUOUS
