"""`predict`: from EDF files to events, in the commands that a user types."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from seizure.commands import root, run
from seizure.commands.predict import _write
from seizure.config import resolve
from seizure.config.schema import Lengths
from seizure.events import read_csv_bi, read_tsv
from seizure.training.checkpoint import set_threshold
from tests.seizure.edf.raw_edf import RawEdf, RawSignal
from tests.seizure.predict.conftest import REFERENTIAL, make_edf
from tests.seizure.scoring.scored_run import SMOKE, untrained
from training_kit.checkpoint import write_checkpoint


@pytest.fixture
def predict(capsys):
    """Types `python -m seizure predict …`; gives (status, stdout, stderr)."""

    def typed(*arguments):
        status = run(["predict", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return typed


def test_one_recordings_events_are_printed_as_tsv(predict, made):
    status, out, err = predict(made.referential, "--model", made.referential_model)
    assert status == 0
    assert out.splitlines()[0].split("\t") == [
        *("onset", "duration", "eventType", "confidence", "channels", "dateTime", "recordingDuration")
    ]
    assert len(out.splitlines()) >= 2
    assert f"Predicting 1/1: {made.referential}" in err


def test_events_go_to_a_file_in_either_form(predict, made, tmp_path):
    for form, read in (("tsv", read_tsv), ("csv_bi", read_csv_bi)):
        out = tmp_path / "deep" / f"events.{form}"
        options = ("--model", made.referential_model, "--out", out, "--format", form)
        assert predict(made.referential, *options)[:2] == (0, "")
        assert read(out).duration_s == 70.0


def test_the_threshold_decides(predict, made, tmp_path):
    found = {}
    for threshold in (0, 1):
        out = tmp_path / f"{threshold}.tsv"
        options = ("--model", made.referential_model, "--threshold", threshold, "--out", out)
        assert predict(made.referential, *options)[0] == 0
        found[threshold] = [(event.start_s, event.stop_s) for event in read_tsv(out).seizures]
    assert found == {0: [(0.0, 70.0)], 1: []}


def test_a_model_without_a_threshold_asks_for_one(predict, made):
    status, _, err = predict(made.referential, "--model", made.no_threshold)
    assert status == 1
    assert "has no threshold yet: give one by --threshold, or run evaluate --split val" in err
    assert predict(made.referential, "--model", made.no_threshold, "--threshold", 0.5)[0] == 0


def test_a_bipolar_recording_is_refused_for_a_referential_model_in_a_sentence(predict, made):
    status, out, err = predict(made.bipolar, "--model", made.referential_model)
    assert (status, out) == (1, "")
    line = next(line for line in err.splitlines() if line.startswith("error"))
    assert line == (
        f"error: {made.bipolar}: montage: a bipolar recording, of which referential19 cannot be made; "
        "use montage bipolar18; referential.pt is a model for referential19"
    )


@pytest.mark.parametrize("recording", ["bipolar", "referential"])
def test_a_bipolar_model_takes_bipolar_recordings_like_chbmits_and_referential_ones(predict, made, recording):
    status, out, _ = predict(getattr(made, recording), "--model", made.bipolar_model, "--json")
    assert status == 0
    result = json.loads(out)
    assert result["montage"] == "bipolar18"
    assert result["recordings"][0]["duration_s"] == 70.0


def test_a_recording_that_cannot_be_read_is_named_and_the_others_go_on(predict, made, tmp_path):
    corpus = tmp_path / "in"
    make_edf(corpus / "a" / "good.edf", REFERENTIAL)
    make_edf(corpus / "b" / "good.edf", REFERENTIAL)
    (corpus / "a" / "bad.edf").write_bytes(b"nothing")
    status, _, err = predict(corpus, "--model", made.referential_model, "--out", tmp_path / "out")
    assert status == 1
    assert f"error: {corpus / 'a' / 'bad.edf'}: not-edf: " in err
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.tsv")
    )
    assert written == ["a/good.tsv", "b/good.tsv"]


def test_json_names_what_failed_and_what_was_noticed(predict, made, tmp_path):
    labels = [label for label in REFERENTIAL if "FZ" not in label]
    lacking = make_edf(tmp_path / "lacking.edf", labels)
    (tmp_path / "bad.edf").write_bytes(b"nothing")
    status, out, _ = predict(tmp_path, "--model", made.referential_model, "--json")
    result = json.loads(out)
    assert status == 1
    assert [one["fault"] for one in result["failed"]] == ["not-edf"]
    assert result["recordings"][0]["recording"] == str(lacking)
    assert any("Fz" in notice for notice in result["recordings"][0]["notices"])


def test_a_recording_shorter_than_a_window_is_padded(predict, made, tmp_path):
    short = make_edf(tmp_path / "short.edf", REFERENTIAL, seconds=7)
    status, out, _ = predict(short, "--model", made.referential_model, "--threshold", 0, "--json")
    assert status == 0
    (event,) = json.loads(out)["recordings"][0]["events"]
    assert (event["start_s"], event["stop_s"]) == (0.0, 7.0)


def test_several_recordings_need_a_folder(predict, made, tmp_path):
    both = (made.referential, made.bipolar)
    status, _, err = predict(*both, "--model", made.referential_model)
    assert (status, "name a folder for their events by --out DIR" in err) == (2, True)
    (tmp_path / "file").write_text("")
    status, _, err = predict(*both, "--model", made.referential_model, "--out", tmp_path / "file")
    assert (status, "is a file" in err) == (2, True)


def test_two_recordings_of_one_name_are_not_written_over_one_another(predict, made, tmp_path):
    one = make_edf(tmp_path / "a" / "x.edf", REFERENTIAL, seconds=5)
    other = make_edf(tmp_path / "b" / "x.edf", REFERENTIAL, seconds=5)
    status, _, err = predict(one, other, "--model", made.referential_model, "--out", tmp_path / "out")
    assert status == 1
    assert "would both be written as x" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.edf"], "missing.edf: no such file or folder"),
        (["."], "no .edf file in this folder"),
    ],
)
def test_nothing_to_predict_is_said(predict, made, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, _, err = predict(*arguments, "--model", made.referential_model)
    assert (status, words in err) == (1, True)


def test_a_damaged_checkpoint_is_named(predict, made, tmp_path):
    (tmp_path / "bad.pt").write_bytes(b"nothing")
    status, _, err = predict(made.referential, "--model", tmp_path / "bad.pt")
    assert (status, f"{tmp_path / 'bad.pt'}: damaged, or no checkpoint" in err) == (1, True)


def test_a_file_made_beforehand_in_a_closed_folder_is_written_in_place(tmp_path, monkeypatch):
    def closed(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", closed)
    (tmp_path / "there.tsv").write_text("")
    _write(tmp_path / "there.tsv", "events")
    assert (tmp_path / "there.tsv").read_text() == "events"
    with pytest.raises(Exception, match="cannot be written: Permission denied"):
        _write(tmp_path / "new.tsv", "events")


def test_help_has_examples():
    for command in ("predict", "evaluate"):
        result = CliRunner().invoke(root, [command, "--help"])
        assert result.exit_code == 0
        assert f"python -m seizure {command} " in result.output


def test_events_end_with_a_recording_of_no_whole_number_of_samples(predict, made, tmp_path):
    x_CT = np.random.default_rng(0).integers(-500, 500, (19, 298 * 37)).astype(np.int16)
    signals = [RawSignal(label, x_T, 37) for label, x_T in zip(REFERENTIAL, x_CT, strict=True)]
    # 298 records of 0.1105 s: 32.929 s are 8429.8 samples at 256 Hz
    path = RawEdf(signals, n_records="298", duration="0.1105").write(tmp_path / "odd.edf")
    status, out, _ = predict(path, "--model", made.referential_model, "--threshold", 0, "--json")
    (recording,) = json.loads(out)["recordings"]
    assert status == 0
    assert [event["stop_s"] for event in recording["events"]] == [recording["duration_s"]]


def test_lengths_that_validation_chose_shape_the_events(predict, made, tmp_path):
    model = tmp_path / "best.pt"
    config = resolve(SMOKE, ["postprocessing.min_duration_s=fit"]).config
    write_checkpoint(model, untrained(config))
    arguments = (made.referential, "--model", model, "--threshold", 0, "--json")
    status, out, err = predict(*arguments)
    assert (status, len(json.loads(out)["recordings"][0]["events"])) == (0, 1)
    assert "the recipe's min_duration_s, until evaluate --split val fits them" in err
    set_threshold(model, 0.5, config.postprocessing.with_lengths(Lengths(min_duration_s=71)))
    status, out, err = predict(*arguments)
    assert (status, json.loads(out)["recordings"][0]["events"]) == (0, [])  # all of it is 70 s
    assert "min_duration_s" not in err
