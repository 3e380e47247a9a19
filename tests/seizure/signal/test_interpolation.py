"""Spherical splines, held against MNE's."""

import mne
import numpy as np
import pytest

from seizure.signal.channels import REFERENTIAL19
from seizure.signal.interpolation import position, weights


@pytest.mark.parametrize("missing", ["Fz", "Pz", "C3"])
def test_weights_are_those_of_mne(missing: str) -> None:
    random = np.random.default_rng(0)
    positions = {name: 0.095 * position(name) for name in REFERENTIAL19}
    info = mne.create_info(list(REFERENTIAL19), 256, "eeg")
    raw = mne.io.RawArray(random.normal(0, 3e-5, (19, 256)), info, verbose="error")
    raw.set_montage(mne.channels.make_dig_montage(positions, coord_frame="head"))
    present = [name for name in REFERENTIAL19 if name != missing]
    ours_T = weights(missing, present) @ raw.get_data(present)
    raw.info["bads"] = [missing]
    raw.interpolate_bads(origin=(0, 0, 0), verbose="error")
    theirs_T = raw.get_data([missing])[0]
    assert np.abs(ours_T - theirs_T).max() < 1e-3 * theirs_T.std()


@pytest.mark.parametrize("missing", ["Fz", "Pz"])
def test_a_smooth_field_is_found_again(missing: str) -> None:
    present = [name for name in REFERENTIAL19 if name not in ("Fz", "Pz")]

    def field(name: str) -> float:
        x, y, z = position(name)
        return float(10 + 3 * x - 5 * y + 4 * z)

    estimate = weights(missing, present) @ np.array([field(name) for name in present])
    assert estimate == pytest.approx(field(missing), abs=0.3)
    assert weights(missing, present).sum() == pytest.approx(1, abs=1e-5)


def test_near_electrodes_weigh_most() -> None:
    present = [name for name in REFERENTIAL19 if name not in ("Fz", "Pz")]
    ranked = [present[i] for i in np.argsort(-np.abs(weights("Fz", present)))]
    assert set(ranked[:3]) == {"F3", "F4", "Cz"}


def test_places_are_those_of_the_standard_head_roughly() -> None:
    """MNE's are a real head's: within 20 degrees of the ideal sphere, about its middle."""
    there = mne.channels.make_standard_montage("colin27_1020").get_positions()["ch_pos"]
    centre = np.mean([there[name] for name in ("T3", "T4", "Fpz", "Oz")], axis=0)
    # the outer ring lies 18 degrees above the sphere's middle
    middle = centre - (there["Cz"] - centre) * np.sin(np.radians(18)) / (1 - np.sin(np.radians(18)))
    for name in REFERENTIAL19:
        theirs = there[name] - middle
        cosine = position(name) @ theirs / np.linalg.norm(theirs)
        assert np.degrees(np.arccos(cosine)) < 20, name
