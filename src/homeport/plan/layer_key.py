"""Keys of image steps: what a step's result depends on, as one hash.

A key holds its parent's key, so a change reaches everything that follows and nothing else.
"""

import hashlib
import json
from collections.abc import Mapping

_REVISION = "1"  # raise it when the same step would now make another layer


def layer_key(parent: str, *parts: str | int | tuple[str, ...] | Mapping[str, str] | None) -> str:
    """64 hexadecimal digits. The parts keep their boundaries: ("a", "bc") is not ("ab", "c")."""
    stable = [sorted(part.items()) if isinstance(part, Mapping) else part for part in parts]
    return hashlib.sha256(json.dumps([_REVISION, parent, *stable]).encode()).hexdigest()
