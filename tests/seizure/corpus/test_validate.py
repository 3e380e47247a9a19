"""`validate` counts what a corpus has and names every fault, by path."""

import json
from pathlib import Path

import pytest

from seizure.commands import run
from seizure.signal.channels import REFERENTIAL19
from tests.seizure.corpus.made_corpus import add_tusz, csv_bi, write_edf

SEIZ = "TERM,42.0,80.0,seiz,1.0"
LABELS = [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]


def add(root: Path, partition: str, patient: str, number: int = 0, row: str = SEIZ) -> Path:
    """A recording of 19 channels, flat, that could be used but for its signals."""
    edf = add_tusz(root, partition, patient, number, [row])
    return write_edf(edf, labels=LABELS, samples=128)


def test_a_sound_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(tmp_path, "train", "aaaaaaaa", 0)
    add(tmp_path, "train", "aaaaaaaa", 1, "TERM,0.0,600.0,bckg,1.0")
    add(tmp_path, "dev", "aaaaaaab")
    assert run(["validate", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("layout tusz")
    assert [line.split() for line in lines[2:5]] == [
        ["train", "2", "1", "0.33", "1", "0.01", "1"],
        ["dev", "1", "1", "0.17", "1", "0.01", "1"],
        ["all", "3", "2", "0.50", "2", "0.02", "2"],
    ]
    assert "EEG rates 128 Hz (3 recordings)" in lines
    assert "montages  referential19 (3 recordings), bipolar18 (3 recordings)" in lines
    assert lines[-1] == "no faults in any recording"


def test_every_fault_is_named_with_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truncated = add(tmp_path, "train", "aaaaaaaa", 0)
    truncated.write_bytes(truncated.read_bytes()[:-1])
    malformed = add(tmp_path, "train", "aaaaaaaa", 1, "TERM,42.0,80")
    unlabelled = add(tmp_path, "train", "aaaaaaaa", 2)
    unlabelled.with_suffix(".csv_bi").unlink()
    one_channel = write_edf(add(tmp_path, "train", "aaaaaaaa", 3), labels=LABELS[:1], samples=128)
    lost = add(tmp_path, "train", "aaaaaaaa", 4, "TERM,0.0,600.0,bckg,1.0")
    lost.with_suffix(".csv").write_text(csv_bi("FP1-F7,10.0,20.0,fnsz,1.0"))
    unsorted = add(tmp_path, "train", "aaaaaaaa", 5, "TERM,90.0,95.0,seiz,1.0\n" + SEIZ)
    assert run(["validate", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"{truncated}: truncated: 599 of 600 data records are there" in out
    assert f"{malformed}: malformed-annotations: {malformed.stem}.csv_bi: line 7" in out
    assert f"{unlabelled}: no-annotations: " in out
    assert f"{one_channel}: missing-channels: " in out
    assert (
        f"{lost}: malformed-annotations: {lost.stem}.csv_bi: 0 s of seizures, and 10 s in {lost.stem}.csv"
        in out
    )
    assert f"{unsorted}: " not in out
    assert "mended    1 unsorted" in out
    kinds = "2 malformed-annotations, 1 truncated, 1 no-annotations, 1 missing-channels"
    assert out.endswith(f"5 of 6 recordings have faults ({kinds})\n")


def test_signals_are_read_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edf = add(tmp_path, "train", "aaaaaaaa")
    assert run(["validate", str(tmp_path)]) == 0
    assert run(["validate", str(tmp_path), "--signals"]) == 1
    assert f"{edf}: flat-signal: " in capsys.readouterr().out


def test_a_patient_in_two_folders_and_a_corpus_without_seizures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    background = "TERM,0.0,600.0,bckg,1.0"
    add(tmp_path, "train", "aaaaaaaa", 0, background)
    add(tmp_path, "eval", "aaaaaaaa", 1, background)
    assert run(["validate", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "patient aaaaaaaa in eval and train" in out
    assert "not one seizure in all annotations" in out


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(tmp_path, "train", "aaaaaaaa", 0)
    broken = add(tmp_path, "train", "aaaaaaaa", 1)
    broken.write_bytes(b"")
    assert run(["validate", str(tmp_path), "--json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == ""
    assert document["partitions"]["all"]["recordings"] == 2
    assert document["recordings"][0]["seizures"] == [[42.0, 80.0, "seiz"]]
    assert document["recordings"][0]["montages"] == ["referential19", "bipolar18"]
    assert document["recordings"][1]["faults"] == [["not-edf", "the file is empty"]]
    assert document["recordings"][1]["seizures"] == [[42.0, 80.0, "seiz"]]  # said all the same


def test_a_folder_without_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(tmp_path)]) == 1
    assert "error: " in capsys.readouterr().err
    assert run(["validate", str(tmp_path), "--layout", "tuh"]) == 2


def test_edf_files_of_other_names_are_said_to_be_left_unread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = add(tmp_path, "train", "aaaaaaaa")
    other = known.with_name("backup of the first.EDF")
    other.write_bytes(known.read_bytes())
    assert run(["validate", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"not read  1 EDF files whose names are none of this layout, such as {other}" in said
    assert run(["validate", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["not_read"] == [str(other)]


def test_a_file_in_place_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(add(tmp_path, "train", "aaaaaaaa"))]) == 1
    assert "a file, and should be the corpus's folder" in capsys.readouterr().err


def test_a_misspelt_command_is_answered_by_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["valdate", "."]) == 2
    assert "No such command 'valdate'. Did you mean 'validate'?" in capsys.readouterr().err
