"""What a container uses is measured over all of its processes, and kept in few points."""

import os
import subprocess
import sys
from pathlib import Path

from homeport.control.runs.samples import _Looked, _sample, _write, gpu_usage, usage
from homeport.record.codec import read_lines
from homeport.record.curves import MOST_POINTS
from homeport.record.run import Sample
from tests.support.waiting import wait_until

BUSY = """
import os, time
data = bytearray(50_000_000)
os.fork()
end = time.time() + 5
while time.time() < end:
    pass
"""


def test_the_processes_below_are_counted_and_no_others():
    supervisor = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
    process = subprocess.Popen([sys.executable, "-c", supervisor])
    try:
        wait_until(lambda: usage(process.pid)[0] > 0.2)
        cpu_s, memory = usage(process.pid)
        assert cpu_s < 30
        assert 50_000_000 < memory < 500_000_000
        looked = _Looked(process.pid, (), None)  # type: ignore[arg-type]
        assert _sample(looked) is None, "one look tells no use"
        wait_until(lambda: usage(process.pid)[0] > cpu_s + 0.1)
        sample = _sample(looked)
        assert sample is not None and sample.cores > 0
    finally:
        subprocess.run(["kill", "-9", *map(str, below(process.pid)), str(process.pid)], check=False)
        process.wait()
    assert usage(process.pid) == (0.0, 0)


def below(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *below(int(child))]
    return found


def test_a_long_run_has_as_many_points_as_a_short_one(tmp_path):
    looked = _Looked(os.getpid(), (), tmp_path / "samples.jsonl")
    for second in range(5000):
        _write(looked, Sample(float(second), 1.0, second))
    found = read_lines(looked.file, Sample)
    assert MOST_POINTS <= len(found) <= 2 * MOST_POINTS
    assert found[-1] == Sample(4999.0, 1.0, 4999)
    with looked.file.open("ab") as file:
        file.write(b'{"at": 5000.0, "cor')
    assert read_lines(looked.file, Sample) == found


def test_a_machine_without_the_tool_tells_no_gpu_use(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert gpu_usage((0,)) is None


def test_the_use_of_several_gpus_is_their_mean_and_sum(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '40, 1000'\necho '60, 500'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert gpu_usage((0, 1)) == (0.5, 1500 << 20)
