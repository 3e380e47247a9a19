"""The page of EEG: what its lines, scale and shades mean."""

import re

import numpy as np
import pytest

from seizure.corpus.recording import Seizure
from seizure.report.eeg import DRAWN_HZ, REACH_ROWS, ROW, Excerpt, bipolar, clock, draw, sensitivity_uv, side
from seizure.signal.channels import BIPOLAR18, REFERENTIAL19

RATE_HZ = 256
PAIRS = tuple("-".join(pair) for pair in BIPOLAR18)


def excerpt(x_uv_CT: np.ndarray, **changes: object) -> Excerpt:
    values = {
        "x_uv_CT": x_uv_CT.astype(np.float32), "rate_hz": RATE_HZ, "channels": PAIRS[: len(x_uv_CT)],
        "start_s": 100.0, "duration_s": 500.0, "p_T": np.zeros(60, np.float32), "p_rate_hz": 4.0,
        "threshold": 0.8, "reference": (), "detections": (),
    }  # fmt: skip
    return Excerpt(**(values | changes))


def traces(svg: str) -> list[tuple[float, float, np.ndarray]]:
    """(centre y, samples across a pixel, y of each point in pixels below the centre) of each channel."""
    found = []
    place = r'transform="translate\(\d+ ([\d.]+)\) scale\(([\d.]+) .2\)"'
    for centre, scale, first, steps in re.findall(rf'{place} d="M0 (-?\d+)l([^"]*)"', svg):
        rises = [int(one) for one in re.findall(r"1([+-]\d+)", steps)]
        found.append((float(centre), float(scale), np.cumsum([int(first), *rises]) / 5))
    return found


def test_the_double_banana_is_made_of_electrodes_and_the_reference_does_not_matter() -> None:
    x_CT = np.random.default_rng(0).normal(0, 30, (19, 512)).astype(np.float32)
    pairs_PT, names = bipolar(x_CT, REFERENTIAL19)
    assert names == PAIRS
    place = REFERENTIAL19.index
    np.testing.assert_allclose(pairs_PT[0], x_CT[place("Fp1")] - x_CT[place("F3")], atol=1e-4)
    np.testing.assert_allclose(bipolar(x_CT - x_CT.mean(0), REFERENTIAL19)[0], pairs_PT, atol=1e-4)


def test_bipolar_recordings_are_drawn_as_they_are() -> None:
    x_CT = np.ones((18, 10), np.float32)
    assert bipolar(x_CT, PAIRS) == (x_CT, PAIRS)


def test_negative_goes_up_and_the_scale_bar_is_true() -> None:
    x_CT = np.zeros((18, 15 * RATE_HZ))
    x_CT[:, 2 * RATE_HZ : 4 * RATE_HZ] = -50.0
    svg = draw(excerpt(x_CT), "a", "b")
    step_uv = int(re.search(r">(\d+) µV<", svg)[1])
    bar_px = float(re.search(r'class="scale" d="M[\d.]+ [\d.]+h8m-4 0v([\d.]+)', svg)[1])
    assert bar_px == ROW
    for _, _, y_T in traces(svg):
        plateau = y_T[int(3 * DRAWN_HZ)]
        assert plateau == pytest.approx(-50.0 * bar_px / step_uv, abs=0.5)  # above its line


def test_a_trace_spans_the_page_in_time() -> None:
    x_CT = np.zeros((18, 15 * RATE_HZ))
    x_CT[4, 5 * RATE_HZ - 20 : 5 * RATE_HZ + 20] = 40.0  # at 105 s
    svg = draw(excerpt(x_CT), "a", "b")
    _, scale, y_T = traces(svg)[4]
    tick = re.search(r'x="([\d.]+)"[^>]*>0:01:45<', svg)
    middle = float(np.flatnonzero(y_T > y_T.max() / 2).mean())
    assert tick and 74 + middle * scale == pytest.approx(float(tick[1]), abs=2.0)


def test_an_artefact_is_cut_so_that_it_does_not_cover_the_page() -> None:
    x_CT = np.random.default_rng(0).normal(0, 20, (18, 15 * RATE_HZ))
    x_CT[7] *= 1000
    y_T = traces(draw(excerpt(x_CT), "a", "b"))[7][2]
    assert np.abs(y_T).max() <= REACH_ROWS * ROW + 0.2


def test_nothing_is_drawn_beyond_the_recordings_end() -> None:
    x_CT = np.random.default_rng(0).normal(0, 20, (18, 15 * RATE_HZ))
    svg = draw(excerpt(x_CT, start_s=0.0, duration_s=10.0, p_T=np.ones(40, np.float32)), "a", "b")
    end = 74 + 10 * (1120 - 74 - 14) / 15
    for _, scale, y_T in traces(svg):
        assert 74 + y_T.size * scale == pytest.approx(end, abs=1.0)
    [points] = re.findall(r'class="probability" points="([^"]+)"', svg)
    assert float(points.split()[-1].split(",")[0]) == pytest.approx(end, abs=10)


def test_what_is_no_number_is_drawn_as_zero() -> None:
    x_CT = np.full((18, 15 * RATE_HZ), np.nan)
    assert "nan" not in draw(excerpt(x_CT, p_T=np.full(60, np.nan, np.float32)), "a", "b")


@pytest.mark.parametrize("swing_uv", [0.0, 3.0, 40.0, 260.0, 1e6])
def test_the_scale_is_a_usual_step_that_the_middle_channel_fits(swing_uv: float) -> None:
    wave_T = np.tile([-0.5, 0.5], 500) * swing_uv
    step_uv = sensitivity_uv(np.stack([wave_T, wave_T, 50 * wave_T]).astype(np.float32))
    assert step_uv in (5, 30, 200, 5000)
    assert step_uv >= min(0.7 * swing_uv, 5000)


def test_annotation_and_detection_are_drawn_where_they_are_and_apart() -> None:
    x_CT = np.zeros((18, 15 * RATE_HZ))
    svg = draw(
        excerpt(x_CT, reference=(Seizure(103.0, 200.0),), detections=(Seizure(106.0, 109.0),)), "a", "b"
    )
    [(ref_x, ref_width)] = re.findall(r'class="bar ref" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    [(det_x, det_width)] = re.findall(r'class="bar det" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    second = (1120 - 74 - 14) / 15
    assert float(ref_x) == pytest.approx(74 + 3 * second, abs=0.1)
    assert float(ref_x) + float(ref_width) == pytest.approx(1120 - 14, abs=0.2)  # goes on beyond the page
    assert float(det_x) == pytest.approx(74 + 6 * second, abs=0.1)
    assert float(det_width) == pytest.approx(3 * second, abs=0.1)
    assert svg.count('class="edge ref"') == 1 and svg.count('class="edge det"') == 2


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("Fp1-F3", "left"), ("T4-T6", "right"), ("Fz-Cz", "mid"), ("O2", "right"), ("x", "mid")],
)
def test_sides(channel: str, expected: str) -> None:
    assert side(channel) == expected


def test_clock() -> None:
    assert [clock(time_s) for time_s in (0, 59.6, 3661)] == ["0:00:00", "0:01:00", "1:01:01"]
