"""All annotations of a corpus: what cannot be used is listed with its reason, and counted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.corpus import Skipped, discover, read_all_annotations, read_skipped, write_skipped
from seizure.errors import CorpusError, Fault
from tests.seizure.corpus.made_corpus import add_tusz, csv_bi

SEIZ = "TERM,42.0,80.0,seiz,1.0"


def test_annotations_durations_and_what_is_skipped(tmp_path: Path) -> None:
    add_tusz(tmp_path, "train", "aaaaaaaa", 0, [SEIZ], seconds=300)
    add_tusz(tmp_path, "train", "aaaaaaaa", 1)
    add_tusz(tmp_path, "train", "aaaaaaaa", 2, ["TERM,42.0,80"])
    add_tusz(tmp_path, "train", "aaaaaaaa", 3).with_suffix(".csv_bi").unlink()
    add_tusz(tmp_path, "train", "aaaaaaaa", 4, [SEIZ], seconds=60)
    labelled = read_all_annotations(discover(tmp_path))
    assert labelled.seizure_s == {"aaaaaaaa_s001_t000": 38.0, "aaaaaaaa_s001_t001": 0.0}
    assert labelled.durations_s == {"aaaaaaaa_s001_t000": 300.0, "aaaaaaaa_s001_t001": 600.0}
    assert [(one.recording_id[-1], one.fault) for one in labelled.skipped] == [
        ("2", Fault.MALFORMED_ANNOTATIONS),
        ("3", Fault.NO_ANNOTATIONS),
        ("4", Fault.BEYOND_END),
    ]
    assert labelled.skipped[0].path.suffix == ".edf"
    assert labelled.skipped[0].detail == "aaaaaaaa_s001_t002.csv_bi: line 7: 3 columns in place of 5"
    labelled.require_seizures(tmp_path)


def test_seizures_of_an_unreadable_recording_are_not_forgotten(tmp_path: Path) -> None:
    first = add_tusz(tmp_path, "eval", "aaaaaaaa", 0, [SEIZ], seconds=300)
    second = add_tusz(tmp_path, "eval", "aaaaaaaa", 1, [SEIZ], seconds=300)
    third = add_tusz(tmp_path, "eval", "aaaaaaaa", 2)
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:-100])
    second.with_suffix(".csv_bi").write_text(csv_bi(SEIZ).replace("# duration", "# Dauer"))
    third.write_bytes(b"")
    third.with_suffix(".csv_bi").unlink()
    labelled = read_all_annotations(discover(tmp_path))
    assert labelled.annotations == {}
    assert {name: one.seizure_s for name, one in labelled.unreadable.items()} == {
        "aaaaaaaa_s001_t000": 38.0,
        "aaaaaaaa_s001_t001": 38.0,
    }
    assert labelled.durations_s == {"aaaaaaaa_s001_t000": 300.0, "aaaaaaaa_s001_t001": 80.0}
    assert [one.fault for one in labelled.skipped] == [Fault.NOT_EDF, Fault.TRUNCATED, Fault.NOT_EDF]


def test_a_corpus_without_a_seizure_stops_the_run(tmp_path: Path) -> None:
    """A predecessor's cache held 252,089 windows and not one seizure."""
    add_tusz(tmp_path, "train", "aaaaaaaa", 0)
    add_tusz(tmp_path, "train", "aaaaaaaa", 1, ["nonsense"])
    labelled = read_all_annotations(discover(tmp_path))
    with pytest.raises(
        CorpusError, match=r"not one seizure in the annotations of 1 recordings; 1 more cannot"
    ):
        labelled.require_seizures(tmp_path)


def test_skipped_tsv(tmp_path: Path) -> None:
    path = tmp_path / "run" / "skipped.tsv"
    path.parent.mkdir()
    skipped = [
        Skipped("b", Path("/c/b.edf"), Fault.TRUNCATED, "3 of 5\tdata\nrecords"),
        Skipped("a", Path("/c/a.edf"), Fault.NO_ANNOTATIONS, "none"),
    ]
    write_skipped(path, skipped)
    assert path.read_text() == (
        "recording_id\tpath\tfault\tdetail\n"
        "a\t/c/a.edf\tno-annotations\tnone\n"
        "b\t/c/b.edf\ttruncated\t3 of 5 data records\n"
    )
    assert [one.recording_id for one in read_skipped(path)] == ["a", "b"]
    assert list(path.parent.iterdir()) == [path]
    write_skipped(path, [])
    assert read_skipped(path) == []


words = st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(
    lambda text: " ".join(text.split())
)


@given(st.lists(st.builds(Skipped, words, words.map(Path), st.sampled_from(Fault), words)))
def test_skipped_tsv_round_trip(tmp_path_factory: pytest.TempPathFactory, skipped: list[Skipped]) -> None:
    path = tmp_path_factory.getbasetemp() / "skipped.tsv"
    write_skipped(path, skipped)
    assert sorted(read_skipped(path), key=repr) == sorted(skipped, key=repr)


@pytest.mark.parametrize(
    "text", ["", "recording\tpath\n", "recording_id\tpath\tfault\tdetail\na\tb\tno-such-fault\td\n"]
)
def test_what_is_no_skipped_tsv(tmp_path: Path, text: str) -> None:
    (tmp_path / "skipped.tsv").write_text(text)
    with pytest.raises(CorpusError, match="not a l"):
        read_skipped(tmp_path / "skipped.tsv")
    with pytest.raises(CorpusError, match="No such file"):
        read_skipped(tmp_path / "none.tsv")
