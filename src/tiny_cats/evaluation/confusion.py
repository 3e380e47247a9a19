"""Which classes are taken for which."""

import warnings
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(
    y_N: NDArray[np.integer], predicted_N: NDArray[np.integer], num_classes: int
) -> NDArray[np.int64]:
    """counts_KK: row is the true class, column the one that was named."""
    flat = y_N.astype(np.int64) * num_classes + predicted_N.astype(np.int64)
    return np.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def confusion_png(counts_KK: NDArray[np.integer], classes: Sequence[str]) -> bytes:
    """Each true class's row, coloured by shares of the row; the numbers are pictures."""
    from matplotlib.figure import Figure

    names = [name.replace("_", " ") for name in classes]
    count = len(names)
    side = 2.6 + 0.5 * count
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.add_subplot()
    rows = np.maximum(counts_KK.sum(axis=1, keepdims=True), 1)
    shares_KK = counts_KK / rows
    axes.imshow(shares_KK, cmap="Blues", vmin=0, vmax=1)
    for i in range(count):
        for j in range(count):
            if counts_KK[i, j]:
                colour = "white" if shares_KK[i, j] > 0.55 else "black"
                axes.text(j, i, str(counts_KK[i, j]), ha="center", va="center", color=colour, fontsize=9)
    # names are a user's folders: "$" would begin a formula
    labels = [name.replace("$", r"\$") for name in names]
    axes.set_xticks(range(count), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(count), labels)
    axes.set(xlabel="named by the classifier", ylabel="true class")
    png = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph .* missing"
        )  # drawn as a box: the names' order tells the rest
        figure.savefig(png, format="png", dpi=110)
    return png.getvalue()
