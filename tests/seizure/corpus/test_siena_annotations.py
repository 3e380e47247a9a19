"""Siena's lists in prose, with the irregularities of the published ones."""

from pathlib import Path

import pytest

from seizure.corpus import Annotations, discover, read_annotations
from seizure.errors import Fault, RecordingError
from tests.seizure.corpus.made_corpus import write_edf

SAMPLES = Path(__file__).parents[3] / "../shared/data/eeg/epilepsy2bids/tests/data/siena"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared/data/eeg/epilepsy2bids is absent")


def entry(file: str, registration: str, start: str, stop: str) -> str:
    return f"""
Seizure n 1
File name: {file}
Registration start time: {registration}
Registration end time:  20.22.58
Seizure start time: {start}
Seizure end time: {stop}
"""


def read(folder: Path, text: str, *names: str, start_time: str = "99.99.99") -> dict[str, Annotations]:
    """By name of the recording; headers have no valid clock unless one is given."""
    for name in names:
        write_edf(folder / f"{name}.edf", 10, start_time)
    (folder / f"Seizures-list-{names[0][:4]}.txt").write_text("PN\n\nData Sampling Rate: 512 Hz\n" + text)
    return {r.recording_id: read_annotations(r, 50_000.0) for r in discover(folder)}


def spans(annotations: Annotations) -> list[tuple[float, float]]:
    return [(seizure.start_s, seizure.stop_s) for seizure in annotations.seizures]


@needs_samples
def test_the_real_lists() -> None:
    found = {r.recording_id: read_annotations(r, 10_000.0) for r in discover(SAMPLES)}
    assert {name: spans(annotations) for name, annotations in found.items()} == {
        "PN00-1": [(1143, 1213)],
        "PN00-2": [(1220, 1274)],
        "PN00-3": [(765, 825)],  # the list says an hour more, beyond the recording's end
        "PN00-4": [(1006, 1080)],
        "PN00-5": [(904, 971)],
        "PN16-1": [(7184, 7307)],
        "PN16-2": [(8574, 8681)],
    }
    assert [name for name, annotations in found.items() if annotations.notices] == ["PN00-3"]


@pytest.mark.parametrize("start", ["19.58.36", "19:58:36", " 19:58.36 ", "1 9.58.36"])
def test_ways_to_write_a_time(tmp_path: Path, start: str) -> None:
    found = read(tmp_path, entry("PN03-1.edf", "19.39.33", start, "19.59.46 (sleep)"), "PN03-1")
    assert spans(found["PN03-1"]) == [(1143, 1213)]


def test_over_midnight(tmp_path: Path) -> None:
    found = read(tmp_path, entry("PN07-1.edf", "23.18.10", "05.25.49", "05.26.51"), "PN07-1")
    assert spans(found["PN07-1"]) == [(22_059, 22_121)]
    found = read(tmp_path, entry("PN07-1.edf", "23.18.10", "23.59.50", "00.00.10"), "PN07-1")
    assert spans(found["PN07-1"]) == [(2500, 2520)]


def test_letter_o_for_zero(tmp_path: Path) -> None:
    found = read(tmp_path, entry("PNO6-2.edf", "10.00.00", "10.01.00", "10.02.00"), "PN06-1", "PN06-2")
    assert spans(found["PN06-1"]) == []
    assert spans(found["PN06-2"]) == [(60, 120)]


@pytest.mark.parametrize("written", ["PN11-.edf", "PN11.edf"])
def test_a_name_without_a_number_means_the_only_recording(tmp_path: Path, written: str) -> None:
    found = read(tmp_path, entry(written, "10.00.00", "10.01.00", "10.02.00"), "PN11-1")
    assert spans(found["PN11-1"]) == [(60, 120)]


def test_a_name_that_may_mean_several_recordings_is_an_error_for_all(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, entry("PN11.edf", "10.00.00", "10.01.00", "10.02.00"), "PN11-1", "PN11-2")
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS
    assert "which recording is 'PN11.edf'" in caught.value.detail


def test_one_header_before_several_seizures(tmp_path: Path) -> None:
    text = """
File name: PN01.edf
Registration start time: 19.00.44
Registration end time: 08.20.20
Seizure n 1
Start time: 21:51:02
End time: 21:51:56

Seizure n 2
Start time: 07:53:17
End time: 07:54:31
"""
    found = read(tmp_path, text, "PN01-1")
    assert spans(found["PN01-1"]) == [(10_218, 10_272), (46_353, 46_427)]


def test_several_seizures_in_one_file_with_and_without_registration_times(tmp_path: Path) -> None:
    text = (
        entry("PN12-1.2.edf", "15.51.31", "16.13.23", "16.14.26")
        + """
Seizure n 2
File name: PN12-1.2.edf
Seizure start time: 18.31.01
Seizure end time:18.32.09
"""
    )
    found = read(tmp_path, text, "PN12-1.2")
    assert spans(found["PN12-1.2"]) == [(1312, 1375), (9570, 9638)]


def test_two_times_on_a_line_are_the_widest_interval_with_a_notice(tmp_path: Path) -> None:
    text = entry("PN10-2.edf", "11.00.00", "11.40.13 (CLINICAL); 11.40.19", "11.41.04 opure 11.40.43")
    found = read(tmp_path, text, "PN10-2")
    assert spans(found["PN10-2"]) == [(2413, 2464)]
    assert [notice.fault for notice in found["PN10-2"].notices] == [Fault.MALFORMED_ANNOTATIONS] * 2


def test_the_clock_of_the_edf_header_is_the_signals(tmp_path: Path) -> None:
    text = entry("PN05-3.edf", "06.01.23", "07.55.19", "07.56.00")
    found = read(tmp_path, text, "PN05-3", start_time="06.01.13")
    assert spans(found["PN05-3"]) == [(6846, 6887)]
    assert "-10 s" in found["PN05-3"].notices[0].detail


def test_a_header_hours_away_is_no_clock(tmp_path: Path) -> None:
    text = entry("PN05-3.edf", "06.01.23", "07.55.19", "07.56.00")
    found = read(tmp_path, text, "PN05-3", start_time="12.00.00")
    assert spans(found["PN05-3"]) == [(6836, 6877)]
    assert "+21517 s from what the list says; that is believed" in found["PN05-3"].notices[0].detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no seizure in a list of seizures"),
        (entry("PN05-3.edf", "06.01.23", "07.55", "07.56.00"), "no time of day"),
        (entry("PN05-3.edf", "06.01.23", "27.55.00", "07.56.00"), "no time of day"),
        (
            "File name: PN05-3.edf\nSeizure start time: 1.00.00\nSeizure end time: 1.01.00",
            "registration time",
        ),
        (
            entry("PN05-3.edf", "6.01.23", "7.55.19", "7.56.00").replace("Seizure end", "end of"),
            "without its end",
        ),
        (
            entry("PN05-3.edf", "6.01.23", "7.55.19", "7.56.00").replace("Seizure start", "begins"),
            "without its start",
        ),
        (entry("PN05-3.edf", "6.01.23", "7.55.19", "7.55.19"), "stops before it starts"),
    ],
)
def test_a_seizure_that_cannot_be_read_is_an_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, text, "PN05-3")
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS
    assert words in caught.value.detail


def test_a_missing_list_is_unlabelled(tmp_path: Path) -> None:
    write_edf(tmp_path / "PN05-3.edf")
    with pytest.raises(RecordingError) as caught:
        read_annotations(discover(tmp_path)[0], 600.0)
    assert caught.value.fault is Fault.NO_ANNOTATIONS
