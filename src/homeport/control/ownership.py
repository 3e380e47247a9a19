"""Who owns the files that containers see: nobody in particular, or, where the engine is root, the containers'
user.
"""

import os

from homeport.runtime.identity import container_uid


def container_owner() -> int | None:
    """The uid to give files to, None where they belong to the containers' user anyway."""
    return container_uid() if os.geteuid() == 0 else None
