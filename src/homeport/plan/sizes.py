"""Sizes and ages as people write them, 50GB, 512MiB, 7d, and sizes as they are shown to them."""

import re

from homeport.model.errors import InvalidError

_UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_BINARY = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?\s*", re.IGNORECASE)
_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*")


def parse_size(text: str) -> int:
    """Bytes. Raises InvalidError."""
    found = _SIZE.fullmatch(text)
    if not found or (found[3] and not found[2]):
        raise InvalidError(f"{text!r} is no size: write it like 50GB, 512MiB or 1.5T.")
    units = _BINARY if found[3] else _UNITS
    return int(float(found[1]) * units[found[2].upper()])


def parse_age(text: str) -> float:
    """Seconds. Raises InvalidError."""
    found = _AGE.fullmatch(text)
    if not found:
        raise InvalidError(f"{text!r} is no age: write it like 30m, 12h, 7d or 4w.")
    return float(found[1]) * _AGES[found[2]]


def human_size(size: float) -> str:
    """1536 -> '1.5 KiB'."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")
