"""Cores, memory and GPU that live containers use, looked at every two seconds.

Only of containers that work for a run. What was seen lies beside the container as `samples.jsonl`, and is
thinned as it grows: the curve of a long run has as many points as that of a short one.
"""

import asyncio
import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from homeport.control.runs.folders import write_whole
from homeport.control.tasks import Task
from homeport.model.home import Home
from homeport.record.codec import read_lines
from homeport.record.curves import MOST_POINTS, thinned
from homeport.record.run import Sample

logger = logging.getLogger(__name__)

EVERY_S: Final = 2.0
_GPU_EVERY: Final = 2  # nvidia-smi takes longer than all the rest
_GPU_LIMIT_S: Final = 2.0
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(eq=False)
class _Looked:
    """One container: its supervisor's process, CPU time and when at the last look, points so far."""

    pid: int
    gpus: tuple[int, ...]
    file: Path
    cpu_s: float = -1.0
    at: float = 0.0
    looks: int = 0
    gpu: tuple[float, int] | None = None
    points: list[Sample] = field(default_factory=list)


class Samples:
    """`tasks` are the containers that exist, `is_wanted` says whose use is recorded, `tell` hears of each
    sample, `also` is done for each container with each look, in the same thread."""

    def __init__(
        self,
        home: Home,
        tasks: Callable[[], Iterable[Task]],
        is_wanted: Callable[[str], bool],
        tell: Callable[[str, Sample], None],
        also: Callable[[str], None] = lambda task_id: None,
    ) -> None:
        self._also = also
        self._home = home
        self._tasks = tasks
        self._is_wanted = is_wanted
        self._tell = tell
        self._looked: dict[str, _Looked] = {}
        self._worker: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._look()
            except Exception:
                logger.exception("the use of containers was not looked at")

    async def _look(self) -> None:
        live = {task.task_id: task for task in self._tasks() if task.is_started and not task.ended.is_set()}
        for task_id in self._looked.keys() - live.keys():
            del self._looked[task_id]
        for task_id, task in live.items():
            if task_id not in self._looked and self._is_wanted(task_id):
                self._begin(task_id, task.gpu_devices)
        if not self._looked:
            return
        for task_id, sample in await asyncio.to_thread(self._samples, dict(self._looked)):
            self._tell(task_id, sample)

    def _samples(self, looked: dict[str, _Looked]) -> list[tuple[str, Sample]]:
        """One look at each; in a thread."""
        found = []
        for task_id, each in looked.items():
            try:
                sample = _sample(each)
                if sample is not None:
                    _write(each, sample)
                    found.append((task_id, sample))
                self._also(task_id)  # where it fails, the next look tries again
            except Exception as error:  # what one container does must not cost the others theirs
                logger.info("the use of %s was not recorded: %s", task_id, error)
        return found

    def _begin(self, task_id: str, gpus: tuple[int, ...]) -> None:
        folder = self._home.tasks / task_id
        try:
            pid = int((folder / "lock").read_text())
        except (OSError, ValueError):
            return
        looked = _Looked(pid, gpus, folder / "samples.jsonl")
        looked.points = read_lines(looked.file, Sample)  # of an engine before this one
        self._looked[task_id] = looked


def _sample(looked: _Looked) -> Sample | None:
    now = time.time()
    cpu_s, memory = usage(looked.pid)
    before, since = looked.cpu_s, looked.at
    looked.cpu_s, looked.at = cpu_s, now
    if looked.gpus and looked.looks % _GPU_EVERY == 0:
        looked.gpu = gpu_usage(looked.gpus)
    looked.looks += 1
    if before < 0 or not memory:
        return None
    cores = max(0.0, (cpu_s - before) / max(now - since, 0.01))
    use, gpu_memory = looked.gpu or (None, 0)
    return Sample(round(now, 2), round(cores, 2), memory, use, gpu_memory)


def _write(looked: _Looked, sample: Sample) -> None:
    looked.points.append(sample)
    if len(looked.points) > 2 * MOST_POINTS:
        looked.points = thinned(looked.points, MOST_POINTS)
        write_whole(looked.file, b"".join(map(_line, looked.points)))
        return
    with looked.file.open("ab") as file:
        file.write(_line(sample))


def _line(sample: Sample) -> bytes:
    return msgspec.json.encode(sample) + b"\n"


def usage(supervisor: int) -> tuple[float, int]:
    """CPU time in seconds and bytes of memory of all processes below one. Pages that several share count
    once."""
    cpu_s, private, shared = 0.0, 0, 0
    waiting = _children(supervisor)
    while waiting:
        pid = waiting.pop()
        waiting += _children(pid)
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            pages = Path(f"/proc/{pid}/statm").read_bytes().split()
        except OSError:  # it has just ended
            continue
        cpu_s += sum(map(int, stat[11:15])) * _TICK_S  # its own, and of children that it waited for
        resident, of_others = int(pages[1]), int(pages[2])
        private += resident - of_others
        shared = max(shared, of_others)
    return cpu_s, (private + shared) * _PAGE_BYTES


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - thousands of times a minute
    except OSError:
        return found
    for thread in threads:
        try:
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_bytes().split())
        except OSError:
            continue
    return found


def gpu_usage(devices: Sequence[int]) -> tuple[float, int] | None:
    """Mean use from 0 to 1 and bytes in use of these GPUs, as nvidia-smi tells; None where it does not."""
    query = "--query-gpu=utilization.gpu,memory.used"
    command = ["nvidia-smi", query, "--format=csv,noheader,nounits", "-i", ",".join(map(str, devices))]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GPU_LIMIT_S)
        rows = [
            [float(cell) for cell in line.split(",")] for line in done.stdout.decode().splitlines() if line
        ]
        return sum(row[0] for row in rows) / len(rows) / 100, int(sum(row[1] for row in rows)) << 20
    except (OSError, subprocess.SubprocessError, ValueError, ZeroDivisionError, IndexError):
        return None
