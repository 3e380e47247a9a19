"""Steps that install this machine's kind of packages: met by this machine's userland, or run for real.

Images over this machine's userland cannot write into it. So a step that installs packages is met where all
of them are on this machine, which is said. Else the image needs a root file system of its own, or, where only
this machine's userland may be a base, it is refused with the command that installs the packages here. What of
a step is apt's is read by apt_commands.py. The client begins every debian_slim image with the same steps of
this kind, which are known as a whole.
"""

import re
import shlex
from collections.abc import Callable, Sequence

from homeport.model.errors import NotServedError
from homeport.plan.apt_commands import AptUse, find_apt
from homeport.plan.instructions import From, Instruction, Run

PRELUDE_PACKAGES = ("gcc", "gfortran", "build-essential")
_PRELUDE = (
    "RUN apt-get update",
    f"RUN apt-get install -y {' '.join(PRELUDE_PACKAGES)}",
    "RUN pip install --upgrade pip wheel uv",
    "RUN echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections",
    'CMD ["sleep", "172800"]',
)


_CLOSED = re.compile(
    r"(?:^|[^\w/.-])/(usr/(?!local/)|s?bin/|lib\w*/)\S.*"
    r"(Permission denied|Operation not permitted|Read-only file system|Value too large for defined data type)"
)


def closed_usr(last_lines: Sequence[str]) -> str:
    """What to say of a step that failed as those do which change files of this machine; else nothing."""
    if not any(_CLOSED.search(line) for line in last_lines):
        return ""
    return (
        "\nThe image lies over this machine's own /usr, whose files a step cannot change. To give images a "
        "root file system of their own: homeport down; homeport up --base debian"
    )


def is_client_prelude(instructions: Sequence[Instruction]) -> bool:
    """Whether the definition is exactly what the client sends for Image.debian_slim (2025.06 and later)."""
    texts = tuple(entry.text for entry in instructions if not isinstance(entry, From))
    return bool(instructions) and isinstance(instructions[0], From) and texts == _PRELUDE


def apt_use(step: Run) -> AptUse | None:
    """What a step wants of apt; None for a step without it."""
    return find_apt(step.command if step.argv is None else shlex.join(step.argv))


def needs_own_root(
    instructions: Sequence[Instruction], missing: Callable[[tuple[str, ...]], list[str]]
) -> bool:
    """Whether a step wants of apt what this machine's userland cannot meet."""
    if is_client_prelude(instructions):
        return False
    uses = [apt_use(step) for step in instructions if isinstance(step, Run)]
    return any(use and (not use.is_understood or missing(use.packages)) for use in uses)


def check_system_packages(
    instructions: Sequence[Instruction],
    missing: Callable[[tuple[str, ...]], list[str]],
    option: str = "--base auto",
) -> None:
    """Raises NotServedError for a step that needs packages which `missing` says are not on this machine, or
    apt for something else than to install packages. `option` of homeport up gives images a root of their
    own."""
    for step in instructions:
        use = apt_use(step) if isinstance(step, Run) else None
        if use is None:
            continue
        if not use.is_understood:
            raise NotServedError(
                f"This engine builds over this machine's userland only, which `{step.text}` would change: "
                "install here what the step wants and remove it, or restart the engine: homeport down; "
                f"homeport up {option}"
            )
        absent = missing(use.packages)
        if absent:
            raise NotServedError(_refusal(step, use, absent, option))


def _refusal(step: Instruction, use: AptUse, absent: list[str], option: str) -> str:
    which = "them" if len(absent) > 1 else "it"
    missing = " and ".join(filter(None, [", ".join(absent[:-1]), absent[-1]]))
    rest = "" if len(absent) == len(use.packages) else " (the others are there)"
    are = "are" if len(absent) > 1 else "is"
    return (
        f"apt_install is met by this machine's own packages, and {missing} {are} not on it{rest}. Install "
        f"{which} here: sudo apt-get install {' '.join(absent)}; or let images have a root file system of "
        f"their own: homeport down; homeport up {option}. The step was `{step.text}`."
    )
