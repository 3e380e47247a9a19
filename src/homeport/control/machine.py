"""What this machine has: cores, memory, NVIDIA GPUs. Read once when the engine starts."""

import os
import re
from pathlib import Path

from homeport.plan.resources import Machine

_DEVICE = re.compile(r"^nvidia(\d+)$")


def this_machine() -> Machine:
    """Cores that this process may use, memory in MiB (a cgroup's limit where one is set), GPUs by index."""
    return Machine(cpus=len(os.sched_getaffinity(0)), memory_mib=_memory_mib(), gpus=_gpus())


def _memory_mib() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        limit = "max"
    if limit.isdigit():
        total = min(total, int(limit))
    return total // (1024 * 1024)


def _gpus() -> tuple[str, ...]:
    """Model names of the NVIDIA devices that this process sees, in the order of their indices."""
    try:
        matches = [_DEVICE.match(entry.name) for entry in Path("/dev").iterdir()]
    except OSError:
        return ()
    entries = sorted(int(match[1]) for match in matches if match)
    models = _models()
    return tuple(models.get(index, "NVIDIA GPU") for index in entries)


def _models() -> dict[int, str]:
    found: dict[int, str] = {}
    for file in Path("/proc/driver/nvidia/gpus").glob("*/information"):
        try:
            lines = (line.partition(":") for line in file.read_text(encoding="utf-8").splitlines())
            fields = {key.strip(): value.strip() for key, _, value in lines}
            found[int(fields["Device Minor"])] = fields["Model"]
        except (OSError, KeyError, ValueError):
            continue
    return found
