"""A page of EEG as a reader of EEG expects it, as SVG: channels, seconds, a scale in uV, events, probability.

SVG is written here rather than by matplotlib: a page of 18 channels takes 30 ms and 150 kB instead of
seconds, and its colours follow the reader's light or dark page. Choosing what to show is `choose`'s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from seizure.corpus.recording import Seizure
from seizure.signal.channels import BIPOLAR18

Signal = NDArray[np.float32]

DRAWN_HZ = 128  # two points a pixel: all that a screen shows of 15 s
SENSITIVITIES_UV = (5, 10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000)
REACH_ROWS = (
    1.8  # a trace is cut this many rows from its own, so that an artefact hides at most its neighbours
)

WIDTH, GUTTER, RIGHT = 1120, 74, 14
ROW, CHAIN_GAP = 25, 9
LANES_TOP, LANE = 8, 17
PROBABILITY = 64


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What one picture shows. Times are seconds from the recording's start."""

    x_uv_CT: Signal
    rate_hz: int
    channels: tuple[str, ...]
    start_s: float
    duration_s: float  # of the whole recording: beyond it nothing is drawn
    p_T: Signal  # probability from start_s on
    p_rate_hz: float
    threshold: float | None
    reference: tuple[Seizure, ...]
    detections: tuple[Seizure, ...]

    @property
    def stop_s(self) -> float:
        return self.start_s + float(self.x_uv_CT.shape[1]) / self.rate_hz


def bipolar(x_uv_CT: Signal, channels: Sequence[str]) -> tuple[Signal, tuple[str, ...]]:
    """The double banana of a referential recording (a common reference cancels); bipolar ones as they are."""
    row = {name: index for index, name in enumerate(channels)}
    pairs = [pair for pair in BIPOLAR18 if pair[0] in row and pair[1] in row]
    if not pairs:
        return x_uv_CT, tuple(channels)
    x_PT = np.stack([x_uv_CT[row[a]] - x_uv_CT[row[b]] for a, b in pairs])
    return x_PT, tuple(f"{a}-{b}" for a, b in pairs)


def sensitivity_uv(x_uv_CT: Signal) -> int:
    """Microvolts between two rows: the smallest usual step in which the middle channel's swing fits."""
    if x_uv_CT.size == 0:
        return SENSITIVITIES_UV[0]
    swing_C = np.diff(np.percentile(x_uv_CT, [2.5, 97.5], axis=1), axis=0)[0]
    wanted = 0.7 * float(np.median(swing_C))  # neighbours may touch, as on any page of EEG
    return next((step for step in SENSITIVITIES_UV if step >= wanted), SENSITIVITIES_UV[-1])


def draw(excerpt: Excerpt, title: str, description: str) -> str:
    """The picture as an SVG element that takes its colours from the page's style."""
    rows_y = list(_rows(excerpt.channels))
    top = LANES_TOP + 2 * LANE + 10
    bottom = top + rows_y[-1] + ROW
    probability_top = bottom + 26
    height = probability_top + PROBABILITY + 8
    step_uv = sensitivity_uv(excerpt.x_uv_CT)
    parts = [
        f'<svg class="eeg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>",
        *_shades(excerpt, top, bottom, probability_top + PROBABILITY),
        *_grid(excerpt, top, bottom),
        *_lanes(excerpt),
        *_traces(excerpt, top, rows_y, step_uv),
        *_scale_bar(bottom, step_uv),
        *_probability(excerpt, probability_top),
        "</svg>",
    ]
    return "".join(parts)


def side(channel: str) -> str:
    """`left`, `right` or `mid`: the colour of a trace. Odd electrodes lie left, even ones right."""
    digits = [character for character in channel if character.isdigit()]
    if not digits:
        return "mid"
    return "left" if int(digits[0]) % 2 else "right"


def _rows(channels: Sequence[str]) -> Iterator[float]:
    """The y of each channel, with a gap where a chain of the montage ends."""
    y = ROW * 0.5
    for index, channel in enumerate(channels):
        if index and "-" in channel and channels[index - 1].partition("-")[2] != channel.partition("-")[0]:
            y += CHAIN_GAP
        yield y
        y += ROW


def _x(excerpt: Excerpt, time_s: float) -> float:
    share = (time_s - excerpt.start_s) / (excerpt.stop_s - excerpt.start_s)
    return GUTTER + min(max(share, 0.0), 1.0) * (WIDTH - GUTTER - RIGHT)


def _seen(excerpt: Excerpt, events: Sequence[Seizure]) -> Iterator[tuple[float, float]]:
    for event in events:
        if event.stop_s > excerpt.start_s and event.start_s < excerpt.stop_s:
            left = _x(excerpt, event.start_s)
            yield left, max(_x(excerpt, event.stop_s) - left, 1.5)


def _shades(excerpt: Excerpt, top: float, bottom: float, last: float) -> Iterator[str]:
    for kind, events in (("ref", excerpt.reference), ("det", excerpt.detections)):
        for x, width in _seen(excerpt, events):
            y = top - 6
            yield _rect(f"shade {kind}", x, y, width, bottom - y)
            for edge, border in ((x, GUTTER), (x + width, WIDTH - RIGHT)):
                if abs(edge - border) > 0.5:  # an event that goes on outside has no edge here
                    yield f'<path class="edge {kind}" d="M{edge:.1f} {y:.1f}V{last:.1f}"/>'


def _lanes(excerpt: Excerpt) -> Iterator[str]:
    lanes = (("ref", "annotated", excerpt.reference), ("det", "detected", excerpt.detections))
    for index, (kind, name, events) in enumerate(lanes):
        y = LANES_TOP + index * LANE
        yield _text(f"lane {kind}", GUTTER - 8, y + 11, name, "end")
        yield f'<path class="empty" d="M{GUTTER} {y + 6.5}H{WIDTH - RIGHT}"/>'
        for x, width in _seen(excerpt, events):
            yield _rect(f"bar {kind}", x, y + 1, width, LANE - 6)


def _grid(excerpt: Excerpt, top: float, bottom: float) -> Iterator[str]:
    first, last = int(np.ceil(excerpt.start_s)), int(np.floor(excerpt.stop_s))
    for second in range(first, last + 1):
        x = _x(excerpt, second)
        strong = "grid five" if second % 5 == 0 else "grid"
        yield f'<path class="{strong}" d="M{x:.1f} {top - 6:.1f}V{bottom:.1f}"/>'
        if second % 5 == 0 and x < WIDTH - RIGHT - 12:
            yield _text("time", x, bottom + 15, clock(second), "middle")


def _traces(excerpt: Excerpt, top: float, rows_y: Sequence[float], step_uv: int) -> Iterator[str]:
    x_CT = excerpt.x_uv_CT
    if excerpt.rate_hz > DRAWN_HZ:
        x_CT = resample_poly(x_CT, DRAWN_HZ, excerpt.rate_hz, axis=1, padtype="line").astype(np.float32)
    reach_uv = REACH_ROWS * step_uv
    # fifths of a pixel; positive goes down: EEG is drawn with negative up
    y_CT = np.clip(np.nan_to_num(x_CT), -reach_uv, reach_uv) * np.float32(5 * ROW / step_uv)
    y_CT = np.rint(y_CT).astype(np.int64)
    samples = max(y_CT.shape[1], 1)
    per_sample = (WIDTH - GUTTER - RIGHT) / samples
    share = (excerpt.duration_s - excerpt.start_s) / (excerpt.stop_s - excerpt.start_s)
    y_CT = y_CT[:, : max(round(share * samples), 1)]
    for channel, y, y_T in zip(excerpt.channels, rows_y, y_CT, strict=True):
        steps = "".join(f"1{dy:+d} " for dy in np.diff(y_T).tolist()).rstrip()
        place = f"translate({GUTTER} {top + y:.1f}) scale({per_sample:.5f} .2)"
        yield _text("channel", GUTTER - 8, top + y + 4, channel, "end")
        yield f'<path class="trace {side(channel)}" transform="{place}" d="M0 {y_T[0]}l{steps or "0 0"}"/>'


def _scale_bar(bottom: float, step_uv: int) -> Iterator[str]:
    x, y = 16, bottom - ROW * 1.5
    yield f'<path class="scale" d="M{x - 4} {y:.1f}h8m-4 0v{ROW}m-4 0h8"/>'
    yield _text("scale", x - 8, y + ROW + 14, f"{step_uv} µV", "start")


def _probability(excerpt: Excerpt, top: float) -> Iterator[str]:
    right, bottom = WIDTH - RIGHT, top + PROBABILITY
    yield _rect("frame", GUTTER, top, right - GUTTER, PROBABILITY)
    yield _text("channel", GUTTER - 8, top + PROBABILITY / 2 + 4, "probability", "end")
    for value, y in (("1", top + 9), ("0", bottom)):
        yield _text("time", GUTTER - 8, y, value, "end")
    if excerpt.threshold is not None:
        y = bottom - excerpt.threshold * PROBABILITY
        yield f'<path class="threshold" d="M{GUTTER} {y:.1f}H{right}"/>'
    if excerpt.p_T.size:
        per_sample = (right - GUTTER) / (excerpt.p_rate_hz * (excerpt.stop_s - excerpt.start_s))
        points = " ".join(
            f"{GUTTER + (index + 0.5) * per_sample:.1f},{bottom - float(p) * PROBABILITY:.1f}"
            for index, p in enumerate(np.nan_to_num(excerpt.p_T))
        )
        yield f'<polyline class="probability" points="{points}"/>'
    if excerpt.threshold is not None:  # above the curve, in the room that there is
        beside = y + 13 if y < top + 16 else y - 4
        yield _text("time", right - 4, beside, f"threshold {excerpt.threshold:.2f}", "end")


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(kind: str, x: float, y: float, words: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def clock(time_s: float) -> str:
    """Seconds from the recording's start as h:mm:ss."""
    whole = round(time_s)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
