"""CHB-MIT's segments, and genuine headers of CHB-MIT, Siena and SeizeIT, through readers and `predict`."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from seizure.commands import run as command
from seizure.corpus import discover, read_annotations
from seizure.edf import open_edf
from seizure.errors import Fault, RecordingError
from seizure.signal.montage import plan_montage
from tests.seizure.predict.conftest import make_model
from tests.seizure.real_data import real_eeg

pytestmark = pytest.mark.skipif(not real_eeg.ROOT.is_dir(), reason="real EEG: ../shared/data/eeg is absent")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained, of both montages."""
    folder = tmp_path_factory.mktemp("models")
    return {name: make_model(folder / f"{name}.pt", name) for name in ("bipolar18", "referential19")}


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[real_eeg.Converted]:
    return real_eeg.chbmit_segments(tmp_path_factory.mktemp("chbmit"))


def test_the_segments_keep_their_samples(segments: list[real_eeg.Converted]) -> None:
    assert Counter(bool(one.seizures) for one in segments) == {True: 14, False: 14}
    for one, source in zip(segments[:3], sorted(real_eeg.CHBMIT.glob("*/*/*.npy"))[:3], strict=True):
        x_CT = open_edf(one.path).read_uv(range(23))
        assert x_CT.shape == (23, 2560)
        np.testing.assert_allclose(x_CT, np.load(source)[:, :2560], atol=0.1)


def test_segments_of_10_s_are_padded_and_predicted_within_themselves(
    segments: list[real_eeg.Converted], models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = segments[0].path.parents[1]
    arguments = ["predict", str(folder), "--model", str(models["bipolar18"]), "--threshold", "0", "--json"]
    assert command(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["recordings"]) == 28 and not said["failed"]
    for one in said["recordings"]:
        assert one["duration_s"] == 10.0
        # threshold 0 calls everything a seizure: all of the recording, nothing of the padding
        [event] = one["events"]
        assert (event["start_s"], event["stop_s"]) == (0.0, 10.0)
        assert any("T8-P8" in words for words in one["notices"])  # stands twice in the real montage


def test_a_referential_model_refuses_bipolar_recordings_by_name(
    segments: list[real_eeg.Converted], models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["predict", str(segments[0].path), "--model", str(models["referential19"])]) == 1
    assert "montage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("layout", "recordings", "seizures", "montages"),
    [
        ("chbmit", 59, 10, {"bipolar18": 59}),
        ("siena", 7, 7, {"bipolar18": 7, "referential19": 7}),
        ("seizeit", 24, 12, {"bipolar18": 24, "referential19": 24}),
    ],
)
def test_genuine_headers_and_annotations_are_read(
    layout: str, recordings: int, seizures: int, montages: dict[str, int]
) -> None:
    found = discover(real_eeg.CORPORA / layout)
    assert len(found) == recordings and {one.layout for one in found} == {layout}
    # the annotations are those of the whole recordings, of which 2 s are here
    assert sum(len(read_annotations(one, float("inf")).seizures) for one in found) == seizures
    possible: Counter[str] = Counter()
    for one in found:
        edf = open_edf(one.path)
        for montage in ("bipolar18", "referential19"):
            try:
                plan_montage(edf.labels, edf.rates_hz, montage, one.path)
                possible[montage] += 1
            except RecordingError as error:
                assert error.fault is Fault.MONTAGE
    assert possible == montages


@pytest.mark.parametrize("layout", ["chbmit", "siena", "seizeit"])
def test_validate_names_the_annotations_that_the_short_files_cannot_hold(
    layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["validate", str(real_eeg.CORPORA / layout), "--json"]) == 1
    assert "beyond-end" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "montage"),
    [
        ("siena/PN00/PN00-1.edf", "referential19"),
        ("siena/PN16/PN16-1.edf", "bipolar18"),
        ("seizeit/P_ID64/P_ID64_r1.edf", "referential19"),
    ],
)
def test_predict_takes_files_with_genuine_headers(
    file: str, montage: str, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = real_eeg.CORPORA / file
    assert command(["predict", str(path), "--model", str(models[montage]), "--json"]) == 0
    [one] = json.loads(capsys.readouterr().out)["recordings"]
    assert one["duration_s"] == pytest.approx(2.0, abs=0.1)


def test_a_channel_that_stands_twice_with_other_samples_is_refused_by_name(
    models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In CHB-MIT itself both T8-P8 are the same; in these files each channel is noise of its own."""
    path = real_eeg.CORPORA / "chbmit/chb05/chb05_01.edf"
    assert command(["predict", str(path), "--model", str(models["bipolar18"])]) == 1
    assert "duplicate-channels: T8-P8 stands twice, with different signals" in capsys.readouterr().err
