"""Typed, prefixed ids, shaped like Modal's: a prefix, a hyphen, and 22 letters or digits.

The shape matters: the client takes `ap-` and 22 letters or digits for an app's id, anything else for a name.
"""

import os
from base64 import b64encode
from typing import Final

_LENGTH: Final = 22
_RANDOM_BYTES: Final = 17  # 22 letters of 6 bits, and a few bits over
_INSTEAD_OF_SIGNS: Final = b"zZ"

ENVIRONMENT: Final = "en"
APP: Final = "ap"
FUNCTION: Final = "fu"
DEFINITION: Final = "de"
FUNCTION_CALL: Final = "fc"
INPUT: Final = "in"
TASK: Final = "ta"
IMAGE: Final = "im"
MOUNT: Final = "mo"
VOLUME: Final = "vo"
SECRET: Final = "st"
BLOB: Final = "bl"
CLASS: Final = "cs"
DICT: Final = "di"
QUEUE: Final = "qu"
SANDBOX: Final = "sb"


def new_id(prefix: str) -> str:
    """A new id such as `ap-4Wq0…`: 130 bits of randomness, so it cannot be guessed.

    Base64 with two letters drawn twice as often as the others: inputs get ids by the thousand.
    """
    return f"{prefix}-{b64encode(os.urandom(_RANDOM_BYTES), _INSTEAD_OF_SIGNS)[:_LENGTH].decode()}"
