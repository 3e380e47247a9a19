"""Whatever an annotation file holds: a RecordingError or sound annotations, and never less than is marked."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.corpus import Annotations, Recording, Seizure, read_annotations
from seizure.corpus.intervals import END_TOLERANCE_S, normalise
from seizure.corpus.recording import Layout
from seizure.errors import Fault, RecordingError
from tests.seizure.corpus.made_corpus import HEADER, write_edf

PATH = Path("x.csv_bi")

FILES: dict[Layout, tuple[str, str]] = {
    "tusz": ("aaaaaaaa_s001_t000.edf", "aaaaaaaa_s001_t000.csv_bi"),
    "chbmit": ("chb01_01.edf", "chb01-summary.txt"),
    "siena": ("PN01-1.edf", "Seizures-list-PN01.txt"),
    "seizeit": ("P_ID01_r1.edf", "P_ID01_r1_a1.tsv"),
    "bids": ("sub-01_eeg.edf", "sub-01_events.tsv"),
}
# pieces of all the layouts, so that what is drawn comes near to what is meant
PIECES = [
    *("\n", ",", "\t", " ", ":", ".", "#", "0", "1", "12.5", "-3", "600", "1e9", "nan", "inf", "None", "n/a"),
    *("\nchannel,start_time,stop_time,label,confidence\n", "TERM,1,2,seiz,1\n", "TERM,2,1,bckg,1\n", "label"),
    *("\nFile Name: chb01_01.edf\n", "Number of Seizures in File: 1\n", "\nSeizure Start Time: 5 seconds\n"),
    *("Seizure 1 End Time: 9 seconds\n", "\nFile name: PN01.edf\n", "Registration start time: 19.00.44\n"),
    *(
        "Seizure start time: 19.05.00\n",
        "Seizure end time: 19:06:00\n",
        "\n10\t20\tFIA\tHem:L\n",
        "FIA",
        "sz",
    ),
    *("onset\tduration\teventType\n", "1\t2\tsz\n", "bckg", "\x00", "\u2028", "é", "\r"),
]
texts = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))


def is_sound(annotations: Annotations, duration_s: float) -> bool:
    times_s = [time_s for seizure in annotations.seizures for time_s in (seizure.start_s, seizure.stop_s)]
    rises = all(before < after for before, after in itertools.pairwise(times_s))
    return rises and all(0 <= time_s <= duration_s for time_s in times_s)


@pytest.mark.parametrize("layout", FILES)
@settings(max_examples=150)
@given(text=texts)
def test_any_text_is_annotations_or_a_named_fault(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / layout
    recording_name, annotation_name = FILES[layout]
    if not folder.exists():
        write_edf(folder / recording_name)
    (folder / annotation_name).write_text(text, errors="surrogateescape", newline="")
    edf = folder / recording_name
    try:
        annotations = read_annotations(Recording("r", edf, "p", layout, "", folder / annotation_name), 600.0)
    except RecordingError as error:
        assert isinstance(error.fault, Fault)
        assert "\n" not in str(error)
    else:
        assert is_sound(annotations, 600.0)


@settings(max_examples=100)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_annotations_or_a_named_fault(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv_bi"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    try:
        read_annotations(Recording("r", path.with_suffix(".edf"), "p", "tusz", "", path), 600.0)
    except RecordingError as error:
        assert error.fault in (Fault.MALFORMED_ANNOTATIONS, Fault.UNKNOWN_LABEL, Fault.BEYOND_END)


# in quarters of a second, which are exact, from a little before the start to a little beyond the end
quarters = st.integers(-2, 402)
intervals = st.lists(st.tuples(quarters, quarters).filter(lambda pair: pair[0] < pair[1]), max_size=12)
DURATION_S = 100.0


@given(intervals)
def test_normalised_annotations_are_the_union_and_nothing_else(pairs: list[tuple[int, int]]) -> None:
    seizures = [Seizure(start / 4, stop / 4) for start, stop in pairs]
    marked = {quarter for start, stop in pairs for quarter in range(max(start, 0), min(stop, 400))}
    try:
        annotations = normalise(PATH, seizures, DURATION_S)
    except RecordingError as error:
        assert error.fault is Fault.BEYOND_END
        assert any(start >= 400 or stop <= 0 for start, stop in pairs)  # nothing of it lies within
        return
    assert is_sound(annotations, DURATION_S)
    covered = {
        quarter
        for seizure in annotations.seizures
        for quarter in range(int(seizure.start_s * 4), int(seizure.stop_s * 4))
    }
    assert covered == marked
    noticed = {notice.fault for notice in annotations.notices}
    starts = [max(start, 0) for start, _ in pairs]
    assert (Fault.UNSORTED in noticed) == (starts != sorted(starts))
    assert (Fault.OVERLAPPING in noticed) == (sum(min(b, 400) - max(a, 0) for a, b in pairs) > len(marked))
    assert (Fault.BEYOND_END in noticed) == any(start < 0 or stop > 400 for start, stop in pairs)


@given(intervals, intervals)
def test_normalising_twice_changes_nothing(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    seizures = [Seizure(a / 4, b / 4, "fnsz") for a, b in first] + [Seizure(a / 4, b / 4) for a, b in second]
    within = [s for s in seizures if s.start_s >= 0 and s.stop_s <= DURATION_S]
    once = normalise(PATH, within, DURATION_S)
    assert normalise(PATH, once.seizures, DURATION_S) == Annotations(once.seizures)


@given(st.floats(), st.floats())
def test_any_floats_are_an_interval_or_a_named_fault(start_s: float, stop_s: float) -> None:
    try:
        (seizure,) = normalise(PATH, [Seizure(start_s, stop_s)], DURATION_S).seizures
    except RecordingError as error:
        assert error.fault in (Fault.MALFORMED_ANNOTATIONS, Fault.BEYOND_END)
    else:
        assert 0 <= seizure.start_s < seizure.stop_s <= DURATION_S
        assert math.isclose(seizure.start_s, start_s, abs_tol=END_TOLERANCE_S)
        assert math.isclose(seizure.stop_s, stop_s, abs_tol=END_TOLERANCE_S)
