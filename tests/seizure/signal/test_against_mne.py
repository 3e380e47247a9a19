"""The whole of preprocessing, held against MNE's resample, filter, notch_filter and average reference.

Tolerances are of the signal's standard deviation, 10 s from the ends. Between 1 and 55 Hz nothing but
rounding and the ripple of two windowed designs differs (about 0.002); over the whole band the two differ in
how steeply they fall below 0.5 Hz and beside the mains (0.012 and 0.022 of pink noise).
"""

import mne
import numpy as np
import numpy.typing as npt
import pytest
import scipy.signal

from seizure.config.schema import Preprocessing
from seizure.signal import preprocess_array
from seizure.signal.channels import REFERENTIAL19
from tests.seizure.signal.signals import pink

MIDDLE = slice(10 * 256, -10 * 256)


def by_mne(
    x_uv_CT: npt.NDArray[np.float32], rate_hz: int, settings: Preprocessing
) -> npt.NDArray[np.float64]:
    info = mne.create_info(list(REFERENTIAL19), rate_hz, "eeg")
    raw = mne.io.RawArray(x_uv_CT.astype(float) * 1e-6, info, verbose="error")
    if rate_hz != 256:
        # MNE's own padding to a power of two changes the rate a little: 10 s on each side does not
        raw.resample(256, npad=10 * rate_hz, verbose="error")
    # its automatic transitions, and the end of ours where the recording's own Nyquist frequency is lower
    high_hz = min(100.0, 0.45 * rate_hz)
    raw.filter(0.5, high_hz, h_trans_bandwidth=min(25.0, rate_hz / 2 - high_hz), verbose="error")
    if settings.mains_hz:
        raw.notch_filter(settings.mains_hz, notch_widths=0.8, trans_bandwidth=0.5, verbose="error")
    raw.set_eeg_reference("average", verbose="error")
    return np.asarray(raw.get_data()) * 1e6


def error_of_sd(ours_CT: npt.NDArray[np.generic], theirs_CT: npt.NDArray[np.generic]) -> float:
    return float((ours_CT - theirs_CT)[:, MIDDLE].std() / theirs_CT[:, MIDDLE].std())


@pytest.mark.parametrize("rate_hz", [200, 250, 256, 400, 512])
def test_the_band_of_the_eeg_is_that_of_mne(rate_hz: int) -> None:
    band = scipy.signal.butter(4, [1, 55], "bandpass", fs=rate_hz, output="sos")
    x_CT = scipy.signal.sosfiltfilt(band, pink(rate_hz * 200).astype(float), axis=1)
    narrow = scipy.signal.firwin(4 * rate_hz + 1, [1.2, 55], pass_zero=False, fs=rate_hz)
    x_CT = scipy.signal.fftconvolve(x_CT, narrow[None], mode="same", axes=1).astype(np.float32)
    settings = Preprocessing(mains_hz=0)
    ours = preprocess_array(x_CT, REFERENTIAL19, rate_hz, settings)
    assert error_of_sd(ours.x_uv_CT, by_mne(x_CT, rate_hz, settings)) < 0.003


@pytest.mark.parametrize("rate_hz", [200, 250, 256, 400, 512])
@pytest.mark.parametrize(("mains_hz", "tolerance"), [(0, 0.015), (60, 0.03)])
def test_pink_noise_with_an_offset_and_mains_is_that_of_mne(
    rate_hz: int, mains_hz: int, tolerance: float
) -> None:
    t_s = np.arange(rate_hz * 200) / rate_hz
    line_T = 20 * np.sin(2 * np.pi * 60 * t_s) if mains_hz else np.zeros(len(t_s))
    x_CT = pink(len(t_s)) + (200 + line_T).astype(np.float32)
    settings = Preprocessing.model_validate({"mains_hz": mains_hz})
    ours = preprocess_array(x_CT, REFERENTIAL19, rate_hz, settings)
    assert error_of_sd(ours.x_uv_CT, by_mne(x_CT, rate_hz, settings)) < tolerance


def test_a_spike_stays_at_its_sample() -> None:
    x_CT = np.zeros((19, 250 * 60), np.float32)
    x_CT[4] = 300 * np.exp(-0.5 * ((np.arange(250 * 60) - 7500) / 5) ** 2)
    ours = preprocess_array(x_CT + pink(250 * 60, sd_uv=0.1), REFERENTIAL19, 250, Preprocessing())
    assert int(ours.x_uv_CT[4].argmax()) == 30 * 256
