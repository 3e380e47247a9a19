"""Confusion and the worst mistakes: what is counted, and that they can be drawn with any names."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tiny_cats.evaluation.confusion import confusion_matrix, confusion_png
from tiny_cats.evaluation.mistakes import mistakes_png, worst_mistakes

NAMES = ["Maine Coon", "Köter", "猫 $x$"]


def test_rows_are_true_and_columns_named():
    counts_KK = confusion_matrix(np.array([0, 0, 1]), np.array([1, 0, 1]), 3)
    assert counts_KK.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("names", [NAMES, [f"breed {k}" for k in range(13)]])
def test_confusion_s_picture(names):
    count = len(names)
    png = confusion_png(np.arange(count * count).reshape(count, count), names)
    assert Image.open(BytesIO(png)).width > 200


def test_the_surest_mistakes_come_first():
    p_NK = np.array([[0.6, 0.4, 0], [0.1, 0.9, 0], [0.0, 0.2, 0.8], [1.0, 0, 0]])
    found = worst_mistakes(p_NK, np.array([1, 0, 2, 0]), NAMES)
    assert [(one.number, one.named, one.true) for one in found] == [
        (1, NAMES[1], NAMES[0]),
        (0, NAMES[0], NAMES[1]),
    ]
    assert (found[0].confidence, found[0].left) == (0.9, 0.1)
    assert worst_mistakes(p_NK, np.array([1, 0, 2, 0]), NAMES, most=1) == found[:1]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_mistakes_picture(count):
    p_NK = np.tile([0.1, 0.2, 0.7], (count, 1)).reshape(count, 3)
    found = worst_mistakes(
        p_NK, np.zeros(count, np.int64), ["a breed of a very, very long name indeed", "b", "猫"]
    )
    pictures = [np.full((64, 64, 3), 90, np.uint8)] * count
    assert Image.open(BytesIO(mistakes_png(pictures, found))).format == "PNG"
