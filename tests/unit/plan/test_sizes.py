"""Sizes and ages as people write them."""

import pytest

from homeport.model.errors import InvalidError
from homeport.plan.sizes import parse_age, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1024", 1024),
        ("50GB", 50_000_000_000),
        ("1.5T", 1_500_000_000_000),
        ("2 MiB", 2 << 20),
        ("3k", 3000),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "5XB", "-1GB", "1IB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "age"), [("30m", 1800), ("12h", 43200), ("7d", 604800), ("1w", 604800), ("0s", 0)]
)
def test_ages(text: str, age: float) -> None:
    assert parse_age(text) == age


def test_what_is_no_age() -> None:
    with pytest.raises(InvalidError, match="is no age"):
        parse_age("7")
