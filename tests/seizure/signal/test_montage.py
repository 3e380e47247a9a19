"""Which channels make a montage, and what is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from seizure.errors import Fault, RecordingError
from seizure.signal.channels import BIPOLAR18, REFERENTIAL19, standard_pair
from seizure.signal.montage import Montage, Plan, channel_names, plan_montage
from tests.seizure.signal.signals import standard_name

TUSZ = [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]
CHBMIT = [
    "FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1", "FP2-F4", "F4-C4",
    "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ", "P7-T7", "T7-FT9",
    "FT9-FT10", "FT10-T8", "T8-P8",
]  # fmt: skip


def plan(labels: list[str], montage: Montage = "referential19", rates_hz: list[float] | None = None) -> Plan:
    return plan_montage(labels, rates_hz or [250.0] * len(labels), montage, Path("a.edf"))


def refused(labels: list[str], montage: Montage = "referential19", **settings: list[float]) -> RecordingError:
    with pytest.raises(RecordingError) as caught:
        plan(labels, montage, **settings)
    return caught.value


def values(labels: list[str]) -> np.ndarray:
    """A different value for each electrode: bipolar labels get their electrodes' difference."""

    def one(label: str) -> float:
        pair, name = standard_pair(label), standard_name(label)
        if pair:
            return float(REFERENTIAL19.index(pair[0]) ** 2 - REFERENTIAL19.index(pair[1]) ** 2)
        return float(REFERENTIAL19.index(name) ** 2) if name else 1e6

    return np.array([one(label) for label in labels], np.float32)


def made(labels: list[str], montage: Montage) -> np.ndarray:
    planned = plan(labels, montage)
    assert planned.channels == channel_names(montage)
    return planned.mix_OS @ values(labels)[list(planned.sources)]


SQUARES = np.arange(19.0) ** 2
DIFFERENCES = np.array(
    [REFERENTIAL19.index(a) ** 2 - REFERENTIAL19.index(b) ** 2 for a, b in BIPOLAR18], dtype=float
)


@pytest.mark.parametrize("labels", [TUSZ, TUSZ[::-1], ["EEG A1-REF", "IBI", *TUSZ]])
def test_referential19_is_each_electrode_against_the_average(labels: list[str]) -> None:
    np.testing.assert_allclose(made(labels, "referential19"), SQUARES - SQUARES.mean(), atol=1e-3)


@pytest.mark.parametrize("labels", [TUSZ, CHBMIT, CHBMIT[::-1]])
def test_bipolar18_is_the_same_from_referential_and_from_bipolar_recordings(labels: list[str]) -> None:
    np.testing.assert_allclose(made(labels, "bipolar18"), DIFFERENCES, atol=1e-3)


def test_a_pair_that_is_recorded_the_other_way_round_changes_its_sign() -> None:
    labels = [label for label in CHBMIT if label != "T7-P7"]
    assert "P7-T7" in labels
    np.testing.assert_allclose(made(labels, "bipolar18"), DIFFERENCES, atol=1e-3)


def test_referential_from_bipolar_is_refused() -> None:
    error = refused(CHBMIT)
    assert error.fault is Fault.MONTAGE
    assert "bipolar18" in error.detail


@pytest.mark.parametrize("without", [("FZ",), ("PZ",), ("FZ", "PZ")])
@pytest.mark.parametrize("montage", ["referential19", "bipolar18"])
def test_missing_fz_and_pz_are_interpolated_and_said(montage: Montage, without: tuple[str, ...]) -> None:
    labels = [label for label in TUSZ if not any(name in label for name in without)]
    planned = plan(labels, montage)
    (notice,) = planned.notices
    assert notice.fault is Fault.MISSING_CHANNELS
    assert all(name.capitalize() in notice.detail for name in without)
    # a value that all electrodes share disappears from both montages
    np.testing.assert_allclose(planned.mix_OS @ np.ones(len(labels)), 0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in REFERENTIAL19 if name not in ("Fz", "Pz")])
def test_any_other_missing_electrode_is_refused_by_name(name: str) -> None:
    error = refused([label for label in TUSZ if name.upper() not in label])
    assert error.fault is Fault.MISSING_CHANNELS
    assert name in error.detail


def test_a_missing_pair_is_refused_by_name() -> None:
    error = refused([label for label in CHBMIT if label != "CZ-PZ"], "bipolar18")
    assert error.fault is Fault.MISSING_CHANNELS
    assert "Cz-Pz" in error.detail


@pytest.mark.parametrize("montage", ["referential19", "bipolar18"])
@pytest.mark.parametrize("labels", [[], ["IBI"], ["ECG", "--0", "MK"]])
def test_recordings_without_eeg_are_refused(labels: list[str], montage: Montage) -> None:
    assert refused(labels, montage).fault is Fault.MISSING_CHANNELS


def test_other_names_are_the_same_electrodes() -> None:
    labels = [label.replace("T3", "T7").replace("T5", "P7").replace("T6", "P8") for label in TUSZ]
    np.testing.assert_allclose(made(labels, "referential19"), SQUARES - SQUARES.mean(), atol=1e-3)


def test_duplicates_are_told_and_the_first_is_used() -> None:
    planned = plan([*TUSZ, "EEG T7-REF"])
    assert planned.duplicates == ((TUSZ.index("EEG T3-REF"), 19),)
    assert 19 not in planned.sources


def test_duplicates_that_nothing_needs_are_harmless() -> None:
    assert plan([*TUSZ, "ECG", "ECG", "EEG A1-REF", "EEG A1-REF"]).duplicates == ()


def test_a_slow_namesake_is_no_duplicate() -> None:
    planned = plan(["EEG FZ-REF", *TUSZ], rates_hz=[1.0] + [250.0] * 19)
    assert planned.duplicates == ()
    assert 0 not in planned.sources


def test_an_electrode_that_is_there_at_1_hz_only_is_refused_for_its_rate() -> None:
    error = refused(TUSZ, rates_hz=[1.0] + [250.0] * 18)
    assert error.fault is Fault.RATE
    assert "Fp1" in error.detail


def test_electrodes_against_several_references_are_not_mixed() -> None:
    left = [name for name in REFERENTIAL19 if name[-1] in "13579z"]
    labels = [f"{name}-{'A1' if name in left else 'A2'}" for name in REFERENTIAL19]
    assert refused(labels).fault is Fault.MISSING_CHANNELS
    assert plan([*labels, *TUSZ]).sources == tuple(range(19, 38))
