"""Who runs this engine, as lists of objects show it."""

import functools
import os
import pwd


@functools.cache
def user_name() -> str:
    """The login name of the engine's user, or its number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
