"""What a picture's class is: its folder, one of Oxford's twelve breeds or "other", or cat against dog."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tiny_cats.errors import DataError

Labels = Literal["folders", "breeds", "species"]

CAT_BREEDS = (
    *("Abyssinian", "Bengal", "Birman", "Bombay", "British_Shorthair", "Egyptian_Mau"),
    *("Maine_Coon", "Persian", "Ragdoll", "Russian_Blue", "Siamese", "Sphynx"),
)
OTHER = "other"
SPECIES = "species.json"
"""In a data folder, what its breeds are: {"Abyssinian": "cat", "beagle": "dog"}. Written by `data fetch`."""
_CATS = {name.casefold() for name in (*CAT_BREEDS, "cat", "cats")}
_OXFORD_NAME = re.compile(r"(.+)_\d+")


def class_names(folders: list[str], labels: Labels) -> tuple[str, ...]:
    """The classes, sorted, "other" last; a class's number is its place. Raises DataError."""
    if labels == "breeds":
        known = [folder for folder in folders if folder in CAT_BREEDS]
        if not known:
            raise DataError(
                f"data.labels: breeds, and no folder is named after one of the {len(CAT_BREEDS)} breeds "
                f"(there are {_some(folders)}): say data.labels: folders"
            )
        return (*CAT_BREEDS, OTHER)
    if labels == "species":
        return ("cat", "dog")
    rest = sorted(folder for folder in folders if folder != OTHER)
    return (*rest, OTHER) if OTHER in folders else tuple(rest)


def class_of(folder: str, labels: Labels, species: Mapping[str, str]) -> str:
    """`species`: what read_species found."""
    if labels == "breeds":
        return folder if folder in CAT_BREEDS else OTHER
    if labels == "species":
        return species.get(folder, "cat" if folder.casefold() in _CATS else "dog")
    return folder


def read_species(root: Path) -> dict[str, str]:
    """Cat or dog by folder, where the data folder says so. Raises DataError."""
    try:
        said = json.loads((root / SPECIES).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{root / SPECIES} cannot be read ({error}): mend or remove it") from None
    if not isinstance(said, dict) or not set(said.values()) <= {"cat", "dog"}:
        raise DataError(f"{root / SPECIES} says something else than cat or dog: mend or remove it")
    return said


def class_in_name(stem: str) -> str | None:
    """What Oxford's way of naming says: `Maine_Coon_12` is Maine_Coon. None where the name is no such one."""
    match = _OXFORD_NAME.fullmatch(stem)
    return match[1] if match else None


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "") if names else "none"
