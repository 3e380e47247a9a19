"""A container's memory: how much it uses, and whether it is over its limit.

Where a control group holds the limit, its files say what happened. Elsewhere the supervisor looks every 100
ms, only while a limit is set. An RLIMIT_AS is no substitute: CUDA reserves far more addresses than memory.
"""

from __future__ import annotations

import os
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1 << 20


class Watch:
    """Watches one container; paths are below the working folder, this machine's root."""

    def __init__(self, spec: dict[str, Any], pid: int) -> None:
        self._limit: int | None = spec.get("memory_limit_bytes")
        self._group: str | None = spec.get("memory_group")  # the control group's folder
        self._pid = pid
        self._sampled_peak = 0
        self._was_over = False

    @property
    def is_sampling(self) -> bool:
        return self._limit is not None and self._group is None and not self._was_over

    def is_over(self) -> bool:
        """Looks once. The quick sum counts pages shared by a fork for each process; only where it is over the
        limit are they counted exactly, which is slow."""
        limit = self._limit or 0
        pids = descendants(self._pid)
        used = sum(_private_bytes(pid) for pid in pids)
        if used > limit:
            used = sum(_proportional_bytes(pid) for pid in pids)
        self._sampled_peak = max(self._sampled_peak, used)
        self._was_over = used > limit
        return self._was_over

    def peak_bytes(self) -> int:
        if self._group is None:
            return self._sampled_peak
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            text = _read("{}/{}".format(self._group.lstrip("/"), name))
            if text.strip().isdigit():
                return int(text)
        return 0

    def verdict(self, has_failed: bool) -> tuple[bool, str]:
        """Whether the limit ended the container, and the sentence for it. The kernel may have ended another
        process of the container than the user's, which failed for want of it."""
        is_out = self._was_over if self._group is None else has_failed and self._group_killed()
        if not is_out:
            return False, ""
        sentence = (
            "the container used {} MiB of memory and its limit is {} MiB: raise the second value of memory="
        )
        return True, sentence.format(-(-self.peak_bytes() // _MIB), (self._limit or 0) // _MIB)

    def _group_killed(self) -> bool:
        folder = (self._group or "").lstrip("/")
        for name in ("memory.events", "memory.oom_control"):
            for line in _read("{}/{}".format(folder, name)).splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill" and int(value) > 0:
                    return True
        return False


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, itself not counted."""
    found = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for thread in _list("proc/{}/task".format(parent)):
            children = [int(c) for c in _read("proc/{}/task/{}/children".format(parent, thread)).split()]
            found += children
            waiting += children
    return found


def _private_bytes(pid: int) -> int:
    fields = _read("proc/{}/statm".format(pid)).split()
    return (int(fields[1]) - int(fields[2])) * _PAGE if len(fields) > 2 else 0


def _proportional_bytes(pid: int) -> int:
    for line in _read("proc/{}/smaps_rollup".format(pid)).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return _private_bytes(pid)


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:  # a process that has just ended
        return ""
