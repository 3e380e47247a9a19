"""The framing of log files: what was written comes back, whatever happened to the file."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.plan import log_records
from homeport.plan.log_records import STDERR, STDOUT, SYSTEM, Record

TIMES = st.floats(min_value=1e9, max_value=2e9)
RECORDS = st.lists(st.tuples(TIMES, st.sampled_from([STDOUT, STDERR]), st.binary(max_size=80)), max_size=6)


def encoded(parts: list[tuple[float, int, bytes]]) -> bytes:
    return b"".join(log_records.encode(*part) for part in parts)


@given(RECORDS)
def test_records_come_back_with_the_offset_behind_each(parts: list[tuple[float, int, bytes]]) -> None:
    raw = encoded(parts)
    records = list(log_records.decode(raw, 1000, at_end=False))
    assert [(r.fd, r.data) for r in records] == [(fd, data) for _, fd, data in parts]
    assert [r.end for r in records][-1:] == ([1000 + len(raw)] if parts else [])


@given(RECORDS, st.integers(min_value=0, max_value=400))
def test_reading_may_stop_at_any_byte_and_go_on(parts: list[tuple[float, int, bytes]], cut: int) -> None:
    raw = encoded(parts)
    first = list(log_records.decode(raw[:cut], 0, at_end=False))
    reached = first[-1].end if first else 0
    rest = list(log_records.decode(raw[reached:], reached, at_end=False))
    assert first + rest == list(log_records.decode(raw, 0, at_end=False))


def test_a_record_that_the_writer_did_not_finish_waits_and_is_delivered_at_the_end() -> None:
    whole = log_records.encode(1e9, STDOUT, b"whole\n")
    cut = log_records.encode(1e9 + 1, STDERR, b"cut in the middle\n")[:-8]
    assert [r.data for r in log_records.decode(whole + cut, 0, at_end=False)] == [b"whole\n"]
    records = list(log_records.decode(whole + cut, 0, at_end=True))
    assert [r.data for r in records] == [b"whole\n", b"cut in the"]
    assert records[-1].end == len(whole + cut)
    assert log_records.whole_records_end(whole + cut) == len(whole)


def test_damage_is_said_and_the_next_record_found() -> None:
    before = log_records.encode(1e9, STDOUT, b"before\n")
    after = log_records.encode(1e9 + 5, STDOUT, b"after\n")
    records = list(log_records.decode(before + b"\0" * 37 + b"\n" + after, 0, at_end=False))
    assert [r.data for r in records] == [b"before\n", b"[38 bytes of this log are damaged]\n", b"after\n"]
    assert records[1].fd == SYSTEM


def test_damage_at_the_end_is_said_only_when_nothing_follows_any_more() -> None:
    damage = b"x" * 500
    assert list(log_records.decode(damage, 0, at_end=False)) == []
    assert [r.end for r in log_records.decode(damage, 0, at_end=True)] == [500]


def test_a_header_of_impossible_length_is_damage() -> None:
    raw = b"1000000000.000000 1 999999999\n" + log_records.encode(1e9, STDOUT, b"next\n")
    assert [r.data for r in log_records.decode(raw, 0, at_end=False)][-1] == b"next\n"


def test_missing_bytes_of_a_long_record() -> None:
    raw = log_records.encode(1e9, STDOUT, b"x" * 1000)
    assert log_records.missing_bytes(raw[:300]) == len(raw) - 300
    assert log_records.missing_bytes(raw) == 0
    assert log_records.missing_bytes(b"damage") == 0


def test_output_that_looks_like_a_header_is_output() -> None:
    inner = log_records.encode(1.5e9, STDERR, b"fake\n")
    raw = log_records.encode(1e9, STDOUT, inner)
    assert list(log_records.decode(raw, 0, at_end=True)) == [Record(1e9, STDOUT, inner, len(raw))]
