"""Augmentation is a function of the pictures and the generator, and does to each picture what it says."""

import torch

from tiny_cats import augment


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(B: int = 64, side: int = 12) -> torch.Tensor:
    return torch.randint(0, 256, (B, 3, side, side), generator=seeded(9), dtype=torch.uint8)


def test_floats_are_from_minus_one_to_one() -> None:
    x_BCHW = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert augment.to_float(x_BCHW).flatten().tolist() == [-1.0, 1.0]


def test_about_half_are_flipped_and_the_rest_untouched() -> None:
    x_BCHW = pictures(400)
    flipped = augment.flip(x_BCHW, seeded())
    is_same = (flipped == x_BCHW).flatten(1).all(1)
    is_mirrored = (flipped == x_BCHW.flip(3)).flatten(1).all(1)
    assert (is_same | is_mirrored).all() and 160 < is_mirrored.sum() < 240
    assert torch.equal(flipped, augment.flip(x_BCHW, seeded()))
    assert not torch.equal(flipped, augment.flip(x_BCHW, seeded(1)))


def test_a_crop_is_a_window_of_its_picture_and_all_places_come() -> None:
    x_BCHW = pictures(300)
    places = set()
    for picture, crop in zip(x_BCHW, augment.random_crop(x_BCHW, 10, seeded()), strict=True):
        found = [
            (top, left)
            for top in range(3)
            for left in range(3)
            if torch.equal(picture[:, top : top + 10, left : left + 10], crop)
        ]
        assert len(found) == 1
        places.update(found)
    assert len(places) == 9
    assert augment.random_crop(x_BCHW, 12, seeded()) is x_BCHW
    assert torch.equal(augment.centre_crop(x_BCHW, 10), x_BCHW[:, :, 1:11, 1:11])


def test_a_resized_crop_of_everything_is_the_picture() -> None:
    x_BCHW = augment.to_float(pictures(8))
    same = augment.random_resized_crop(x_BCHW, 12, seeded(), scale=(1.0, 1.0), ratio=(1.0, 1.0))
    assert torch.allclose(same, x_BCHW, atol=1e-4)
    other = augment.random_resized_crop(x_BCHW, 8, seeded())
    assert other.shape == (8, 3, 8, 8) and other.min() >= -1 and other.max() <= 1
    assert torch.equal(other, augment.random_resized_crop(x_BCHW, 8, seeded()))


def test_a_resized_crop_stays_within_its_picture() -> None:
    """A picture whose pixels are their places: no crop shows the mirrored border."""
    ramp = torch.linspace(-1, 1, 64).view(1, 1, 1, 64).expand(200, 3, 64, 64)
    crops = augment.random_resized_crop(ramp, 16, seeded(), scale=(0.2, 0.5))
    assert (crops[..., 1:] > crops[..., :-1]).all()


def test_jitter_of_nothing_changes_nothing_and_stays_in_range() -> None:
    x_BCHW = augment.to_float(pictures(16))
    assert torch.allclose(augment.jitter(x_BCHW, 0.0, seeded()), x_BCHW, atol=1e-6)
    changed = augment.jitter(x_BCHW, 0.4, seeded())
    assert changed.min() >= -1 and changed.max() <= 1 and not torch.allclose(changed, x_BCHW, atol=0.1)
