"""CHB-MIT's summaries: both ways of writing seizures, files without times, and what is missing."""

from pathlib import Path

import pytest

from seizure.corpus import Recording, discover, read_annotations
from seizure.errors import Fault, RecordingError
from tests.seizure.corpus.made_corpus import write_edf

SAMPLES = Path(__file__).parents[3] / "../shared/data/eeg/epilepsy2bids/tests/data/chbmit"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared/data/eeg/epilepsy2bids is absent")

PREAMBLE = """Data Sampling Rate: 256 Hz
*************************

Channels in EDF Files:
**********************
Channel 1: FP1-F7

"""


def spans(folder: Path, summary: str, name: str = "chb24_01") -> list[tuple[float, float]]:
    edf = write_edf(folder / f"{name}.edf", 3600)
    path = folder / f"{name[:5]}-summary.txt"
    path.write_text(PREAMBLE + summary)
    annotations = read_annotations(Recording(name, edf, name[:5], "chbmit", "", path), 3600.0)
    return [(seizure.start_s, seizure.stop_s) for seizure in annotations.seizures]


@needs_samples
def test_the_real_summaries() -> None:
    found = {r.recording_id: read_annotations(r, 3600.0) for r in discover(SAMPLES)}
    with_seizures = {
        name: [(s.start_s, s.stop_s) for s in annotations.seizures]
        for name, annotations in found.items()
        if annotations.seizures
    }
    assert with_seizures == {
        "chb05_06": [(417, 532)],
        "chb05_13": [(1086, 1196)],
        "chb05_16": [(2317, 2413)],
        "chb05_17": [(2451, 2571)],
        "chb05_22": [(2348, 2465)],
        "chb08_02": [(2670, 2841)],
        "chb08_05": [(2856, 3046)],
        "chb08_11": [(2988, 3122)],
        "chb08_13": [(2417, 2577)],
        "chb08_21": [(2083, 2347)],
    }
    assert not any(annotations.notices for annotations in found.values())


def test_files_without_times_of_day(tmp_path: Path) -> None:
    summary = """File Name: chb24_01.edf
Number of Seizures in File: 2
Seizure 1 Start Time: 480 seconds
Seizure 1 End Time: 505 seconds
Seizure 2 Start Time:  2451 seconds
Seizure 2 End Time: 2476 second
"""
    assert spans(tmp_path, summary) == [(480, 505), (2451, 2476)]


def test_seizures_without_numbers(tmp_path: Path) -> None:
    summary = """File Name: chb24_01.edf
Number of Seizures in File: 2
Seizure Start Time: 480 seconds
Seizure End Time: 505 seconds
Seizure Start Time: 2451 seconds
Seizure End Time: 2476 seconds

File Name: chb24_02.edf
Number of Seizures in File: 0
"""
    assert spans(tmp_path, summary) == [(480, 505), (2451, 2476)]
    assert spans(tmp_path, summary, "chb24_02") == []


def test_a_list_of_seizures_leaves_out_files_without(tmp_path: Path) -> None:
    """The summary of chb24: twelve of its 22 files are named, none with times of day, all with seizures."""
    named = "Number of Seizures in File: 1\nSeizure Start Time: 1 seconds\nSeizure End Time: 9 seconds\n"
    assert spans(tmp_path, f"File Name: chb24_01.edf\n{named}", "chb24_02") == []
    (recording,) = discover(tmp_path)
    assert [notice.fault for notice in read_annotations(recording, 3600.0).notices] == [Fault.NO_ANNOTATIONS]
    with_clock = f"File Name: chb24_01.edf\nFile Start Time: 17:20:05\n{named}"
    with pytest.raises(RecordingError, match="does not name it"):
        spans(tmp_path, with_clock, "chb24_02")


def test_a_file_that_the_summary_does_not_name_is_unlabelled(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as caught:
        spans(tmp_path, "File Name: chb24_02.edf\nNumber of Seizures in File: 0\n")
    assert caught.value.fault is Fault.NO_ANNOTATIONS
    assert "chb24-summary.txt does not name it" in caught.value.detail


def test_a_missing_summary_is_unlabelled(tmp_path: Path) -> None:
    write_edf(tmp_path / "chb24" / "chb24_01.edf")
    (recording,) = discover(tmp_path)
    with pytest.raises(RecordingError) as caught:
        read_annotations(recording, 600.0)
    assert caught.value.fault is Fault.NO_ANNOTATIONS


@pytest.mark.parametrize(
    ("summary", "words"),
    [
        ("Number of Seizures in File: 1\n", "the file has 1 seizures, but 0 with times"),
        ("Seizure Start Time: 1 seconds\nSeizure End Time: 9 seconds\n", "no number of seizures, but 1"),
        ("Number of Seizures in File: 1\nSeizure Start Time: 1 seconds\n", "start without its end"),
        ("Number of Seizures in File: one\n", "number of seizures is 'one'"),
        ("Number of Seizures in File: 1\nSeizure Start Time: x\nSeizure End Time: 9\n", "time is 'x'"),
        ("Number of Seizures in File: 1\nSeizure starts at 480\n", "a seizure that cannot be read"),
        ("Number of Seizures in File: 1\nSeizure End Time: 9\nSeizure Start Time: 1\n", "without its end"),
    ],
)
def test_a_seizure_that_cannot_be_read_is_an_error(tmp_path: Path, summary: str, words: str) -> None:
    with pytest.raises(RecordingError) as caught:
        spans(tmp_path, "File Name: chb24_01.edf\n" + summary)
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS
    assert words in caught.value.detail
