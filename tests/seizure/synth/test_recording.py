"""One recording: a file that edfio reads, annotations in TUSZ's words, and a seizure that evolves."""

from pathlib import Path

import edfio
import numpy as np
import pytest
from numpy.typing import NDArray

from seizure.corpus.recording import Seizure
from seizure.synth.annotations import csv, csv_bi
from seizure.synth.difficulty import DEFAULT
from seizure.synth.edf_writer import STEP_UV
from seizure.synth.head import ELECTRODES, index
from seizure.synth.plan import RecordingPlan
from seizure.synth.recording import make_recording, make_samples
from seizure.synth.seizures import Shape, add_seizure, draw_shape

Floats = NDArray[np.float32]


def plan(**changes: object) -> RecordingPlan:
    values: dict[str, object] = {
        "recording_id": "aaaaagxr_s018_t000",
        "partition": "train",
        "patient": "aaaaagxr",
        "session": "s018_2015",
        "montage": "01_tcp_ar",
        "rate_hz": 256,
        "duration_s": 60,
        "has_midline": True,
        "has_slow_channels": False,
        "seizures": (Seizure(20.5, 45.25, "fnsz"),),
        "entropy": (7,),
        "year": 2015,
    }
    return RecordingPlan(**{**values, **changes})  # type: ignore[arg-type]


def written(root: Path, recording: RecordingPlan) -> edfio.Edf:
    size_bytes, is_new = make_recording(root, recording, DEFAULT)
    path = root / recording.folder / f"{recording.recording_id}.edf"
    assert is_new and path.stat().st_size == size_bytes
    return edfio.read_edf(path)


def test_edfio_reads_what_was_made(tmp_path: Path) -> None:
    recording = plan()
    edf = written(tmp_path, recording)
    assert edf.num_data_records == 60 and edf.data_record_duration == 1
    assert edf.local_patient_identification.startswith("aaaaagxr ")
    assert edf.startdate.year == 2015
    x_CT, _ = make_samples(recording, DEFAULT)
    for name in ("Fp1", "Cz", "O2", "A1"):
        signal = edf.get_signal(f"EEG {name.upper()}-REF")
        assert signal.physical_dimension == "uV" and signal.sampling_frequency == 256
        assert np.abs(signal.data - x_CT[index(name)]).max() <= STEP_UV / 2 + 1e-3


@pytest.mark.parametrize("rate_hz", [250, 256, 400, 512])
def test_every_rate(tmp_path: Path, rate_hz: int) -> None:
    edf = written(tmp_path, plan(rate_hz=rate_hz))
    assert {signal.sampling_frequency for signal in edf.signals} == {rate_hz}


def test_channels_of_each_montage(tmp_path: Path) -> None:
    labels = {
        montage: set(written(tmp_path, plan(montage=montage)).labels)
        for montage in ("01_tcp_ar", "02_tcp_le", "03_tcp_ar_a")
    }
    assert {"EEG FP1-REF", "EEG A1-REF", "EEG EKG1-REF"} <= labels["01_tcp_ar"]
    assert {"EEG FP1-LE", "EEG A1-LE"} <= labels["02_tcp_le"]
    assert len(labels["03_tcp_ar_a"]) == 20 and "EEG A1-REF" not in labels["03_tcp_ar_a"]


def test_files_without_midline_and_with_slow_channels(tmp_path: Path) -> None:
    edf = written(tmp_path, plan(has_midline=False, has_slow_channels=True))
    assert not {"EEG FZ-REF", "EEG PZ-REF"} & set(edf.labels) and "EEG CZ-REF" in edf.labels
    rates = {signal.label: signal.sampling_frequency for signal in edf.signals}
    slow = {label: rate for label, rate in rates.items() if rate == 1}
    assert slow == {"IBI": 1, "BURSTS": 1, "SUPPR": 1}


def test_linked_ears_refer_to_the_ears() -> None:
    x_CT, _ = make_samples(plan(montage="02_tcp_le"), DEFAULT)
    assert np.abs(x_CT[index("A1")] + x_CT[index("A2")]).mean() < 5  # the electrodes' own noise is left


def test_csv_bi_word_for_word() -> None:
    assert csv_bi(plan()) == (
        "# version = csv_v1.0.0\n"
        "# bname = aaaaagxr_s018_t000\n"
        "# duration = 60.0000 secs\n"
        "# montage_file = $NEDC_NFC/lib/nedc_eas_default_montage.txt\n"
        "#\n"
        "channel,start_time,stop_time,label,confidence\n"
        "TERM,0.0000,20.5000,bckg,1.0000\n"
        "TERM,20.5000,45.2500,seiz,1.0000\n"
        "TERM,45.2500,60.0000,bckg,1.0000\n"
    )
    assert csv_bi(plan(seizures=())).splitlines()[6:] == ["TERM,0.0000,60.0000,bckg,1.0000"]
    whole = csv_bi(plan(seizures=(Seizure(0.0, 60.0, "fnsz"),)))
    assert whole.splitlines()[6:] == ["TERM,0.0000,60.0000,seiz,1.0000"]


def test_csv_spreads_from_the_focus() -> None:
    shape = Shape(Seizure(20.0, 50.0, "fnsz"), "T3", (6.0, 2.0), (30.0, 80.0), (0.55, 1.2), 0.7)
    rows = [line.split(",") for line in csv(plan(), [shape]).splitlines()[6:]]
    onset = {row[0]: float(row[1]) for row in rows if row[3] == "fnsz"}
    assert onset["F7-T3"] == 20.0
    assert 20.0 < onset["FP1-F3"] < 50.0
    assert "F8-T4" not in onset and "F8-T4" in {row[0] for row in rows}
    assert len({row[0] for row in rows}) == 22
    by_channel: dict[str, float] = {}
    for channel, start, stop, _, _ in rows:  # each channel's rows cover the whole recording
        assert float(start) == by_channel.get(channel, 0.0)
        by_channel[channel] = float(stop)
    assert set(by_channel.values()) == {60.0}
    no_ears = csv(plan(montage="03_tcp_ar_a"), [shape])
    assert len({line.split(",")[0] for line in no_ears.splitlines()[6:]}) == 20


def seizure_alone(label: str, rate_hz: int = 256) -> tuple[Shape, Floats]:
    """A seizure from 10 to 50 s on silence, (electrodes, time)."""
    rng = np.random.default_rng(3)
    shape = draw_shape(rng, Seizure(10.0, 50.0, label), DEFAULT)
    x_CT = np.zeros((len(ELECTRODES), 60 * rate_hz), dtype=np.float32)
    add_seizure(x_CT, shape, rng, rate_hz, DEFAULT)
    return shape, x_CT


def peak_hz(x_T: Floats, rate_hz: int = 256) -> float:
    power = np.abs(np.fft.rfft(x_T * np.hanning(len(x_T)))) ** 2
    return float(np.fft.rfftfreq(len(x_T), 1 / rate_hz)[power.argmax()])


@pytest.mark.parametrize("label", ["fnsz", "gnsz", "cpsz", "absz", "tcsz"])
def test_a_seizure_slows_grows_and_stops(label: str) -> None:
    shape, x_CT = seizure_alone(label)
    x_T = x_CT[index(shape.focus)]
    first, last = x_T[11 * 256 : 15 * 256], x_T[45 * 256 : 49 * 256]
    assert shape.hz[0] > peak_hz(first) > peak_hz(last) > 0.9 * shape.hz[1]
    assert last.std() > 1.1 * first.std()
    assert not x_CT[:, : 10 * 256].any()
    rest = x_T[51 * 256 : 55 * 256]
    assert 0 < rest.std() < 0.8 * last.std(), "slow waves are left, the rhythm is gone"


def test_a_focal_seizure_reaches_its_neighbours_later() -> None:
    shape = Shape(Seizure(10.0, 50.0, "fnsz"), "T3", (7.0, 2.0), (30.0, 80.0), (0.55, 1.6), 0.7)
    x_CT = np.zeros((len(ELECTRODES), 60 * 256), dtype=np.float32)
    add_seizure(x_CT, shape, np.random.default_rng(0), 256, DEFAULT)
    seen_s = {
        name: float(np.flatnonzero(np.abs(x_CT[index(name)]) > 4.0)[0]) / 256 for name in ("T3", "C3", "Cz")
    }
    assert seen_s["T3"] < 11 and seen_s["T3"] < seen_s["C3"] < seen_s["Cz"]
    assert not (np.abs(x_CT[index("T4")][: 50 * 256]) > 1.0).any()
    for name, onset_s in seen_s.items():
        stated = shape.onset_s(name)
        assert stated is not None and abs(stated - onset_s) < 6


def test_a_common_average_leaves_generalised_seizures() -> None:
    _, x_CT = seizure_alone("absz")
    referred_CT = x_CT - x_CT[:19].mean(axis=0)
    assert referred_CT[index("Fz"), 12 * 256 : 48 * 256].std() > 20


def test_seizures_are_no_louder_than_artefacts() -> None:
    power = {"seizure": [], "else": []}
    for number in range(10):
        x_CT, _ = make_samples(plan(entropy=(1, number), duration_s=120), DEFAULT)
        x_CT = x_CT[:19] - x_CT[:19].mean(axis=0)
        loudest = (x_CT.reshape(19, 120, 256) ** 2).mean(axis=(0, 2))
        inside = np.zeros(120, dtype=bool)
        inside[21:45] = True
        power["seizure"] += loudest[inside].tolist()
        power["else"] += loudest[~inside].tolist()
    share = np.mean(np.array(power["else"]) > np.median(power["seizure"]))
    # 24 s of 120 are seizure: a threshold that finds half of them calls as many others
    assert share > 0.1
