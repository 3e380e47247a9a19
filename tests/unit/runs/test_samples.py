"""What a container uses is measured over all of its processes, and kept in few points."""

import os
import subprocess
import sys
from pathlib import Path

from homeport.control.runs.samples import _Looked, _sample, _write, gpu_usage, usage
from homeport.record.codec import read_lines
from homeport.record.curves import MOST_POINTS
from homeport.record.run import Attempt, Sample
from homeport.web.pages.charts import axis_of, charts
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


def test_a_containers_gpu_is_drawn_as_nvidia_smi_told_it(tmp_path, monkeypatch):
    """From the tool's answers to the curves of the run's page; it is asked at every second look."""
    tool, answers = tmp_path / "nvidia-smi", tmp_path / "answers"
    answers.write_text("40, 1000\nnonsense\n80, 3000\n")
    tool.write_text(f"#!/bin/sh\nhead -n 1 {answers}; sed -i 1d {answers}; echo $* >> {tmp_path}/asked\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    supervisor = subprocess.Popen(["sh", "-c", "sleep 60; true"])
    try:
        wait_until(lambda: usage(supervisor.pid)[1])
        looked = _Looked(supervisor.pid, (1, 2), tmp_path / "samples.jsonl")
        for _ in range(7):
            if (sample := _sample(looked)) is not None:
                _write(looked, sample)
    finally:
        subprocess.run(["kill", "-9", *map(str, below(supervisor.pid)), str(supervisor.pid)], check=False)
        supervisor.wait()
    curve = tuple(read_lines(looked.file, Sample))
    assert [sample.gpu for sample in curve] == [0.4, None, None, 0.8, 0.8, None]
    assert "-i 1,2" in (tmp_path / "asked").read_text()

    attempt = Attempt("ta-1", "train", started_at=curve[0].at, ended_at=curve[-1].at, curve=curve)
    drawn = charts([attempt], axis_of([attempt], curve[0].at, curve[-1].at, 0.0))

    assert [chart.title for chart in drawn] == ["CPU", "Memory", "GPU", "GPU memory"]
    assert "80% at most" in drawn[2].sentence
    assert drawn[3].sentence.startswith("GPU memory: 2.9 GiB at most")
    assert len(drawn[2].lines[0].split()) == 3
