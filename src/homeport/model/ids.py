"""Typed, prefixed ids, shaped like Modal's: a prefix, a hyphen, and 22 letters or digits.

The shape matters: the client takes `ap-` and 22 letters or digits for an app's id, anything else for a name.
"""

import os
import string
from typing import Final

_ALPHABET: Final = string.ascii_letters + string.digits
_LENGTH: Final = 22
_RANDOM_BYTES: Final = 24  # more than 62**22 takes, so that no letter is likelier than another

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
    """A new id such as `ap-4Wq0…`: 131 bits of randomness, so it cannot be guessed.

    One draw for all of it: inputs get ids by the thousand.
    """
    number = int.from_bytes(os.urandom(_RANDOM_BYTES))
    letters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return f"{prefix}-{''.join(letters)}"
