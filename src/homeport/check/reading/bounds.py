"""Keeps what reading computes small: `"x" * 10**10` stands in files, too."""

import re
from typing import Any

from homeport.check.reading.regular import checked

LARGEST = 1_000_000  # characters, items, or bits of a number
WIDE = re.compile(r"\d{4,}")


class TooLargeError(Exception):
    """would be too large"""

    def __str__(self) -> str:
        return "it would be too large"


def size(value: Any) -> int:
    if isinstance(value, str | bytes | list | tuple | dict | set | frozenset | range):
        return len(value)
    if isinstance(value, int):
        return value.bit_length()
    return 1


def bounded(value: Any) -> Any:
    if size(value) > LARGEST:
        raise TooLargeError
    return list(value) if isinstance(value, range) else value


def within_bounds(values: tuple[Any, ...], method: str = "") -> None:
    """For a call of which the outcome may be as large as its numbers say, or as its texts' product."""
    if isinstance(values[0], re.Pattern):
        checked(values[0], values[1:])
    if any(isinstance(value, int) and abs(value) > LARGEST for value in values) and method:
        raise TooLargeError
    texts = [size(value) for value in values if isinstance(value, str | bytes | list | tuple)]
    product = 1
    for length in texts:
        product *= max(length, 1)
    if (
        method in ("replace", "join", "translate", "expandtabs", "format", "format_map")
        and product > 10 * LARGEST
    ):
        raise TooLargeError
    if method in ("format", "format_map", "__format__") and any(
        isinstance(value, str) and WIDE.search(value) for value in values[:1]
    ):
        raise TooLargeError


def times(left: Any, right: Any) -> Any:
    for held, count in ((left, right), (right, left)):
        if (
            isinstance(held, str | bytes | list | tuple)
            and isinstance(count, int)
            and size(held) * count > LARGEST
        ):
            raise TooLargeError
    if isinstance(left, int) and isinstance(right, int) and size(left) + size(right) > LARGEST:
        raise TooLargeError
    return left * right


def power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and size(base) * abs(exponent) > LARGEST:
        raise TooLargeError
    return base**exponent


def shift(left: Any, right: Any) -> Any:
    if isinstance(right, int) and right > LARGEST:
        raise TooLargeError
    return left << right


def modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str | bytes) and (len(left) > 10_000 or WIDE.search(str(left)) or "*" in str(left)):
        raise TooLargeError
    return left % right


def short_spec(spec: Any) -> str:
    """A format specification that does not ask for a text of millions."""
    if not isinstance(spec, str) or WIDE.search(spec):
        raise TooLargeError
    return spec
