"""TUSZ's annotation files: a seizure is read, mended with a notice, or refused by name."""

from pathlib import Path

import pytest

from seizure.corpus import Annotations, Recording, read_annotations
from seizure.errors import Fault, RecordingError
from tests.seizure.corpus.made_corpus import HEADER, csv_bi, write_edf

SEIZ = "TERM,42.2786,81.7760,seiz,1.0000"


def read(folder: Path, text: str, suffix: str = ".csv_bi", duration_s: float = 600.0) -> Annotations:
    edf = folder / "aaaaagxr_s018_t000.edf"
    edf.with_suffix(suffix).write_text(text)
    return read_annotations(
        Recording(edf.stem, edf, "aaaaagxr", "tusz", "train", edf.with_suffix(suffix)), duration_s
    )


def spans(annotations: Annotations) -> list[tuple[float, float]]:
    return [(seizure.start_s, seizure.stop_s) for seizure in annotations.seizures]


def faults(annotations: Annotations) -> set[Fault]:
    return {notice.fault for notice in annotations.notices}


def test_a_seizure_between_background(tmp_path: Path) -> None:
    text = csv_bi("TERM,0.0000,42.2786,bckg,1.0000", SEIZ, "TERM,81.7760,600.0000,bckg,1.0000")
    annotations = read(tmp_path, text)
    assert spans(annotations) == [(42.2786, 81.776)]
    assert annotations.notices == ()
    assert annotations.seizure_s == pytest.approx(39.4974)


@pytest.mark.parametrize("label", ["seiz", "gnsz", "fnsz", "cpsz", "absz", "spsz", "tcsz", "tnsz", "mysz"])
def test_every_seizure_type_counts(tmp_path: Path, label: str) -> None:
    annotations = read(tmp_path, csv_bi(f"FP1-F7,10.0,20.0,{label},1.0"), ".csv")
    assert spans(annotations) == [(10.0, 20.0)]
    assert annotations.seizures[0].label == label


def test_csv_is_the_union_over_channels_and_types(tmp_path: Path) -> None:
    rows = [
        "FP1-F7,10.0,20.0,fnsz,1.0",
        "FP1-F7,20.0,30.0,bckg,1.0",
        "F7-T3,15.0,25.0,gnsz,1.0",
        "T3-T5,40.0,50.0,cpsz,1.0",
    ]
    annotations = read(tmp_path, csv_bi(*rows), ".csv")
    assert spans(annotations) == [(10.0, 25.0), (40.0, 50.0)]
    assert annotations.notices == ()  # channels overlap as a matter of course


def test_columns_are_found_by_the_header_not_by_place(tmp_path: Path) -> None:
    """The predecessor took the label from the wrong column, and so found no seizure."""
    text = (
        csv_bi().replace(HEADER, "label,channel,confidence,stop_time,start_time")
        + "seiz,TERM,1.0,81.7760,42.2786\n"
    )
    assert spans(read(tmp_path, text)) == [(42.2786, 81.776)]


def test_columns_in_another_order_than_the_header_says(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, csv_bi("42.2786,81.7760,TERM,seiz,1.0000"))
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS
    assert "line 7: stop_time is 'TERM', not a number" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no header line"),
        ("# version = csv_v1.0.0\n", "no header line"),
        (
            csv_bi(SEIZ).replace(HEADER, "channel,start,stop,label,confidence"),
            "should name start_time, stop_time",
        ),
        (csv_bi(SEIZ).replace(HEADER + "\n", ""), "should name"),
        (csv_bi("TERM,42.2786,81.77"), "3 columns in place of 5"),
        (csv_bi("TERM,x,81.7760,seiz,1.0000"), "start_time is 'x'"),
        (csv_bi("TERM,nan,81.7760,seiz,1.0000"), "start_time is 'nan'"),
        (csv_bi("TERM,1_0,81.7760,seiz,1.0000"), "start_time is '1_0'"),
        (csv_bi("TERM,81.7760,42.2786,seiz,1.0000"), "stops before it starts"),
        (csv_bi("TERM,42.0,42.0,seiz,1.0000"), "stops before it starts"),
        (csv_bi(SEIZ, "TERM;90;95;seiz;1"), "1 columns"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv_bi", ".csv"])
def test_malformed_files_are_errors(tmp_path: Path, text: str, words: str, suffix: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, text, suffix)
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS
    assert words in caught.value.detail


def test_an_unknown_label_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, csv_bi(SEIZ, "TERM,90.0,95.0,seizure,1.0"))
    assert caught.value.fault is Fault.UNKNOWN_LABEL
    assert "line 8: label 'seizure'" in caught.value.detail


def test_a_missing_file_is_unlabelled_not_without_seizures(tmp_path: Path) -> None:
    edf = write_edf(tmp_path / "aaaaaaaa_s001_t000.edf")
    for annotation_path in (None, edf.with_suffix(".csv_bi")):
        with pytest.raises(RecordingError) as caught:
            read_annotations(Recording(edf.stem, edf, "aaaaaaaa", "tusz", "train", annotation_path), 600.0)
        assert caught.value.fault is Fault.NO_ANNOTATIONS


def test_unsorted_seizures_are_sorted_with_a_notice(tmp_path: Path) -> None:
    annotations = read(tmp_path, csv_bi("TERM,90.0,95.0,seiz,1.0", SEIZ))
    assert spans(annotations) == [(42.2786, 81.776), (90.0, 95.0)]
    assert faults(annotations) == {Fault.UNSORTED}


def test_overlapping_seizures_are_joined_with_a_notice(tmp_path: Path) -> None:
    rows = [
        "TERM,10.0,50.0,seiz,1.0",
        "TERM,20.0,30.0,seiz,1.0",
        "TERM,40.0,60.0,seiz,1.0",
        "TERM,60.0,61.0,seiz,1.0",
    ]
    annotations = read(tmp_path, csv_bi(*rows))
    assert spans(annotations) == [(10.0, 61.0)]
    assert faults(annotations) == {Fault.OVERLAPPING}
    assert "2 seizures overlap" in annotations.notices[0].detail


def test_beyond_the_end_by_little_is_clipped_with_a_notice(tmp_path: Path) -> None:
    annotations = read(tmp_path, csv_bi(SEIZ, "TERM,90.0,600.9,seiz,1.0"))
    assert spans(annotations) == [(42.2786, 81.776), (90.0, 600.0)]
    assert faults(annotations) == {Fault.BEYOND_END}


@pytest.mark.parametrize(
    "row",
    [
        "TERM,90.0,602.0,seiz,1.0",
        "TERM,700.0,710.0,seiz,1.0",
        "TERM,600.2,600.7,seiz,1.0",
        "TERM,-5.0,10.0,seiz,1.0",
    ],
)
def test_beyond_the_recording_is_an_error(tmp_path: Path, row: str) -> None:
    with pytest.raises(RecordingError) as caught:
        read(tmp_path, csv_bi(SEIZ, row))
    assert caught.value.fault is Fault.BEYOND_END
    assert "the recording lasts from 0 to 600 s" in caught.value.detail


def test_a_hair_before_the_start_is_clipped(tmp_path: Path) -> None:
    annotations = read(tmp_path, csv_bi("TERM,-0.002,10.0,seiz,1.0"))
    assert spans(annotations) == [(0.0, 10.0)]
    assert faults(annotations) == {Fault.BEYOND_END}


def test_background_beyond_the_end_harms_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, csv_bi(SEIZ, "TERM,81.776,700.0,bckg,1.0")).notices == ()


def test_seizures_that_only_the_csv_has_are_not_lost(tmp_path: Path) -> None:
    (tmp_path / "aaaaagxr_s018_t000.csv").write_text(csv_bi("FP1-F7,10.0,40.0,fnsz,1.0"))
    with pytest.raises(RecordingError, match="0 s of seizures, and 30 s in aaaaagxr"):
        read(tmp_path, csv_bi("TERM,0.0,600.0,bckg,1.0"))
    assert spans(read(tmp_path, csv_bi(SEIZ))) == [(42.2786, 81.776)]


def test_a_file_that_ends_after_its_header_is_cut_short_and_not_without_seizures(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no line after the header, not even bckg") as caught:
        read(tmp_path, csv_bi())
    assert caught.value.fault is Fault.MALFORMED_ANNOTATIONS


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "aaaaagxr_s018_t000.csv_bi"
    path.write_bytes(b"\xef\xbb\xbf" + csv_bi(SEIZ).replace("\n", "\r\n").encode())
    recording = Recording(path.stem, path.with_suffix(".edf"), "aaaaagxr", "tusz", "train", path)
    assert spans(read_annotations(recording, 600.0)) == [(42.2786, 81.776)]
