"""What trainings are made of: learning rate, records, devices, pace, random states."""

import math
import os
import random

import numpy as np
import pytest
import torch

from training_kit import devices
from training_kit.checkpoint import read_checkpoint, write_checkpoint
from training_kit.pace import Pace, progress_bar
from training_kit.randomness import put_states, step_generator, take_states
from training_kit.record import Record, first_not_finite
from training_kit.schedule import learning_rate_share

ALONE = devices.Place(torch.device("cpu"))


def test_the_rate_rises_to_1_and_falls_to_a_hundredth():
    shares = [learning_rate_share(step, warmup_steps=10, steps=100) for step in range(101)]
    assert shares[0] == 0.1 and shares[9] == 1 and shares[10] == 1
    assert shares[55] == pytest.approx(0.505) and shares[100] == pytest.approx(0.01)
    assert learning_rate_share(0, warmup_steps=0, steps=1) == 1
    assert learning_rate_share(5, warmup_steps=10, steps=5) == 0.6


# records


def test_records_give_means_over_samples_in_order():
    record = Record(ALONE)
    record.add(1, 0.1, torch.tensor(6.0), torch.tensor(3), torch.tensor(1.5))
    record.add(2, 0.2, torch.tensor(math.inf), torch.tensor(3), torch.tensor(1.0))
    lines = record.take()
    assert lines[0] == {"step": 1, "loss": 2.0, "lr": 0.1, "grad_norm": 1.5}
    assert first_not_finite(lines) is lines[1] and first_not_finite(lines[:1]) is None
    assert record.take() == []


def test_records_keep_what_else_a_step_has():
    record = Record(ALONE)
    record.add(
        1, 0.1, torch.tensor(6.0), torch.tensor(3), torch.tensor(1.5), {"accuracy": torch.tensor(0.25)}
    )
    record.add(2, 0.1, torch.tensor(6.0), torch.tensor(3), torch.tensor(1.5))
    first, second = record.take()
    assert first["accuracy"] == 0.25 and "accuracy" not in second


# devices


def test_cores_are_those_the_process_may_use(tmp_path):
    bound = len(os.sched_getaffinity(0))
    quota = tmp_path / "cpu.max"
    for text, cores in (
        ("max 100000", bound),
        ("50000 100000", 1),
        ("150000 100000", min(2, bound)),
        ("?", bound),
    ):
        quota.write_text(text)
        assert devices.own_cores(quota) == cores
    assert devices.own_cores(tmp_path / "none") == bound


def test_number_formats():
    cpu = torch.device("cpu")
    assert devices.number_format("auto", cpu) == torch.float32
    assert devices.number_format("bf16", cpu) == torch.bfloat16
    assert devices.number_format("fp32", cpu) == torch.float32


# pace


def test_pace_counts_windows_and_waiting(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    pace = Pace(16)
    for _ in range(4):
        pace.step(0.25)
    now[0] = 12.0
    pace.pause(2.0)
    assert pace.take() == (pytest.approx(6.4), pytest.approx(0.1))
    now[0] = 13.0
    assert pace.take() == (0, 0)


def test_a_bar_is_shown_on_terminals_only(monkeypatch, capsys):
    with progress_bar(0, 3, True) as advance:
        advance(1)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar(0, 3, True) as advance:
        advance(3)
    assert "training" in capsys.readouterr().out


# random states


def test_random_states_come_back_from_a_file(tmp_path):
    def draw():
        return random.random(), np.random.normal(), torch.rand(1).item()

    draw()
    write_checkpoint(tmp_path / "a.pt", {"format": 1, "states": take_states()})
    expected = [draw() for _ in range(3)]
    put_states(read_checkpoint(tmp_path / "a.pt", 1)["states"])
    assert [draw() for _ in range(3)] == expected


def test_steps_and_ranks_draw_apart():
    draws = {
        torch.rand(1, generator=step_generator(seed, step, rank)).item()
        for seed in (0, 1)
        for step in range(20)
        for rank in (0, 1)
    }
    assert len(draws) == 80
    assert torch.rand(1, generator=step_generator(3, 4, 5)) == torch.rand(
        1, generator=step_generator(3, 4, 5)
    )
