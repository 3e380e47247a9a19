"""The loop's parts: loss, learning rate, augmentation, validation, devices, pace."""

import math

import numpy as np
import pytest
import torch

from seizure.training.augment import augment, mirror_order
from seizure.training.loss import masked_loss
from seizure.training.validation import validation_loss
from training_kit import devices
from training_kit.randomness import step_generator

NAMES = (
    *("Fp1", "F3", "C3", "P3", "F7", "T3", "T5", "O1"),
    *("Fz", "Cz", "Pz"),
    *("Fp2", "F4", "C4", "P4", "F8", "T4", "T6", "O2"),
)
ALONE = devices.Place(torch.device("cpu"))


# loss


def test_padding_counts_for_nothing():
    logits_BT = torch.zeros(2, 8, requires_grad=True)
    y_BT = torch.ones(2, 8, dtype=torch.uint8)
    mask_BT = torch.arange(8) < torch.tensor([[8], [3]])
    total, count = masked_loss(logits_BT, y_BT, mask_BT)
    assert count == 11 and total.item() == pytest.approx(11 * math.log(2))
    total.backward()
    assert (logits_BT.grad[1, 3:] == 0).all() and (logits_BT.grad[mask_BT] != 0).all()


def test_not_even_padding_that_is_no_number():
    logits_BT = torch.tensor([[0.0, math.nan]], requires_grad=True)
    total, _ = masked_loss(logits_BT, torch.tensor([[1, 0]]), torch.tensor([[True, False]]))
    assert total.item() == pytest.approx(math.log(2))


# augmentation


def test_mirroring_swaps_sides_and_keeps_the_midline():
    order = mirror_order(NAMES)
    mirrored = dict(zip(NAMES, (NAMES[i] for i in order), strict=True))
    assert mirrored["Fp1"] == "Fp2" and mirrored["T6"] == "T5" and mirrored["Cz"] == "Cz"
    assert [order[i] for i in order] == list(range(19))


def test_pairs_are_mirrored_as_pairs():
    assert mirror_order(["Fp1-F7", "Fz-Cz", "Fp2-F8"]) == [2, 1, 0]


def test_channels_without_a_mirror_image_are_left():
    assert mirror_order(["Fp1", "Fz"]) is None
    assert mirror_order(["Fp1", "X3", "Fp2"]) is None


def test_augmentation_depends_on_its_generator_alone():
    x_BCT = torch.randn(4, 19, 16)
    once, again, other = (
        augment(x_BCT.clone(), mirror_order(NAMES), step_generator(0, step, 0)) for step in (1, 1, 2)
    )
    assert torch.equal(once, again) and not torch.equal(once, other)


def test_augmentation_does_what_it_says():
    x_BCT = torch.arange(1.0, 20.0)[None, :, None].expand(200, 19, 4)
    order = mirror_order(NAMES)
    y_BCT = augment(x_BCT.clone(), order, step_generator(0, 1, 0))
    ratio_BC = (y_BCT / x_BCT)[:, :, 0]
    assert (ratio_BC < 0).any() and (ratio_BC > 0).any() and (y_BCT == 0).any()
    silenced = (y_BCT == 0).all(2).any(1).float().mean()
    assert 0.3 < silenced < 0.6  # every second window, at 19 channels of a tenth each
    for window in y_BCT:
        kept = window[:, 0] != 0
        plain = window[kept, 0] / torch.arange(1.0, 20.0)[kept]
        flipped = window[kept, 0] / (torch.tensor(order)[kept] + 1.0)
        gain = plain if plain.std() < flipped.std() else flipped
        assert gain.std() < 1e-5 and 2**-0.5 <= gain[0].abs() <= 2**0.5


# validation


class FixedWindows:
    """Batch k is filled with k."""

    def batch(self, step):
        return np.full((2, 1, 4), step, np.int16), np.ones((2, 4), np.uint8), np.ones((2, 4), bool)


def test_validation_is_the_mean_over_its_windows():
    model = torch.nn.Dropout()
    states = []

    def forward(q_BCT):
        states.append(model.training)
        return q_BCT[:, 0].float()

    loss = validation_loss(model.train(), forward, FixedWindows(), 3, ALONE)
    assert loss == pytest.approx(np.mean([np.log1p(np.exp(-k)) for k in range(3)]))
    assert states == [False] * 3 and model.training
