"""The key of a cache: other settings or another CODE_VERSION, another folder; and what guards that number."""

import numpy as np
import pytest

from seizure.cache import cache_key, key, quantise
from seizure.config.schema import Preprocessing
from seizure.signal import preprocess_array
from seizure.signal.channels import REFERENTIAL19

SAMPLED = {
    "referential19": [
        [683, 874, -434, -1091, 67, 987, 47, -588],
        [-286, -326, 756, -374, -275, 968, -728, -332],
        [-441, -824, -308, 464, 843, 626, -156, -218],
        [769, -101, -221, 844, -923, 470, 98, -326],
    ],
    "bipolar18": [
        [814, 868, 325, -84, 238, 485, -131, -1500],
        [206, 890, -169, -154, -214, -464, 894, -223],
        [-736, -789, -451, -80, 268, 475, 690, 1165],
    ],
}


def fixed_signal() -> np.ndarray:
    """(19, 5000) at 250 Hz: rhythms, drift, mains and spikes, other in every channel."""
    t_T = np.arange(5000) / 250
    channels = []
    for c in range(19):
        wave_T = 30 * np.sin(2 * np.pi * (3 + c / 3) * t_T + c) + 12 * np.sin(2 * np.pi * 60 * t_T)
        wave_T += 80 * np.sin(2 * np.pi * 0.1 * t_T + c / 5) + 200 * (np.arange(5000) % (400 + 31 * c) == 7)
        channels.append(wave_T)
    return np.array(channels, np.float32)


@pytest.mark.parametrize("montage", ["referential19", "bipolar18"])
def test_the_code_version_is_raised_when_preprocessing_gives_other_values(montage):
    settings = Preprocessing(montage=montage, clip_sigma=40)
    labels = [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]
    q_CT, _, _ = quantise(preprocess_array(fixed_signal(), labels, 250, settings), settings.clip_sigma)
    sampled = q_CT[::6, 100::700].tolist()
    advice = f"""
    Preprocessing, or a library that it uses, gives other samples than in CODE_VERSION {key.CODE_VERSION}.
    If that is wanted: raise it in seizure/cache/key.py, so that caches are made anew, and write here
    SAMPLED[{montage!r}] = {sampled}
    """
    # a robust sd is 819 steps; rounding in other orders may move a sample by a step or two
    assert np.abs(np.array(sampled) - np.array(SAMPLED[montage])).max() <= 4, advice


@pytest.mark.parametrize(
    "change",
    [
        {"mains_hz": 50},
        {"montage": "bipolar18"},
        {"clip_sigma": 20.0},
        {"low_hz": 1.0},
        {"rate_hz": 200, "high_hz": 90.0},
    ],
)
def test_other_settings_are_another_folder(change):
    assert cache_key(Preprocessing(**change)) != cache_key(Preprocessing())


def test_another_code_version_or_label_set_is_another_folder(monkeypatch):
    before = cache_key(Preprocessing())
    monkeypatch.setattr(key, "LABELS", ("seiz",))
    other_labels = cache_key(Preprocessing())
    monkeypatch.setattr(key, "CODE_VERSION", key.CODE_VERSION + 1)
    assert len({before, other_labels, cache_key(Preprocessing())}) == 3
