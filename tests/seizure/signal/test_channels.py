"""Labels of five corpora, and of nobody's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.signal.channels import BIPOLAR18, REFERENTIAL19, parse_label, standard_pair
from tests.seizure.signal.signals import standard_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("EEG FP1-REF", "Fp1"), ("EEG FP1-LE", "Fp1"), ("EEG Fp1-AVG", "Fp1"), ("EEG Fp1-Avg", "Fp1"),
        ("EEG Fp1", "Fp1"), ("eeg fp1", "Fp1"), ("Fp1", "Fp1"), ("FP1", "Fp1"), ("  EEG  O2 - Ref ", "O2"),
        ("EEG CZ", "Cz"), ("Cz", "Cz"), ("T7", "T3"), ("T8", "T4"), ("P7", "T5"), ("P8", "T6"),
        ("EEG T8-REF", "T4"), ("POL T6", "T6"), ("C3-A2", "C3"), ("C3-M2", "C3"), ("FP1-CS2", "Fp1"),
        ("Fp1.", "Fp1"), ("EEG FZ-LE", "Fz"), ("EEG_Fz-REF", "Fz"), ("EEG Fz-A1+A2", "Fz"),
    ],
)  # fmt: skip
def test_names_of_the_19_electrodes(label: str, name: str) -> None:
    assert standard_name(label) == name


@pytest.mark.parametrize(
    "label",
    ["EEG FP1-F7", "FP1-F7", "T8-P8-0", "EEG A1-REF", "EEG T1-REF", "EEG OZ-LE", "EEG 30-LE", "EEG EKG-LE",
     "IBI", "BURSTS", "SUPPR", "PHOTIC PH", "EKG EKG", "SPO2", "HR", "1", "MK", "--0", "--1", "-", ".", "",
     "EEG", "EEG -REF", "EEG Fc1", "EEG Cp6", "EEG F10", "ECG", "Sph1", "OorLiTop", "EDF Annotations", "VNS",
     "EMG submental", "C3P3"],
)  # fmt: skip
def test_anything_else_is_none_of_the_19(label: str) -> None:
    assert standard_name(label) is None


@pytest.mark.parametrize(
    ("label", "pair"),
    [
        ("FP1-F7", ("Fp1", "F7")), ("EEG FP1-F7", ("Fp1", "F7")), ("F7-T7", ("F7", "T3")),
        ("T7-P7", ("T3", "T5")), ("P7-T7", ("T5", "T3")), ("T8-P8", ("T4", "T6")), ("T8-P8-0", ("T4", "T6")),
        ("T8-P8-1", ("T4", "T6")),
        ("FZ-CZ", ("Fz", "Cz")), ("Fp1-REF", None), ("FT9-FT10", None), ("T7-FT9", None),
        ("FP1", None), ("--0", None),
    ],
)  # fmt: skip
def test_pairs_of_bipolar_recordings(label: str, pair: tuple[str, str] | None) -> None:
    assert standard_pair(label) == pair


def test_the_montages_are_those_of_the_literature() -> None:
    assert len(REFERENTIAL19) == 19
    assert len(BIPOLAR18) == 18
    assert {name for pair in BIPOLAR18 for name in pair} == set(REFERENTIAL19)


@given(st.text(max_size=20))
def test_any_text_is_a_label_or_none(text: str) -> None:
    label = parse_label(text)
    assert label is None or label.electrode
    assert standard_name(text) is None or standard_name(text) in REFERENTIAL19


@given(
    st.sampled_from(REFERENTIAL19),
    st.sampled_from(["", "EEG ", "eeg "]),
    st.sampled_from(["", "-REF", "-le"]),
)
def test_every_electrode_in_every_dress(name: str, before: str, after: str) -> None:
    assert standard_name(before + name.upper() + after) == name
    assert standard_name(before + name.lower() + after) == name
