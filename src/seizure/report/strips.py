"""A recording from start to end in one line, as SVG: annotated seizures, probability, detections."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from seizure.corpus.recording import Seizure

WIDTH, HEIGHT = 640, 38
COLUMNS = 400  # the highest probability within each, so that a short event cannot vanish
REF_Y, P_TOP, P_BOTTOM, DET_Y = 1, 9, 29, 31
BAR = 6


def draw_strip(
    p_T: NDArray[np.float32],
    duration_s: float,
    reference: Sequence[Seizure],
    detections: Sequence[Seizure],
    threshold: float | None,
    marks: Sequence[tuple[float, str]],
    title: str,
) -> str:
    """The strip as SVG; `marks` are (time_s, letter) of the pictures shown further down."""
    parts = [
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        f'<rect class="frame" x="0" y="{P_TOP}" width="{WIDTH}" height="{P_BOTTOM - P_TOP}"/>',
        *_bars(reference, duration_s, REF_Y, "ref"),
        *_area(p_T),
        *_bars(detections, duration_s, DET_Y, "det"),
    ]
    if threshold is not None:
        y = P_BOTTOM - threshold * (P_BOTTOM - P_TOP)
        parts.append(f'<path class="threshold" d="M0 {y:.1f}H{WIDTH}"/>')
    for time_s, letter in marks:
        x = min(max(time_s / max(duration_s, 1e-9), 0.0), 1.0) * WIDTH
        parts.append(f'<path class="mark" d="M{x:.1f} {P_TOP}V{P_BOTTOM}"/>')
        anchor, shift = ("end", -3) if x > WIDTH - 20 else ("start", 3)
        at = f'x="{x + shift:.1f}" y="{P_TOP + 11}" text-anchor="{anchor}"'
        parts.append(f'<text class="mark" {at}>{escape(letter)}</text>')
    return "".join([*parts, "</svg>"])


def highest(p_T: NDArray[np.float32], columns: int = COLUMNS) -> NDArray[np.float32]:
    """The highest value of each of at most `columns` equal pieces."""
    if p_T.size <= columns:
        return p_T
    edges = np.linspace(0, p_T.size, columns, endpoint=False).astype(np.int64)
    return np.maximum.reduceat(p_T, edges)


def _area(p_T: NDArray[np.float32]) -> Iterator[str]:
    if not p_T.size:
        return
    tops = highest(np.nan_to_num(p_T).astype(np.float32))
    step = WIDTH / tops.size
    points = "".join(
        f"L{index * step:.1f} {P_BOTTOM - float(p) * (P_BOTTOM - P_TOP):.1f}H{(index + 1) * step:.1f}"
        for index, p in enumerate(tops)
    )
    yield f'<path class="area" d="M0 {P_BOTTOM}{points}V{P_BOTTOM}Z"/>'


def _bars(events: Sequence[Seizure], duration_s: float, y: float, kind: str) -> Iterator[str]:
    for event in events:
        x = event.start_s / max(duration_s, 1e-9) * WIDTH
        width = max(event.duration_s / max(duration_s, 1e-9) * WIDTH, 2.0)
        yield f'<rect class="bar {kind}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" rx="1.5"/>'
