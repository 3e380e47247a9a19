"""Which names objects may have, and that of the default environment."""

import re
from typing import Final

from homeport.model.errors import InvalidError

DEFAULT_ENVIRONMENT: Final = "main"
_OBJECT_NAME = re.compile(r"^[a-zA-Z0-9\-_.]{1,64}$")


def check_object_name(name: str, noun: str) -> str:
    """Returns the name. Raises InvalidError where it breaks Modal's rule for names of objects."""
    if not _OBJECT_NAME.match(name):
        raise InvalidError(
            f"{name[:100]!r} cannot be the name of a {noun}: up to 64 letters, digits, dashes, dots and "
            "underscores."
        )
    return name
