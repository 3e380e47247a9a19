"""What this machine has: cores, memory, NVIDIA GPUs. Read once when the engine starts."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from homeport.plan.resources import Machine

_DEVICE = re.compile(r"^nvidia(\d+)$")
_MODPROBE_LIMIT_S = 20


def this_machine(dev: Path = Path("/dev"), driver: Path = Path("/proc/driver/nvidia")) -> Machine:
    """Cores that this process may use, memory in MiB (a cgroup's limit where one is set), GPUs."""
    numbers = _gpu_numbers(dev)
    if numbers:
        _make_shared_device(dev)
    models = _models(driver)
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        memory_mib=_memory_mib(),
        gpus=tuple(models.get(number, "NVIDIA GPU") for number in numbers),
        gpu_numbers=numbers,
    )


def _memory_mib() -> int:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        limit = "max"
    if limit.isdigit():
        total = min(total, int(limit))
    return total // (1024 * 1024)


def _gpu_numbers(dev: Path) -> tuple[int, ...]:
    """N of each /dev/nvidiaN; a rented machine may have its third GPU only."""
    try:
        matches = [_DEVICE.match(entry.name) for entry in dev.iterdir()]
    except OSError:
        return ()
    return tuple(sorted(int(match[1]) for match in matches if match))


def _make_shared_device(dev: Path) -> None:
    """CUDA's first program after a boot makes /dev/nvidia-uvm, which in a container would be too late."""
    program = shutil.which("nvidia-modprobe")
    if program is None or (dev / "nvidia-uvm").exists():
        return
    try:
        command = [program, "-c", "0", "-u"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_MODPROBE_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired):
        return


def _models(driver: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for file in (driver / "gpus").glob("*/information"):
        try:
            lines = (line.partition(":") for line in file.read_text(encoding="utf-8").splitlines())
            fields = {key.strip(): value.strip() for key, _, value in lines}
            found[int(fields["Device Minor"])] = fields["Model"]
        except (OSError, KeyError, ValueError):
            continue
    return found
