"""What channel labels mean: electrodes of the 10-20 system, their references, bipolar pairs."""

import re
from dataclasses import dataclass

# the 19 electrodes, in the order that SzCORE uses
REFERENTIAL19: tuple[str, ...] = (
    "Fp1", "F3", "C3", "P3", "F7", "T3", "T5", "O1", "Fz", "Cz",
    "Pz", "Fp2", "F4", "C4", "P4", "F8", "T4", "T6", "O2",
)  # fmt: skip
# the longitudinal bipolar montage ("double banana")
BIPOLAR18: tuple[tuple[str, str], ...] = (
    ("Fp1", "F3"), ("F3", "C3"), ("C3", "P3"), ("P3", "O1"),
    ("Fp1", "F7"), ("F7", "T3"), ("T3", "T5"), ("T5", "O1"),
    ("Fz", "Cz"), ("Cz", "Pz"),
    ("Fp2", "F4"), ("F4", "C4"), ("C4", "P4"), ("P4", "O2"),
    ("Fp2", "F8"), ("F8", "T4"), ("T4", "T6"), ("T6", "O2"),
)  # fmt: skip
# names of the 10-10 system for places that the 10-20 system names otherwise
OTHER_NAMES = {"T7": "T3", "T8": "T4", "P7": "T5", "P8": "T6"}

_BY_UPPER = {name.upper(): name for name in REFERENTIAL19} | OTHER_NAMES
_SCALP = re.compile(r"(FP|AF|F|FT|FC|T|TP|C|CP|P|PO|O|I)(Z|\d{1,2})")  # any place of the 10-10 system


@dataclass(frozen=True, slots=True)
class Label:
    """One channel: `electrode` against `other`, an electrode (`is_bipolar`) or a reference ("" if unsaid)."""

    electrode: str
    other: str
    is_bipolar: bool


def parse_label(label: str) -> Label | None:
    """What `label` says, or None where it names no scalp electrode: 'EEG FP1-REF' -> Fp1 against REF."""
    text = " ".join(label.upper().replace("_", " ").split())
    text = re.sub(r"^(EEG|POL)[ .:]?(?=\S)", "", text).rstrip(". ")
    first, dash, second = (part.strip() for part in text.partition("-"))
    if not _SCALP.fullmatch(first):
        return None
    # T8-P8-0, T8-P8-1: a number that tells duplicates apart
    second = re.sub(r"-\d+$", "", second) if dash else ""
    if _SCALP.fullmatch(second):
        return Label(_name(first), _name(second), True)
    return Label(_name(first), second, False)


def standard_pair(label: str) -> tuple[str, str] | None:
    """The two electrodes of the 19 that a bipolar channel records; None for anything else."""
    parsed = parse_label(label)
    if parsed is None or not parsed.is_bipolar:
        return None
    known = parsed.electrode in REFERENTIAL19 and parsed.other in REFERENTIAL19
    return (parsed.electrode, parsed.other) if known else None


def _name(text: str) -> str:
    return _BY_UPPER.get(text, text)
