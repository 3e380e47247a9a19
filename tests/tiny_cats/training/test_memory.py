"""Out of memory: it stops, and says which batch size fits. The predecessor went on with the next batch."""

import re
import resource
from pathlib import Path

import pytest
import torch

from tests.tiny_cats.training.forked import forked
from tests.tiny_cats.training.stand_in import StandIn
from tests.tiny_cats.training.test_loop import run
from tiny_cats.errors import OutOfMemoryError
from tiny_cats.training.memory import is_out_of_memory, largest_that_fits


class SmallMemory(StandIn):
    """Holds `room` pictures at a time."""

    def __init__(self, room, error=None, from_step=1, **other):
        super().__init__(**other)
        self.room, self.from_step = room, from_step
        self.error = error or torch.OutOfMemoryError("CUDA out of memory")

    def loss(self, x_BCHW, y_B, generator, step):
        if step >= self.from_step and len(y_B) > self.room:
            raise self.error
        return super().loss(x_BCHW, y_B, generator, step)


@pytest.mark.parametrize(("room", "fits"), [(7, 4), (4, 4), (3, 2), (1, 1)])
def test_it_says_what_fits(tmp_path, room, fits):
    words = rf"step 1: out of memory with 8 pictures at a time on .*; {fits} fit: --set training\.micro_"
    with pytest.raises(OutOfMemoryError, match=words):
        run(SmallMemory(room), tmp_path)


def test_what_it_says_does_fit(tmp_path):
    assert run(SmallMemory(3), tmp_path, micro_batch_size=2).steps == 12


def test_not_even_one(tmp_path):
    with pytest.raises(OutOfMemoryError, match="one alone does not fit: take smaller pictures or a smaller"):
        run(SmallMemory(0), tmp_path)


def test_in_the_midst_of_a_run_the_weights_and_checkpoints_stay_as_they_were(tmp_path):
    task = SmallMemory(2, from_step=5)
    weights = []
    task.after_step = lambda step: weights.append([p.detach().clone() for p in task.model.parameters()])
    with pytest.raises(OutOfMemoryError, match=r"step 5: .* 2 fit"):
        run(task, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(weights[-1], task.model.parameters(), strict=True))
    newest = max(path.name for path in (tmp_path / "checkpoints").glob("step-*"))
    assert newest == "step-000004.pt"
    assert run(task, tmp_path, resume=True, micro_batch_size=2).steps == 12, "and it can go on"


def test_room_for_the_optimiser_s_own_numbers_is_counted(tmp_path, monkeypatch):
    """They come with its first step, after a forward and a backward that fitted."""

    def step(self, closure=None):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.optim.AdamW, "step", step)
    with pytest.raises(OutOfMemoryError, match=r"step 1: out of memory with 8 pictures at a time .*; 4 fit"):
        run(StandIn(), tmp_path)


@pytest.mark.parametrize(
    ("method", "what"), [("validate", "validating"), ("sample_pictures", "drawing samples")]
)
def test_out_of_memory_beside_the_steps_is_said_too(tmp_path, method, what):
    def fill(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory")

    task = StandIn()
    setattr(task, method, fill)
    with pytest.raises(OutOfMemoryError, match=f"{what} after step 4: out of memory on this machine"):
        run(task, tmp_path)
    assert (tmp_path / "checkpoints" / "step-000002.pt").exists()


def test_other_errors_are_not_taken_for_it(tmp_path):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(SmallMemory(0, RuntimeError("shapes cannot be multiplied")), tmp_path)
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))


def test_errors_of_a_trial_are_raised():
    def fail(size):
        raise ValueError("of another kind")

    with pytest.raises(ValueError, match="of another kind"):
        largest_that_fits(8, 8, fail)


class Wide(StandIn):
    """Fills 100 MB for each picture."""

    def loss(self, x_BCHW, y_B, generator, step):
        filled = torch.ones(len(y_B), 25_000_000)
        loss, logs = super().loss(x_BCHW, y_B, generator, step)
        return loss + 0 * filled[:, 0].mean(), logs


def test_really_out_of_memory_on_the_cpu(tmp_path):
    def starve(say):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 600_000_000, used + 600_000_000))
        try:
            run(Wide(), tmp_path)
        except OutOfMemoryError as error:
            say(error)

    lines, status = forked(starve)
    assert status == 0
    said = re.fullmatch(r"step 1: out of memory with 8 pictures at a time .*; (\d) fit: .*", lines[0])
    assert said and said[1] in ("2", "4"), lines
