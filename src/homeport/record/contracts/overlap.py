"""Which contracts of a file one run can match, by their conditions alone."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import combinations

from homeport.record.contracts.terms import AllBut, Condition, Scalar, Terms, When, is_function, matches

_WILD = "*?["


def pairs(contracts: Sequence[Terms]) -> Iterator[tuple[Terms, Terms]]:
    for first, second in combinations(contracts, 2):
        if can_both_hold(first.when, second.when):
            yield first, second


def can_both_hold(one: When, other: When) -> bool:
    """Where nothing contradicts. A condition that only one of them has contradicts nothing."""
    if not is_same_function(one, other):
        return False
    if one.app and other.app and not _meet(one.app, other.app):
        return False
    return _tables_meet(one.arguments, other.arguments) and _tables_meet(one.config, other.config)


def is_same_function(one: When, other: When) -> bool:
    """Whether there may be a function that both are for."""
    return not (one.function and other.function) or _functions_meet(one.function, other.function)


def _tables_meet(one: Mapping[str, Condition], other: Mapping[str, Condition]) -> bool:
    return all(_conditions_meet(one[name], other[name]) for name in one.keys() & other.keys())


def _conditions_meet(one: Condition, other: Condition) -> bool:
    if isinstance(one, AllBut):
        return isinstance(other, AllBut) or any(not _is_among(value, one) for value in other)
    if isinstance(other, AllBut):
        return any(not _is_among(value, other) for value in one)
    return _meet(one, other)


def _is_among(value: Scalar, excluded: AllBut) -> bool:
    """Whether all that `value` stands for is excluded."""
    return any(matches(other, str(value)) for other in excluded.values)


def _functions_meet(one: Sequence[str], other: Sequence[str]) -> bool:
    return any(is_function(a, b) or is_function(b, a) or _globs_meet(a, b) for a in one for b in other)


def _meet(one: Sequence[Scalar], other: Sequence[Scalar]) -> bool:
    return any(_values_meet(a, b) for a in one for b in other)


def _values_meet(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return matches(one, other) or matches(other, one) or _globs_meet(one, other)
    return matches(one, str(other)) if not isinstance(other, str) else matches(other, str(one))


def _globs_meet(one: str, other: str) -> bool:
    """Whether some text may match both: not where their beginnings or ends without wildcards differ."""
    if not (_is_glob(one) and _is_glob(other)):
        return fnmatchcase(one, other) or fnmatchcase(other, one)
    heads = _head(one), _head(other)
    tails = _head(one[::-1].replace("]", "[")), _head(other[::-1].replace("]", "["))
    return all(a.startswith(b) or b.startswith(a) for a, b in (heads, tails))


def _is_glob(text: str) -> bool:
    return any(letter in text for letter in _WILD)


def _head(text: str) -> str:
    return text[: min((text.index(letter) for letter in _WILD if letter in text), default=len(text))]
