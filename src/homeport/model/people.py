"""Who runs this engine: the name that lists of objects show, and the folder of their own."""

import functools
import os
import pwd
from pathlib import Path


@functools.cache
def user_name() -> str:
    """The login name of the engine's user, or its number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def home_folder() -> Path:
    """The user's own folder: HOME, else the account's; `/nonexistent` for a number without an account."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")
