"""Typed, prefixed ids, shaped like Modal's: a prefix, a hyphen, and 22 letters or digits.

The shape matters: the client takes `ap-` and 22 letters or digits for an app's id, anything else for a name.
"""

import secrets
import string
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 22

ENVIRONMENT: Final = "en"
APP: Final = "ap"
FUNCTION: Final = "fu"
FUNCTION_CALL: Final = "fc"
INPUT: Final = "in"
TASK: Final = "ta"
IMAGE: Final = "im"
MOUNT: Final = "mo"
VOLUME: Final = "vo"
SECRET: Final = "st"
BLOB: Final = "bl"
CLASS: Final = "cs"


def new_id(prefix: str) -> str:
    """A new id such as `ap-4Wq0…`: 131 bits of randomness, so it cannot be guessed."""
    return f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))}"
