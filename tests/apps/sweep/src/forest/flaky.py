"""A machine that loses its first attempt, as preempted ones do."""

import os
from pathlib import Path


def fail_once(root: str, volume) -> None:
    volume.reload()
    mark = Path(root, "lost-once")
    if not mark.exists():
        mark.write_text("yes")
        volume.commit()
        os._exit(3)
