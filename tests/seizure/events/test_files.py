"""Events go out as .csv_bi and as HED-SCORE TSV, and come back the same."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.corpus.recording import Seizure
from seizure.errors import Fault, RecordingError
from seizure.events import read_csv_bi, read_tsv, write_csv_bi, write_tsv

SAMPLE = Path(__file__).parents[3] / "../shared/data/eeg/epilepsy2bids/tests/sample.tsv"

recordings = st.lists(
    st.tuples(st.integers(1, 5_000_000), st.integers(1, 5_000_000), st.integers(0, 10_000))
).map(lambda rows: _place(rows))


def _place(rows: list[tuple[int, int, int]]) -> list[Seizure]:
    """Disjoint events out of gaps, lengths (in 0.1 ms) and confidences (in 1/10,000)."""
    events, at = [], 0
    for gap, length, confidence in rows:
        events.append(Seizure((at + gap) / 1e4, (at + gap + length) / 1e4, "seiz", confidence / 1e4))
        at += gap + length
    return events


@given(recordings)
def test_tsv_round_trip(tmp_path_factory: pytest.TempPathFactory, events: list[Seizure]) -> None:
    path, start = tmp_path_factory.getbasetemp() / "events.tsv", datetime(2024, 2, 29, 23, 59, 58)
    duration_s = events[-1].stop_s + 1 if events else 10.0
    write_tsv(path, events, duration_s, start)
    back = read_tsv(path)
    assert [round(event.start_s, 4) for event in back.seizures] == [event.start_s for event in events]
    assert [round(event.stop_s, 4) for event in back.seizures] == [event.stop_s for event in events]
    assert [event.confidence for event in back.seizures] == [event.confidence for event in events]
    assert (back.duration_s, back.start) == (pytest.approx(duration_s), start)


@given(recordings)
def test_csv_bi_round_trip(tmp_path_factory: pytest.TempPathFactory, events: list[Seizure]) -> None:
    path = tmp_path_factory.getbasetemp() / "events.csv_bi"
    duration_s = events[-1].stop_s + 1 if events else 10.0
    write_csv_bi(path, events, duration_s, "aaaaagxr_s018_t000")
    back = read_csv_bi(path)
    assert list(back.seizures) == events
    assert back.duration_s == pytest.approx(duration_s)


def test_csv_bi_opens_with_tusz_five_lines(tmp_path: Path) -> None:
    path = tmp_path / "aaaaagxr_s018_t000.csv_bi"
    write_csv_bi(path, [Seizure(42.2786, 81.776)], 301.0, "aaaaagxr_s018_t000")
    assert path.read_text().splitlines() == [
        "# version = csv_v1.0.0",
        "# bname = aaaaagxr_s018_t000",
        "# duration = 301.0000 secs",
        "# montage_file = $NEDC_NFC/lib/nedc_eas_default_montage.txt",
        "#",
        "channel,start_time,stop_time,label,confidence",
        "TERM,42.2786,81.7760,seiz,1.0000",
    ]


def test_a_recording_without_events_is_one_row_of_background(tmp_path: Path) -> None:
    write_csv_bi(tmp_path / "none.csv_bi", [], 301.0, "none")
    assert (tmp_path / "none.csv_bi").read_text().splitlines()[-1] == "TERM,0.0000,301.0000,bckg,1.0000"
    write_tsv(tmp_path / "none.tsv", [], 301.0)
    assert (tmp_path / "none.tsv").read_text().splitlines() == [
        "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration",
        "0.0000\t301.0000\tbckg\tn/a\tn/a\t2000-01-01 00:00:00\t301.0000",
    ]
    assert read_tsv(tmp_path / "none.tsv").seizures == ()
    assert read_tsv(tmp_path / "none.tsv").duration_s == 301.0


def _no_space(*_: object) -> None:
    raise OSError("no space left")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.tsv"
    write_tsv(path, [], 10.0)
    before = path.read_text()
    monkeypatch.setattr(Path, "replace", _no_space)
    with pytest.raises(OSError, match="no space left"):
        write_tsv(path, [Seizure(1, 5)], 10.0)
    assert (path.read_text(), sorted(tmp_path.iterdir())) == (before, [path])


@pytest.mark.skipif(not SAMPLE.exists(), reason="the epilepsy2bids sample is not here")
def test_reads_what_epilepsy2bids_writes() -> None:
    sample = read_tsv(SAMPLE)
    assert sample.duration_s == 3600.0
    assert sample.start == datetime(2000, 1, 1)
    assert [(event.start_s, round(event.duration_s, 2)) for event in sample.seizures] == [
        (36.89, 200.32),
        (304.56, 121.14),
        (1023.45, 24.14),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the columns"),
        ("a\tb\n", "line 1: the columns"),
        ("onset\tduration\teventType\n1.0\tx\tsz\n", "line 2: 'x' is no number"),
        ("onset\tduration\teventType\n1.0\t5\n", "line 2: 2 cells"),
        ("onset\tduration\teventType\n1.0\tnan\tsz\n", "line 2: 'nan' is no time"),
        ("onset\tduration\teventType\n1.0\t0\tsz\n", "line 2: onset and duration"),
        ("onset\tduration\teventType\tdateTime\n1.0\t1\tsz\tyesterday\n", "line 2: 'yesterday' is no date"),
    ],
)
def test_a_malformed_tsv_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.tsv").write_text(text)
    with pytest.raises(RecordingError, match=words) as caught:
        read_tsv(tmp_path / "bad.tsv")
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("TERM,1.0,2.0,seiz", "should be channel,start_time"),
        ("TERM,1.0,abc,seiz,1.0", "should be channel,start_time"),
        ("TERM,5.0,2.0,seiz,1.0", "stop_time above it"),
        ("TERM,1.0,inf,seiz,1.0", "stop_time above it"),
        ("TERM,1.0,2.0,sleep,1.0", "'sleep' is neither"),
    ],
)
def test_a_malformed_csv_bi_is_named_with_its_line(tmp_path: Path, row: str, words: str) -> None:
    (tmp_path / "bad.csv_bi").write_text(f"# x\nchannel,start_time,stop_time,label,confidence\n{row}\n")
    with pytest.raises(RecordingError, match=words) as caught:
        read_csv_bi(tmp_path / "bad.csv_bi")
    assert "line 3" in caught.value.detail


@given(st.text())
def test_any_text_is_events_or_a_named_fault(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    for prefix, read in (
        ("onset\tduration\teventType\n", read_tsv),
        ("channel,start_time,stop_time,label,confidence\n", read_csv_bi),
    ):
        path.write_text(prefix + text, errors="replace")
        try:
            events = read(path).seizures
        except RecordingError:
            continue
        assert all(event.start_s < event.stop_s for event in events)
