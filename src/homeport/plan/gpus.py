"""Names of GPUs: those that Modal knows, and which device of this machine each of them means.

Names come in upper case, as the client sends them. A device is called as its driver calls it, such as
"NVIDIA A100-SXM4-80GB".
"""

import re
from collections.abc import Iterable
from typing import Final

ANY: Final = ("", "ANY")

# What a device's name has to hold: all words of one of the alternatives. As on Modal, some names allow a
# newer device than the one that they name: H100 (unless it is "H100!"), B200+.
_DEVICES: Final[dict[str, tuple[str, ...]]] = {
    "T4": ("T4",),
    "L4": ("L4",),
    "A10": ("A10", "A10G"),
    "A10G": ("A10G", "A10"),
    "L40S": ("L40S",),
    "A100": ("A100",),
    "A100-40GB": ("A100 40GB",),
    "A100-80GB": ("A100 80GB",),
    "RTX-PRO-6000": ("RTX PRO 6000",),
    "H100": ("H100", "H200"),
    "H100!": ("H100",),
    "H200": ("H200",),
    "B200": ("B200",),
    "B200+": ("B200", "B300"),
    "B300": ("B300",),
}
NAMES: Final = (*_DEVICES, "any")


def fits(asked: str, device: str) -> bool:
    """Whether a device is what a name asks for."""
    if asked.upper() in ANY:
        return True
    has = _words(device)
    alternatives = _DEVICES.get(asked.upper(), (asked,))
    return any(_words(alternative) <= has for alternative in alternatives)


def mistake(asked: str, count: int, devices: Iterable[str]) -> str:
    """What is wrong with `gpu=`; empty where nothing is. A name that Modal does not know is right where this
    machine has such a device."""
    known = asked.upper() in ANY or asked.upper() in _DEVICES
    if not known and not any(fits(asked, device) for device in devices):
        return f"is no GPU that Modal knows; it knows {', '.join(NAMES)}, each with :N for N of them"
    if count < 1:
        return "asks for no GPU; leave gpu= out to run on the CPU"
    return ""


def _words(name: str) -> set[str]:
    return set(re.findall(r"[A-Z0-9]+", name.upper()))
