"""Reading: any part of any channels, in microvolts, equal to what edfio reads."""

import itertools
from pathlib import Path

import edfio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.edf import open_edf, reader
from seizure.errors import Fault, RecordingError
from tests.seizure.edf.raw_edf import RawEdf, RawSignal, ramp

DATA = Path(__file__).parents[3] / "../shared/data/eeg"


def test_digital_values_become_microvolts(tmp_path: Path) -> None:
    edf = open_edf(RawEdf([ramp(), ramp("B", dimension="mV")]).write(tmp_path / "a.edf"))
    x_CT = edf.read_uv([0, 1])
    assert x_CT.dtype == np.float32
    np.testing.assert_allclose(x_CT[0], np.arange(12) / 10, atol=1e-5)
    np.testing.assert_allclose(x_CT[1], np.arange(12) * 100, rtol=1e-5, atol=1e-2)


def test_a_reversed_physical_range_turns_the_signal_over(tmp_path: Path) -> None:
    edf = open_edf(RawEdf([ramp(physical=("100", "-100"))]).write(tmp_path / "a.edf"))
    np.testing.assert_allclose(edf.read_uv([0])[0], -np.arange(12) / 10, atol=1e-5)


@pytest.mark.parametrize(("start", "stop"), list(itertools.combinations(range(13), 2)))
@pytest.mark.parametrize("piece_bytes", [2**20, 32, 10])
def test_any_part_is_the_same_part_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, stop: int, piece_bytes: int
) -> None:
    """Records are read together, a few at a time, or, where they are huge, not whole."""
    edf = open_edf(RawEdf([ramp(), ramp("B")]).write(tmp_path / "a.edf"))
    monkeypatch.setattr(reader, "PIECE_BYTES", piece_bytes)
    part = edf.read_uv([1, 0], start / 4, stop / 4)
    np.testing.assert_allclose(part, np.tile(np.arange(start, stop) / 10, (2, 1)), atol=1e-5)


def test_what_lies_beyond_the_ends_is_left_out(tmp_path: Path) -> None:
    edf = open_edf(RawEdf([ramp()]).write(tmp_path / "a.edf"))
    assert edf.read_uv([0], -5, 99).shape == (1, 12)
    assert edf.read_uv([0], 3, 99).shape == (1, 0)
    assert edf.read_uv([0], 2, 1).shape == (1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"digital_range": ("5", "5")},
        {"physical": ("nan", "1")},
        {"physical": ("0", "1e99")},
        {"physical": ("", "")},
        {"digital_range": ("-", "12")},
    ],
    ids=str,
)
def test_an_impossible_calibration_is_named_where_its_channel_is_read(
    tmp_path: Path, wrong: dict[str, tuple[str, str]]
) -> None:
    edf = open_edf(RawEdf([ramp("A"), ramp("B", **wrong)]).write(tmp_path / "a.edf"))
    assert edf.read_uv([0]).shape == (1, 12)
    with pytest.raises(RecordingError, match="B: its physical and digital range") as caught:
        edf.read_uv([1])
    assert caught.value.fault is Fault.NAN_SIGNAL


def test_channels_of_several_rates_are_not_read_together(tmp_path: Path) -> None:
    fast = RawSignal("B", np.arange(24, dtype=np.int16), samples=8)
    edf = open_edf(RawEdf([ramp("A"), fast]).write(tmp_path / "a.edf"))
    assert edf.read_uv([1]).shape == (1, 24)
    with pytest.raises(RecordingError, match="several rates"):
        edf.read_uv([0, 1])


def test_a_file_that_shrinks_after_it_was_opened_is_named(tmp_path: Path) -> None:
    path = RawEdf([ramp()]).write(tmp_path / "a.edf")
    edf = open_edf(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RecordingError) as caught:
        edf.read_uv([0])
    assert caught.value.fault is Fault.TRUNCATED


def test_the_same_signal_is_known_again(tmp_path: Path) -> None:
    other = ramp("C")
    other.digital = other.digital[::-1].copy()
    edf = open_edf(RawEdf([ramp("A"), ramp("B"), other]).write(tmp_path / "a.edf"))
    assert edf.is_same_signal(0, 1)
    assert not edf.is_same_signal(0, 2)


@settings(max_examples=25)
@given(
    rates_hz=st.lists(st.sampled_from([1, 64, 100, 250, 256, 400]), min_size=1, max_size=5),
    n_seconds=st.integers(1, 7),
    amplitude_uv=st.sampled_from([1.0, 200.0, 1e5]),
    seed=st.integers(0, 1000),
)
def test_what_edfio_writes_and_reads_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    rates_hz: list[int],
    n_seconds: int,
    amplitude_uv: float,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    signals = [
        edfio.EdfSignal(
            random.normal(0, amplitude_uv, rate_hz * n_seconds),
            rate_hz,
            label=f"S{i}",
            physical_dimension="uV",
        )
        for i, rate_hz in enumerate(rates_hz)
    ]
    path = tmp_path_factory.mktemp("edf") / "a.edf"
    edfio.Edf(signals, annotations=[edfio.EdfAnnotation(0.5, None, "x")] if seed % 2 else None).write(path)
    assert_as_edfio(path)


def assert_as_edfio(path: Path) -> None:
    theirs, ours = edfio.read_edf(path), open_edf(path)
    assert ours.labels == tuple(signal.label for signal in theirs.signals)
    assert ours.duration_s == pytest.approx(theirs.duration)
    for channel, signal in enumerate(theirs.signals):
        assert ours.rates_hz[channel] == pytest.approx(signal.sampling_frequency)
        factor = {"mV": 1e3, "V": 1e6}.get(signal.physical_dimension, 1.0)
        span = abs(signal.physical_range.max - signal.physical_range.min) * factor
        np.testing.assert_allclose(
            ours.read_uv([channel])[0], signal.data * factor, rtol=1e-6, atol=2e-7 * span
        )


@pytest.mark.skipif(not DATA.exists(), reason="real EEG files: ../shared/data/eeg is absent")
def test_real_files_are_read_as_edfio_reads_them() -> None:
    names = "edfio/mne_test.edf edfio/short_psg.edf edfio/test_subsecond.edf epilepsy2bids/tests/*_sample.edf"
    paths = [path for name in names.split() for path in sorted(DATA.glob(name))]
    paths += sorted(DATA.glob("epilepsy2bids/tests/data/*/*/*.edf"))[::10]
    assert len(paths) > 8
    for path in paths:
        assert_as_edfio(path)
        theirs, ours = edfio.read_edf(path), open_edf(path)
        assert ours.start is not None
        assert ours.start.time() == theirs.starttime, path


@pytest.mark.skipif(not DATA.exists(), reason="real EEG files: ../shared/data/eeg is absent")
def test_a_file_with_annotations_only_has_no_channels() -> None:
    edf = open_edf(DATA / "edfio/SC4001EC-Hypnogram.edf")
    assert edf.labels == ()
    assert edf.duration_s == 0
