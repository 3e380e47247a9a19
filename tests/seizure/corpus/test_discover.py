"""Recordings are found by names alone, in the five layouts; what is not found is said."""

from pathlib import Path

import pytest

from seizure.corpus import discover
from seizure.errors import CorpusError
from tests.seizure.corpus.made_corpus import add_tusz, write_edf

SAMPLES = Path(__file__).parents[3] / "../shared/data/eeg/epilepsy2bids/tests/data"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared/data/eeg/epilepsy2bids is absent")


@pytest.mark.parametrize("below", [".", "edf"])
def test_tusz_from_the_edf_folder_or_above(tmp_path: Path, below: str) -> None:
    add_tusz(tmp_path, "train", "aaaaagxr", 18)
    add_tusz(tmp_path, "dev", "aaaaaajy")
    add_tusz(tmp_path, "eval", "aaaaaaaq")
    found = discover(tmp_path / below)
    assert [(r.recording_id, r.patient, r.partition) for r in found] == [
        ("aaaaaaaq_s001_t000", "aaaaaaaq", "eval"),
        ("aaaaaajy_s001_t000", "aaaaaajy", "dev"),
        ("aaaaagxr_s001_t018", "aaaaagxr", "train"),
    ]
    assert all(r.path.is_file() and r.annotation_path and r.annotation_path.is_file() for r in found)


def test_tusz_from_one_of_its_folders(tmp_path: Path) -> None:
    add_tusz(tmp_path, "dev", "aaaaaajy")
    assert [r.partition for r in discover(tmp_path / "edf" / "dev")] == ["dev"]


def test_a_folder_above_that_is_called_train_is_no_partition(tmp_path: Path) -> None:
    add_tusz(tmp_path / "train", "eval", "aaaaaaaq")
    assert [r.partition for r in discover(tmp_path)] == ["eval"]
    assert [r.partition for r in discover(tmp_path / "train")] == ["eval"]


def test_csv_bi_is_preferred_and_csv_is_enough(tmp_path: Path) -> None:
    first, second, third = (add_tusz(tmp_path, "train", "aaaaaaaa", n) for n in range(3))
    first.with_suffix(".csv").write_text("")
    second.with_suffix(".csv_bi").rename(second.with_suffix(".csv"))
    third.with_suffix(".csv_bi").unlink()
    assert [r.annotation_path and r.annotation_path.suffix for r in discover(tmp_path)] == [
        ".csv_bi",
        ".csv",
        None,
    ]


@needs_samples
@pytest.mark.parametrize(
    ("folder", "layout", "recordings", "patients"),
    [
        ("chbmit", "chbmit", 59, {"chb05", "chb08"}),
        ("siena", "siena", 7, {"PN00", "PN16"}),
        ("seizeit", "seizeit", 24, {"P_ID64", "P_ID83"}),
    ],
)
def test_real_layouts_are_detected(folder: str, layout: str, recordings: int, patients: set[str]) -> None:
    found = discover(SAMPLES / folder)
    assert {r.layout for r in found} == {layout}
    assert len(found) == recordings
    assert {r.patient for r in found} == patients
    assert all(r.annotation_path for r in found)


def test_chbmit_names_with_letters_and_plus(tmp_path: Path) -> None:
    for name in ("chb02_16+", "chb17a_03", "chb21_01", "chb01_01"):
        write_edf(tmp_path / name[:5] / f"{name}.edf")
    found = {r.recording_id: r.patient for r in discover(tmp_path)}
    # chb21 is the patient of chb01, later
    assert found == {"chb02_16+": "chb02", "chb17a_03": "chb17", "chb21_01": "chb01", "chb01_01": "chb01"}


def test_bids(tmp_path: Path) -> None:
    edf = write_edf(tmp_path / "sub-07/ses-01/eeg/sub-07_ses-01_task-szMonitoring_run-00_eeg.edf")
    edf.with_name("sub-07_ses-01_task-szMonitoring_run-00_events.tsv").write_text("")
    write_edf(tmp_path / "sub-08/eeg/sub-08_task-rest_eeg.edf")
    write_edf(tmp_path / "sub-08/emg/sub-08_task-rest_emg.edf")
    first, second = discover(tmp_path)
    assert (first.recording_id, first.patient, first.layout) == (
        "sub-07_ses-01_task-szMonitoring_run-00",
        "sub-07",
        "bids",
    )
    assert first.annotation_path and second.annotation_path is None


def test_no_file_is_opened(tmp_path: Path) -> None:
    edf = add_tusz(tmp_path, "train", "aaaaaaaa")
    edf.write_bytes(b"not an EDF file")
    assert [r.path for r in discover(tmp_path)] == [edf]


def test_a_folder_without_recordings_says_what_was_looked_for(tmp_path: Path) -> None:
    write_edf(tmp_path / "some" / "patient-1.edf")
    with pytest.raises(
        CorpusError, match=r"no layout found \(1 \.edf files, such as patient-1\.edf\).*TUSZ.*BIDS"
    ):
        discover(tmp_path)


def test_an_asked_layout_that_is_not_there(tmp_path: Path) -> None:
    add_tusz(tmp_path, "train", "aaaaaaaa")
    with pytest.raises(CorpusError, match="no recordings; looked for chbNN"):
        discover(tmp_path, "chbmit")


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such folder"):
        discover(tmp_path / "nothing")


def test_two_layouts_in_one_folder(tmp_path: Path) -> None:
    add_tusz(tmp_path, "train", "aaaaaaaa")
    write_edf(tmp_path / "chb01" / "chb01_01.edf")
    with pytest.raises(CorpusError, match=r"several layouts.*data\.layout"):
        discover(tmp_path)
    assert len(discover(tmp_path, "tusz")) == 1


def test_one_id_twice_is_an_error(tmp_path: Path) -> None:
    edf = add_tusz(tmp_path, "train", "aaaaaaaa")
    copy = edf.parent.parent / "02_tcp_le" / edf.name
    write_edf(copy)
    with pytest.raises(CorpusError, match="aaaaaaaa_s001_t000 is there twice"):
        discover(tmp_path)


def test_links_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    add_tusz(tmp_path / "elsewhere", "train", "aaaaaaaa")
    (tmp_path / "corpus").symlink_to(tmp_path / "elsewhere" / "edf")
    (tmp_path / "elsewhere" / "edf" / "circle").symlink_to(tmp_path / "elsewhere")
    assert len(discover(tmp_path / "corpus")) == 1
