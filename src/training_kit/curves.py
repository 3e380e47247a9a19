"""Curves by matplotlib as SVG within a page, whose colours follow the page's (light, dark or paper)."""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

Series = Sequence[tuple[int, float]]
"""(step, value)."""

# stand-ins that no curve uses otherwise, turned into the page's colours after drawing
COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--muted)",
    "#030303": "var(--rule)",
    "#040404": "var(--det)",
    "#050505": "var(--ref)",
    "#060606": "var(--paper)",
}
INK, MUTED, RULE, DET, REF, PAPER = COLOURS
POINTS = 500
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched, and takes the page's font
    "svg.hashsalt": "report",
    "font.size": 10,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def thinned(series: Series) -> Series:
    """At most POINTS points: the mean of each group of neighbours, at its last step."""
    size = -(-len(series) // POINTS)
    if size <= 1:
        return series
    groups = [series[first : first + size] for first in range(0, len(series), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def inline(figure: Figure, name: str, title: str) -> str:
    """The figure as `<svg>`. `name`: of this figure alone within its page; `title`: what it shows."""
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # several figures share a page: their names must differ
    text = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]+", r"font: \1 var(--font)", text)
    for stand_in, colour in COLOURS.items():
        text = text.replace(stand_in, colour)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    label = f'class="curve" role="img" aria-label="{title}"'
    return text.replace("<svg", f"<svg {label}", 1)
