"""Steps that install this machine's kind of packages: the client's own prelude, and what is refused.

The client begins every debian_slim image with the same apt-get steps. They are met by this machine's
userland, which containers see: what of it is there is looked up by userland.py and said. Any other apt step
would have to write into that userland, and is refused by name.
"""

import re
import shlex
from collections.abc import Sequence

from homeport.model.errors import NotServedError
from homeport.plan.instructions import From, Instruction, Run

PRELUDE_PACKAGES = ("gcc", "gfortran", "build-essential")
_PRELUDE = (
    "RUN apt-get update",
    f"RUN apt-get install -y {' '.join(PRELUDE_PACKAGES)}",
    "RUN pip install --upgrade pip wheel uv",
    "RUN echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections",
    'CMD ["sleep", "172800"]',
)
_GIT_STEP = "RUN apt-get update && apt-get install -y git"
_APT = re.compile(
    r"(?:^|[\s;&|(`])(?:dpkg\s+(?:-i|--install)\s|(?:apt-get|apt|aptitude)\s+(?:-\S+\s+)*"
    r"(?:install|update|upgrade|dist-upgrade|full-upgrade|build-dep|satisfy|remove|purge|autoremove)\b)"
)
_INSTALL = re.compile(r"\binstall\s+([^;&|\n]+)")


def is_client_prelude(instructions: Sequence[Instruction]) -> bool:
    """Whether the definition is exactly what the client sends for Image.debian_slim (2025.06 and later)."""
    texts = tuple(entry.text for entry in instructions if not isinstance(entry, From))
    return bool(instructions) and isinstance(instructions[0], From) and texts == _PRELUDE


def meets_git(step: Run) -> bool:
    """Whether the step is the client's own, before it installs from private repositories by git."""
    return step.text == _GIT_STEP


def check_system_packages(instructions: Sequence[Instruction]) -> None:
    """Raises NotServedError for a step that would install packages with apt."""
    steps = [step for step in instructions if isinstance(step, Run) and _installs(step)]
    if not steps:
        return
    # of apt_install's two steps, update and install, the one that says what is missing
    step = next((step for step in steps if _asked_packages(step.command)), steps[0])
    packages = " ".join(_asked_packages(step.command)) or "…"
    raise NotServedError(
        f"Homeport does not serve apt_install yet (`{step.text}`). Containers see this machine's own "
        f"programs and libraries: install them here (sudo apt-get install {packages}) and remove the step."
    )


def _installs(step: Run) -> bool:
    return step.text != _GIT_STEP and bool(_APT.search(step.command))


def _asked_packages(command: str) -> list[str]:
    found = _INSTALL.search(command)
    if found is None:
        return []
    try:
        words = shlex.split(found[1])
    except ValueError:
        return []
    return [word for word in words if not word.startswith("-")]
