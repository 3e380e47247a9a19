"""The table `expect` of a contract."""

import math
from typing import Any, Final

from homeport.record.contracts.locate import Path
from homeport.record.contracts.mistakes import Mistakes, kind
from homeport.record.contracts.observing import NAME
from homeport.record.contracts.terms import Expectation, is_number

_KEYS: Final = ["min", "max", "one_of"]


def read_expectations(mistakes: Mistakes, path: Path, value: Any) -> dict[str, Expectation] | None:
    if not isinstance(value, dict):
        mistakes.at_value(path, f"`expect` is a table of names and values, not {kind(value)}.")
        return None
    found: dict[str, Expectation] = {}
    for name, wanted in value.items():
        at = (*path, name)
        if not NAME.fullmatch(name):
            mistakes.at_key(
                at, f"nothing can show a value of the name `{name}`: names are letters, digits and _."
            )
            continue
        expectation = _expectation(mistakes, at, wanted)
        if expectation is not None:
            found[name] = expectation
    return found


def _expectation(mistakes: Mistakes, path: Path, value: Any) -> Expectation | None:
    if isinstance(value, dict):
        return _of_table(mistakes, path, value)
    if _is_scalar(value):
        return Expectation(one_of=(value,))
    mistakes.at_value(
        path,
        f"`{path[-1]}` is {kind(value)}; an expectation is a string, number or boolean, "
        "{ min = 1, max = 2 } or { one_of = [1, 2] }.",
    )
    return None


def _of_table(mistakes: Mistakes, path: Path, table: dict[str, Any]) -> Expectation | None:
    before = len(mistakes.found)
    for key in table:
        if key not in _KEYS:
            mistakes.unknown((*path, key), "key", _KEYS)
    for key in ("min", "max"):
        if key in table and not (is_number(table[key]) and math.isfinite(table[key])):
            mistakes.at_value((*path, key), f"`{key}` is a finite number, not {kind(table[key])}.")
    one_of = table.get("one_of")
    if "one_of" in table and not (isinstance(one_of, list) and one_of and all(map(_is_scalar, one_of))):
        mistakes.at_value(
            (*path, "one_of"), "`one_of` is an array of strings, numbers or booleans, and not empty."
        )
    if "one_of" in table and ("min" in table or "max" in table):
        mistakes.at_key(path, "an expectation has either `one_of`, or `min` and `max`.")
    if not table:
        mistakes.at_value(path, "this expects nothing; give `min`, `max` or `one_of`.")
    if len(mistakes.found) > before:
        return None
    if "min" in table and "max" in table and table["min"] > table["max"]:
        mistakes.at_value((*path, "min"), "`min` is more than `max`.")
        return None
    return Expectation(tuple(one_of or ()), table.get("min"), table.get("max"))


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
