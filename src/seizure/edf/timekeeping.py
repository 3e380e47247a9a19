"""Onsets of data records, from the time-keeping annotations of EDF+ (specification, section 2.2.4)."""

import re
from collections.abc import Iterable

# the first annotation of each record: its onset in seconds, and an empty text
_ONSET = re.compile(rb"([+-]\d{1,12}(?:\.\d{1,12})?)\x14\x14", re.ASCII)


def onset_s(annotation_bytes: bytes) -> float | None:
    """Seconds from the header's start to this record's first sample; None where it is not said."""
    found = _ONSET.match(annotation_bytes)
    return float(found[1]) if found else None


def is_continuous(onsets_s: Iterable[float | None], record_duration_s: float) -> bool:
    """Whether each record begins where the one before ends, to a thousandth of a record or a millisecond."""
    tolerance_s = max(1e-3, 1e-3 * record_duration_s)
    first: float | None = None
    for index, onset in enumerate(onsets_s):
        if onset is None:
            return False
        first = onset if first is None else first
        if abs(onset - first - index * record_duration_s) > tolerance_s:
            return False
    return first is not None
