"""From a recording to its montage: values, scale, notices, and everything that is refused by name."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from seizure.config.schema import Preprocessing
from seizure.edf import open_edf
from seizure.errors import Fault, RecordingError
from seizure.signal import Prepared, prepare, preprocess, preprocess_array
from seizure.signal.channels import BIPOLAR18, REFERENTIAL19
from tests.seizure.edf.raw_edf import RawEdf, RawSignal
from tests.seizure.signal.signals import pink, write_edf

SETTINGS = Preprocessing()
BIPOLAR = Preprocessing(montage="bipolar18")
DATA = Path(__file__).parents[3] / "../shared/data/eeg"
LABELS = [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]
PAIR_LABELS = ["-".join(pair) for pair in BIPOLAR18]


def faults(prepared: Prepared) -> list[Fault]:
    return [notice.fault for notice in prepared.notices]


def refused(x_CT: npt.NDArray[np.float32], labels: list[str] = LABELS) -> RecordingError:
    with pytest.raises(RecordingError) as caught:
        preprocess_array(x_CT, labels, 250, SETTINGS)
    return caught.value


def test_a_recording_becomes_19_channels_at_256_hz(tmp_path: Path) -> None:
    prepared = preprocess(open_edf(write_edf(tmp_path / "a.edf", pink(250 * 70))), SETTINGS)
    assert prepared.channels == REFERENTIAL19
    assert prepared.rate_hz == 256
    assert prepared.x_uv_CT.shape == (19, 70 * 256)
    assert prepared.x_uv_CT.dtype == prepared.sigma_uv_C.dtype == np.float32
    assert prepared.notices == ()
    assert np.abs(prepared.x_uv_CT.mean(axis=0)).max() < 1e-3  # the common average is taken out


def test_edf_and_array_give_the_same(tmp_path: Path) -> None:
    x_CT = pink(250 * 70)
    from_edf = preprocess(open_edf(write_edf(tmp_path / "a.edf", x_CT)), SETTINGS)
    from_array = preprocess_array(x_CT, LABELS, 250, SETTINGS)
    step_uv = 6000 / 65535  # of the EDF's integers
    assert np.abs(from_edf.x_uv_CT - from_array.x_uv_CT).max() < 2 * step_uv


def test_sigma_is_robust_and_that_of_the_whole() -> None:
    x_CT = pink(250 * 1200)
    x_CT[3, 100_000:105_000] += 2000 * np.sin(np.arange(5000) / 3)  # an artefact is no part of the scale
    prepared = preprocess_array(x_CT, LABELS, 250, SETTINGS)
    low_C, high_C = np.percentile(prepared.x_uv_CT, [25, 75], axis=1)
    np.testing.assert_allclose(prepared.sigma_uv_C, (high_C - low_C) / 1.349, rtol=0.02)
    assert prepared.sigma_uv_C[3] < 2 * np.median(prepared.sigma_uv_C)


def test_bipolar18_from_a_bipolar_recording_is_that_from_its_electrodes() -> None:
    x_CT = pink(250 * 70)
    pairs_CT = np.stack([x_CT[REFERENTIAL19.index(a)] - x_CT[REFERENTIAL19.index(b)] for a, b in BIPOLAR18])
    from_electrodes = preprocess_array(x_CT, LABELS, 250, BIPOLAR)
    from_pairs = preprocess_array(pairs_CT, PAIR_LABELS, 250, BIPOLAR)
    assert from_electrodes.channels == from_pairs.channels == tuple(PAIR_LABELS)
    np.testing.assert_allclose(from_electrodes.x_uv_CT, from_pairs.x_uv_CT, atol=1e-3)


def test_long_results_lie_in_a_file_that_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x_CT = pink(250 * 200)
    short = preprocess_array(x_CT, LABELS, 250, SETTINGS)
    monkeypatch.setattr(prepare, "IN_MEMORY_BYTES", 1000)
    long = preprocess_array(x_CT, LABELS, 250, SETTINGS, scratch=tmp_path)
    assert isinstance(long.x_uv_CT, np.memmap)
    np.testing.assert_array_equal(long.x_uv_CT, short.x_uv_CT)
    np.testing.assert_array_equal(long.read(1000, 30_000), short.x_uv_CT[:, 1000:30_000])
    np.testing.assert_array_equal(long.read(51_000, 99_999), short.read(51_000, 99_999))
    np.testing.assert_array_equal(long.sigma_uv_C, short.sigma_uv_C)
    assert list(tmp_path.iterdir()) == []


def test_channels_beside_the_eeg_do_no_harm(tmp_path: Path) -> None:
    """TUSZ's headers carry channels at 1 Hz, ECG, photic stimuli; some of them twice."""
    signals = [
        RawSignal(label, (x_T * 10).astype(np.int16), 250, "uV", ("-3276.7", "3276.7"), ("-32767", "32767"))
        for label, x_T in zip(LABELS, pink(250 * 4), strict=True)
    ]
    slow = [
        RawSignal(name, np.zeros(4, np.int16), 1)
        for name in ("IBI", "BURSTS", "SUPPR", "SUPPR", "EEG FZ-REF")
    ]
    broken = RawSignal("EEG EKG-REF", np.zeros(1000, np.int16), 250, "mm", ("0", "0"), ("7", "7"))
    raw = RawEdf([*slow, broken, *signals], n_records="4")
    prepared = preprocess(open_edf(raw.write(tmp_path / "a.edf")), SETTINGS)
    assert prepared.notices == ()
    assert prepared.x_uv_CT.shape == (19, 1024)


def test_flat_channels_are_noticed_by_name() -> None:
    x_CT = pink(250 * 20)
    x_CT[[2, 5]] = 17.0
    prepared = preprocess_array(x_CT, LABELS, 250, SETTINGS)
    (notice,) = prepared.notices
    assert notice.fault is Fault.FLAT_SIGNAL
    assert "EEG C3-REF" in notice.detail and "EEG T3-REF" in notice.detail


def test_a_flat_pair_has_no_scale() -> None:
    x_CT = pink(250 * 20, 18)
    x_CT[4] = -3.0
    prepared = preprocess_array(x_CT, PAIR_LABELS, 250, BIPOLAR)
    assert faults(prepared) == [Fault.FLAT_SIGNAL]
    assert prepared.sigma_uv_C[4] < 1e-3
    assert (np.delete(prepared.sigma_uv_C, 4) > 1).all()


@pytest.mark.parametrize("share", [0.3, 0.49, 0.51, 0.9])
def test_hours_with_the_electrodes_off_do_not_shrink_the_scale_of_the_rest(share: float) -> None:
    """At 0.49 the quartiles of all samples were 25 times too small, and seizures beyond them clipped."""
    x_CT = pink(250 * 400)
    whole = preprocess_array(x_CT, LABELS, 250, SETTINGS)
    x_CT[:, : int(share * x_CT.shape[1])] = 0
    prepared = preprocess_array(x_CT, LABELS, 250, SETTINGS)
    np.testing.assert_allclose(prepared.sigma_uv_C, whole.sigma_uv_C, rtol=0.15)


def test_a_recording_that_is_flat_altogether_is_refused() -> None:
    assert refused(np.full((19, 5000), 3, np.float32)).fault is Fault.FLAT_SIGNAL


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 4999])
def test_values_that_are_no_numbers_are_refused_with_their_channel(value: float, place: int) -> None:
    x_CT = pink(5000)
    x_CT[7, place] = value
    error = refused(x_CT)
    assert error.fault is Fault.NAN_SIGNAL
    assert "EEG O1-REF" in error.detail


def test_duplicates_with_the_same_signal_are_a_notice(tmp_path: Path) -> None:
    x_CT = pink(250 * 10)
    path = write_edf(tmp_path / "a.edf", np.concatenate([x_CT, x_CT[5:6]]), [*LABELS, "EEG T7-REF"])
    prepared = preprocess(open_edf(path), SETTINGS)
    assert faults(prepared) == [Fault.DUPLICATE_CHANNELS]
    assert "T3" in prepared.notices[0].detail


def test_duplicates_with_different_signals_are_refused(tmp_path: Path) -> None:
    x_CT = pink(250 * 10)
    path = write_edf(tmp_path / "a.edf", np.concatenate([x_CT, x_CT[6:7]]), [*LABELS, LABELS[5]])
    with pytest.raises(RecordingError) as caught:
        preprocess(open_edf(path), SETTINGS)
    assert caught.value.fault is Fault.DUPLICATE_CHANNELS
    assert "T3" in caught.value.detail
    assert refused(np.concatenate([x_CT, x_CT[6:7]]), [*LABELS, LABELS[5]]).fault is Fault.DUPLICATE_CHANNELS


def test_needed_channels_of_several_rates_are_refused(tmp_path: Path) -> None:
    signals = [
        RawSignal(label, np.arange(3 * rate_hz, dtype=np.int16), rate_hz)
        for label, rate_hz in zip(LABELS, [250] * 18 + [500], strict=True)
    ]
    with pytest.raises(RecordingError, match="EEG O2-REF 500 Hz") as caught:
        preprocess(open_edf(RawEdf(signals).write(tmp_path / "a.edf")), SETTINGS)
    assert caught.value.fault is Fault.RATE


@pytest.mark.parametrize(
    ("rate_hz", "said"), [(64, "28.8 Hz"), (200, "90 Hz"), (250, ""), (199.8, "89.91 Hz")]
)
def test_a_band_that_ends_early_is_said(rate_hz: float, said: str) -> None:
    prepared = preprocess_array(pink(3000), LABELS, rate_hz, SETTINGS)
    assert [said in notice.detail for notice in prepared.notices] == ([True] if said else [])
    assert prepared.n_samples == round(3000 * 256 / rate_hz)


def test_units_are_heeded_and_their_absence_is_said(tmp_path: Path) -> None:
    x_CT = pink(250 * 4)

    def written(dimension: str, scale: float) -> Prepared:
        limits = (f"{-3276.7 * scale:.8g}"[:8], f"{3276.7 * scale:.8g}"[:8])
        signals = [
            RawSignal(label, (x_T * 10).astype(np.int16), 250, dimension, limits, ("-32767", "32767"))
            for label, x_T in zip(LABELS, x_CT, strict=True)
        ]
        path = RawEdf(signals, n_records="4").write(tmp_path / f"{len(dimension)}{scale}.edf")
        return preprocess(open_edf(path), SETTINGS)

    microvolts = written("uV", 1)
    np.testing.assert_allclose(written("mV", 1e-3).x_uv_CT, microvolts.x_uv_CT, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(written("µV", 1).x_uv_CT, microvolts.x_uv_CT)
    assert faults(written("", 1)) == [Fault.HEADER_FIELD]
    assert faults(microvolts) == []


def test_the_notices_of_the_reader_are_kept(tmp_path: Path) -> None:
    path = write_edf(tmp_path / "a.edf", pink(250 * 4))
    path.write_bytes(path.read_bytes()[:-100])
    prepared = preprocess(open_edf(path, allow_truncated=True), SETTINGS)
    assert faults(prepared) == [Fault.TRUNCATED]


def test_recordings_of_a_second_are_prepared() -> None:
    prepared = preprocess_array(pink(250), LABELS, 250, SETTINGS)
    assert prepared.x_uv_CT.shape == (19, 256)
    assert np.isfinite(prepared.x_uv_CT).all()


@pytest.mark.skipif(not DATA.exists(), reason="real EEG files: ../shared/data/eeg is absent")
@pytest.mark.parametrize(
    ("name", "montage"),
    [
        ("aaaaaaac_s001_t000_sample.edf", "referential19"),
        ("PN00-5_sample.edf", "referential19"),
        ("P_ID10_r5_sample.edf", "referential19"),
        ("data/siena/PN16/PN16-1.edf", "bipolar18"),
        ("data/seizeit/P_ID64/P_ID64_r2.edf", "bipolar18"),
    ],
)
def test_real_headers_have_all_channels(name: str, montage: str) -> None:
    settings = Preprocessing.model_validate({"montage": montage, "mains_hz": 50})
    prepared = preprocess(open_edf(DATA / "epilepsy2bids/tests" / name), settings)
    assert prepared.x_uv_CT.shape == (19 if montage == "referential19" else 18, 512)
    assert prepared.notices == ()


@pytest.mark.skipif(not DATA.exists(), reason="real EEG files: ../shared/data/eeg is absent")
def test_chbmit_has_t8_p8_twice_and_is_no_referential_recording() -> None:
    edf = open_edf(DATA / "epilepsy2bids/tests/chb01_01_sample.edf")
    with pytest.raises(RecordingError, match="bipolar18"):
        preprocess(edf, SETTINGS)
    with pytest.raises(RecordingError, match="T8-P8 stands twice"):
        preprocess(edf, BIPOLAR)  # this file holds noise, in which the two differ
    for path in sorted(DATA.glob("chbmit_10s_npy/*/ictal/*.npy")):  # CHB-MIT's own: one signal
        prepared = preprocess_array(np.load(path).astype(np.float32), edf.labels, 256, BIPOLAR)
        assert faults(prepared) == [Fault.DUPLICATE_CHANNELS]
        assert (prepared.sigma_uv_C > 1).all()
