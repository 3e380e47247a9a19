"""Whether a classifier's confidence can be believed, and the temperature that mends it, fitted on validation.

Guo et al. 2017 (arXiv 1706.04599): expected calibration error (equation 3), temperature scaling (4.2).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_cats.evaluation.accuracy import wilson

Floats = NDArray[np.floating]
Labels = NDArray[np.integer]

BINS, PICTURES_A_BIN = 10, 8  # at most so many, of no fewer pictures than these
TEMPERATURES = (0.05, 20.0)  # where the fit looks; a limit means that the logits say nothing, or all


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures of like confidence: how sure the classifier was of them, and how often it was right."""

    pictures: int
    confidence: float
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`error`: mean distance of confidence and accuracy. `nll`: mean negative log-likelihood, in nats."""

    error: float
    nll: float
    brier: float
    temperature: float
    bins: list[Bin]

    def facts(self) -> dict[str, Any]:
        """As plain values, for results.json."""
        return asdict(self)


def measure_calibration(logits_NK: Floats, y_N: Labels, temperature: float = 1.0) -> Calibration:
    p_NK = probabilities(logits_NK, temperature)
    bins = reliability(p_NK, y_N)
    error = sum(one.pictures * abs(one.confidence - one.accuracy) for one in bins) / len(y_N)
    true_NK = np.eye(p_NK.shape[1])[y_N]
    brier = float(((p_NK - true_NK) ** 2).sum(axis=1).mean())
    return Calibration(error, nll(logits_NK, y_N, temperature), brier, temperature, bins)


def probabilities(logits_NK: Floats, temperature: float = 1.0) -> Floats:
    return np.asarray(np.exp(_log_probabilities(logits_NK, temperature)))


def nll(logits_NK: Floats, y_N: Labels, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of the true classes, in nats."""
    log_p_NK = _log_probabilities(logits_NK, temperature)
    return float(-log_p_NK[np.arange(len(y_N)), y_N].mean())


def reliability(p_NK: Floats, y_N: Labels, bins: int = BINS) -> list[Bin]:
    """Bins of equal numbers of pictures, from the least sure to the surest.

    Of equal numbers and not widths: a sure classifier leaves wide bins empty, and their error to chance.
    """
    sure_N = p_NK.max(axis=1)
    is_right_N = p_NK.argmax(axis=1) == y_N
    found = []
    for part in np.array_split(
        np.argsort(sure_N, kind="stable"), max(1, min(bins, len(y_N) // PICTURES_A_BIN))
    ):
        share = wilson(int(is_right_N[part].sum()), len(part))
        found.append(Bin(len(part), float(sure_N[part].mean()), share.value, share.low, share.high))
    return found


def fit_temperature(logits_NK: Floats, y_N: Labels) -> float:
    """The temperature that makes `y_N` likeliest: of its inverse the likelihood has one maximum."""
    low, high = (1 / TEMPERATURES[1], 1 / TEMPERATURES[0])
    for _ in range(60):  # a convex function's slope changes its sign once
        middle = (low + high) / 2
        if _slope(logits_NK, y_N, middle) > 0:
            high = middle
        else:
            low = middle
    return 2 / (low + high)


def _slope(logits_NK: Floats, y_N: Labels, inverse: float) -> float:
    """d nll / d inverse temperature: the expected logit minus the true class's."""
    p_NK = probabilities(logits_NK, 1 / inverse)
    expected_N = (p_NK * logits_NK).sum(axis=1)
    return float((expected_N - logits_NK[np.arange(len(y_N)), y_N]).mean())


def _log_probabilities(logits_NK: Floats, temperature: float) -> Floats:
    scaled_NK = logits_NK.astype(np.float64) / temperature
    scaled_NK = scaled_NK - scaled_NK.max(axis=1, keepdims=True)
    return np.asarray(scaled_NK - np.log(np.exp(scaled_NK).sum(axis=1, keepdims=True)))


def reliability_png(before: Calibration, after: Calibration) -> bytes:
    """Accuracy against confidence, as trained and with the fitted temperature; the diagonal is perfect."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    _draw(axes, before, "as trained", "tab:orange")
    _draw(axes, after, f"temperature {after.temperature:.2f}", "tab:blue")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share of right answers")
    axes.legend(loc="upper left")
    png = BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()


def _draw(axes: Any, calibration: Calibration, name: str, colour: str) -> None:
    bins: Sequence[Bin] = calibration.bins
    middles, sure = [one.accuracy for one in bins], [one.confidence for one in bins]
    below = [one.accuracy - one.low for one in bins]
    above = [one.high - one.accuracy for one in bins]
    axes.errorbar(
        sure,
        middles,
        yerr=[below, above],
        fmt="o-",
        capsize=2,
        linewidth=1.2,
        markersize=4,
        color=colour,
        label=f"{name}: error {calibration.error:.1%}",
    )
