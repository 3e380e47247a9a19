"""Copies are found whatever was done to them, other pictures are not, and groups are joined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from tests.tiny_cats.data.pictures import saved
from tiny_cats.data.duplicates import NEAR_BITS, groups_of, near_pairs
from tiny_cats.data.survey import examine


def detailed(seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (14, 18, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((180, 140), Image.Resampling.BICUBIC)


def distance(a: bytes, b: bytes) -> int:
    first, second = (int(examine(data).hash, 16) for data in (a, b))
    return (first ^ second).bit_count()


COPIES = {
    "compressed": lambda image: saved(image, "JPEG", quality=40),
    "smaller": lambda image: saved(image.resize((108, 84)), "JPEG"),
    "larger": lambda image: saved(image.resize((400, 311)), "PNG"),
    "brighter": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.15), "PNG"),
    "grey": lambda image: saved(image.convert("L"), "PNG"),
    "other format": lambda image: saved(image, "WEBP"),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_near(how: str) -> None:
    for seed in range(8):
        assert distance(saved(detailed(seed), "PNG"), COPIES[how](detailed(seed))) <= NEAR_BITS


def test_a_mirror_image_is_near() -> None:
    image = detailed(0)
    facts = [
        examine(saved(picture, "PNG"))
        for picture in (image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), detailed(1))
    ]
    assert near_pairs([f.hash for f in facts], [f.mirrored for f in facts]) == [(0, 1)]


def test_other_pictures_are_not_near() -> None:
    facts = [examine(saved(detailed(seed), "JPEG")) for seed in range(60)]
    assert not near_pairs([f.hash for f in facts], [f.mirrored for f in facts])


def test_groups_are_joined_by_a_picture_between() -> None:
    hashes = [f"{(1 << bits) - 1:064x}" for bits in (0, 30, 60, 120, 150)]
    far = ["f" * 64] * 5
    assert groups_of(hashes, far).tolist() == [0, 0, 0, 3, 3]


@settings(max_examples=60)
@given(st.lists(st.binary(min_size=32, max_size=32), max_size=40), st.integers(60, 140))
def test_pairs_are_those_that_a_plain_loop_finds(raw: list[bytes], bits: int) -> None:
    hashes = [data.hex() for data in raw]
    mirrored = [data[::-1].hex() for data in raw]
    numbers, turned = [int(h, 16) for h in hashes], [int(h, 16) for h in mirrored]
    wanted = [
        (i, j)
        for i in range(len(raw))
        for j in range(i + 1, len(raw))
        if (numbers[i] ^ numbers[j]).bit_count() <= bits or (numbers[i] ^ turned[j]).bit_count() <= bits
    ]
    assert near_pairs(hashes, mirrored, bits) == wanted
