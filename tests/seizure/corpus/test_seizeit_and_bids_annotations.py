"""SeizeIT's and SzCORE's tab-separated annotations."""

from pathlib import Path

import pytest

from seizure.corpus import Annotations, discover, read_annotations, read_reference
from seizure.errors import Fault, RecordingError
from seizure.events import write_tsv
from tests.seizure.corpus.made_corpus import write_edf

DATA = Path(__file__).parents[3] / "../shared/data/eeg/epilepsy2bids/tests"
needs_samples = pytest.mark.skipif(not DATA.is_dir(), reason="shared/data/eeg/epilepsy2bids is absent")
HEADER = "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n"
TAIL = "\tn/a\tn/a\t2000-01-01 00:00:00\t3600.00\n"


def spans(annotations: Annotations) -> list[tuple[float, float]]:
    return [(seizure.start_s, seizure.stop_s) for seizure in annotations.seizures]


def read(folder: Path, name: str, beside: str, text: str) -> Annotations:
    (write_edf(folder / name).with_name(beside)).write_text(text)
    (recording,) = discover(folder)
    return read_annotations(recording, 3600.0)


def bids(folder: Path, text: str) -> Annotations:
    return read(folder, "sub-01_task-x_run-00_eeg.edf", "sub-01_task-x_run-00_events.tsv", text)


def seizeit(folder: Path, text: str) -> Annotations:
    return read(folder, "P_ID64_r4.edf", "P_ID64_r4_a1.tsv", text)


@needs_samples
def test_the_real_seizeit_lists() -> None:
    found = {r.recording_id: read_annotations(r, 86_400.0) for r in discover(DATA / "data" / "seizeit")}
    assert {name: spans(one) for name, one in found.items() if one.seizures} == {
        "P_ID64_r1": [(8971, 9001)],  # 30 s in place of an end that is not marked
        "P_ID64_r2": [(1949, 1980)],
        "P_ID64_r3": [(781, 807), (7145, 7175)],
        "P_ID64_r4": [(6319, 6339), (11512, 11544), (13962, 13992)],
        "P_ID83_r4": [(49911, 50045)],
        "P_ID83_r6": [(1510, 1540), (17702, 17769)],
        "P_ID83_r10": [(404, 457)],
        "P_ID83_r11": [(6193, 6233)],
    }


@needs_samples
def test_the_real_sample_of_szcore(tmp_path: Path) -> None:
    annotations = bids(tmp_path, (DATA / "sample.tsv").read_text())
    times_s = [time_s for span in spans(annotations) for time_s in span]
    assert times_s == pytest.approx([36.89, 237.21, 304.56, 425.70, 1023.45, 1047.59])
    assert [seizure.confidence for seizure in annotations.seizures] == [1.0, 1.0, 0.0]


def test_a_seizure_without_an_end_is_kept_with_a_notice(tmp_path: Path) -> None:
    text = "# Source: SeizeIt1\n \n\n11512\tNone\tFIA\tHem:L\n"
    annotations = seizeit(tmp_path, text.replace("11512", "3000"))
    assert spans(annotations) == [(3000, 3030)]
    assert "has no end" in annotations.notices[0].detail
    assert spans(seizeit(tmp_path, text.replace("11512", "3590"))) == [(3590, 3600)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1\t2\n", Fault.MALFORMED_ANNOTATIONS),
        ("1\tlater\tFIA\n", Fault.MALFORMED_ANNOTATIONS),
        ("None\tNone\tFIA\n", Fault.MALFORMED_ANNOTATIONS),
        ("9\t2\tFIA\n", Fault.MALFORMED_ANNOTATIONS),
        ("1\t2\tbckg\n", Fault.UNKNOWN_LABEL),
        ("5000\tNone\tFIA\n", Fault.BEYOND_END),
        ("5000\t5010\tFIA\n", Fault.BEYOND_END),
    ],
)
def test_seizeit_lines_that_cannot_be_used(tmp_path: Path, text: str, fault: Fault) -> None:
    with pytest.raises(RecordingError) as caught:
        seizeit(tmp_path, "# Source: SeizeIt1\n" + text)
    assert caught.value.fault is fault


def test_seizeit_comments_alone_mean_no_seizures(tmp_path: Path) -> None:
    assert seizeit(tmp_path, "# Source: SeizeIt1\n \n\n") == Annotations(())


def test_hed_score_types_count_and_background_does_not(tmp_path: Path) -> None:
    rows = ["0\t100\tbckg", "100\t20\tsz", "200\t20\tsz_foc_ia_nm_behavior", "300\t5\tsz_gen_m_tonicClonic"]
    text = HEADER + "".join(row + TAIL for row in rows) + "n/a\tn/a\tbckg" + TAIL
    assert spans(bids(tmp_path, text)) == [(100, 120), (200, 220), (300, 305)]


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    assert spans(bids(tmp_path, "eventType\tduration\tonset\nsz\t20\t100\n")) == [(100, 120)]


def test_the_duration_that_annotations_state(tmp_path: Path) -> None:
    """What an unreadable recording's seizures are scored against."""
    bids(tmp_path, HEADER + "0\t100\tbckg" + TAIL + "100\t20\tsz" + TAIL)
    annotations, duration_s = read_reference(discover(tmp_path)[0])
    assert (spans(annotations), duration_s) == ([(100, 120)], 3600.0)
    bids(tmp_path, "onset\tduration\teventType\n100\t20\tsz\n")
    assert read_reference(discover(tmp_path)[0])[1] == 120.0


def test_what_this_project_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sub-01_task-x_run-00_events.tsv"
    write_edf(tmp_path / "sub-01_task-x_run-00_eeg.edf")
    write_tsv(path, [], 3600.0)
    (recording,) = discover(tmp_path)
    assert read_annotations(recording, 3600.0) == Annotations(())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", Fault.MALFORMED_ANNOTATIONS),
        ("onset\tduration\n1\t2\n", Fault.MALFORMED_ANNOTATIONS),
        (HEADER + "1\t2\n", Fault.MALFORMED_ANNOTATIONS),
        (HEADER + "n/a\t20\tsz" + TAIL, Fault.MALFORMED_ANNOTATIONS),
        (HEADER + "1\t-20\tsz" + TAIL, Fault.MALFORMED_ANNOTATIONS),
        (HEADER + "1\t20\tsz\tcertain\tn/a\tn/a\tn/a\n", Fault.MALFORMED_ANNOTATIONS),
        (HEADER + "1\t20\tseizure" + TAIL, Fault.UNKNOWN_LABEL),
        (HEADER + "3599\t20\tsz" + TAIL, Fault.BEYOND_END),
    ],
)
def test_bids_events_that_cannot_be_used(tmp_path: Path, text: str, fault: Fault) -> None:
    with pytest.raises(RecordingError) as caught:
        bids(tmp_path, text)
    assert caught.value.fault is fault
