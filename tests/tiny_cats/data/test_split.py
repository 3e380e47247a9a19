"""Splits divide no group, follow the shares in every class, and forget names and order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny_cats.data.split import TEST, TRAIN, VAL, divide

PICTURES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=80)


def split_of(pictures: list[tuple[int, int]], seed: int, order: list[int] | None = None, **shares: float):
    """`pictures`: (group, class); a picture's digest is its place."""
    order = order or list(range(len(pictures)))
    first = {group: min(p for p in order if pictures[p][0] == group) for group, _ in pictures}
    return divide(
        [f"{place:064x}" for place in order],
        [order.index(first[pictures[place][0]]) for place in order],
        [pictures[place][1] for place in order],
        val_share=shares.get("val", 0.2),
        test_share=shares.get("test", 0.1),
        seed=seed,
    )


@settings(max_examples=150)
@given(PICTURES, st.integers(0, 5), st.randoms())
def test_no_group_is_divided_and_order_does_not_matter(pictures, seed, random) -> None:
    split = split_of(pictures, seed)
    for group in {group for group, _ in pictures}:
        assert len({split[place] for place, (of, _) in enumerate(pictures) if of == group}) == 1
    order = list(range(len(pictures)))
    random.shuffle(order)
    assert [split[place] for place in order] == split_of(pictures, seed, order).tolist()


def test_every_class_has_its_shares() -> None:
    split = split_of([(place, place % 4) for place in range(400)], 0)
    for label in range(4):
        of_class = split[np.arange(400) % 4 == label]
        assert [(of_class == name).sum() for name in (TRAIN, VAL, TEST)] == [70, 20, 10]


def test_a_small_class_trains_first() -> None:
    assert split_of([(0, 0)], 0).tolist() == [TRAIN]
    assert sorted(split_of([(0, 0), (1, 0), (2, 0)], 0).tolist()) == [TRAIN, VAL, TEST]


def test_no_share_is_no_picture_and_seeds_differ() -> None:
    pictures = [(place, 0) for place in range(50)]
    assert set(split_of(pictures, 0, val=0, test=0)) == {TRAIN}
    assert split_of(pictures, 0).tolist() != split_of(pictures, 1).tolist()
