"""What a training leaves and says, and where it stops."""

import json
import math
import re

import pytest
import torch

from seizure.errors import CacheError, CheckpointError
from seizure.training.checkpoint import read_checkpoint
from seizure.training.loop import DivergenceError
from tests.seizure.training.life import STEPS, live, make_config
from training_kit.metrics import read_metrics


def test_metrics_have_a_line_a_step(whole):
    lines = read_metrics(whole.folder / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert [line["loss"] for line in lines] == whole.result.losses
    assert all(math.isfinite(line["loss"]) and line["grad_norm"] > 0 for line in lines)
    assert [line["step"] for line in lines if "val_loss" in line] == [4, 8, 12]


def test_the_learning_rate_warms_up_and_falls(whole):
    rates = [line["lr"] for line in read_metrics(whole.folder / "metrics.jsonl")]
    assert rates[:3] == pytest.approx([1e-3 / 3, 2e-3 / 3, 1e-3])
    assert rates[3:] == sorted(rates[3:], reverse=True) and rates[-1] < 0.1e-3


def test_lines_say_where_the_training_is(whole):
    said = [line for line in whole.lines if line.startswith("[TRAIN] step 4/12: ")]
    assert len(said) == 1
    number = r"\d+\.\d{4}"
    pattern = rf"loss {number}, val loss {number}, lr \d\.\d\de-0\d, \d+ windows/s, loader \d+\.\d%$"
    assert re.search(pattern, said[0])


def test_a_checkpoint_is_named_once_it_is_there(whole):
    folder = whole.folder / "checkpoints"
    said = [line for line in whole.lines if line.startswith("[CHECKPOINT]")]
    assert f"[CHECKPOINT] {folder / 'step-000003.pt'}" in said
    assert whole.result.last_checkpoint == folder / "step-000012.pt"
    # keep_checkpoints is 2
    assert sorted(path.name for path in folder.iterdir()) == ["best.pt", "step-000009.pt", "step-000012.pt"]


def test_the_best_checkpoint_has_the_lowest_validation_loss(whole):
    measured = {
        line["step"]: line["val_loss"]
        for line in read_metrics(whole.folder / "metrics.jsonl")
        if "val_loss" in line
    }
    assert read_checkpoint(whole.result.best_checkpoint)["step"] == min(measured, key=measured.__getitem__)


def test_max_steps_stops_in_total_and_can_be_resumed(cache, whole, tmp_path):
    lines = []
    first = live(cache, tmp_path, max_steps=5, say=lines.append)
    assert first.steps == 5 and first.best_checkpoint.exists()
    assert any("steps 1 to 5 (training.steps = 12, stopped by --max-steps)" in line for line in lines)
    again = live(cache, tmp_path, max_steps=5, resume=True, say=lines.append)
    assert again.steps == 5 and again.losses == []
    rest = live(cache, tmp_path, resume=True, say=lines.append)
    assert first.losses + rest.losses == whole.result.losses


def test_a_loss_that_is_no_number_stops_the_run_and_names_what_is_good(cache, tmp_path, monkeypatch):
    from seizure.training import loop

    real, calls = loop.masked_loss, []

    def broken(logits_BT, y_BT, mask_BT):
        total, count = real(logits_BT, y_BT, mask_BT)
        calls.append(1)
        return (total * math.nan if len(calls) == 5 else total), count

    monkeypatch.setattr(loop, "masked_loss", broken)
    with pytest.raises(DivergenceError, match=r"step 5: the loss is nan.*step-000003\.pt.*learning_rate"):
        live(cache, tmp_path, config=make_config(validate_every_steps=100))
    assert sorted(path.name for path in (tmp_path / "checkpoints").glob("step*")) == ["step-000003.pt"]
    assert all(math.isfinite(line["loss"]) for line in read_metrics(tmp_path / "metrics.jsonl"))


def test_no_recordings_left_is_said(cache, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.seizure.training.life.VAL_IDS", ())
    with pytest.raises(CacheError, match=r"3 training and 0 validation recordings.*skipped\.tsv"):
        live(cache, tmp_path)


def test_a_new_run_does_not_take_another_s_folder(cache, whole):
    with pytest.raises(CheckpointError, match=r"holds step-000012\.pt: resume that run"):
        live(cache, whole.folder)


def test_an_interrupt_keeps_the_step_at_hand(cache, whole, tmp_path):
    import signal

    def interrupt_after_4(line):
        if line.startswith("[TRAIN] step 4/"):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        live(cache, tmp_path, say=interrupt_after_4)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    kept = [json.loads(text)["step"] for text in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert (tmp_path / "checkpoints" / f"step-{kept[-1]:06d}.pt").exists() and kept[-1] < STEPS
    live(cache, tmp_path, resume=True, say=lambda line: None)
    losses = [line["loss"] for line in read_metrics(tmp_path / "metrics.jsonl")]
    assert losses == whole.result.losses


def test_steps_are_compiled_and_validation_is_not(cache, whole, tmp_path, monkeypatch):
    """Evaluation takes a fused layer of PyTorch that does not survive torch.compile."""
    was_training = []

    def compile_in_place(self):
        def compiled(*arguments):
            was_training.append(self.training)
            return self._call_impl(*arguments)

        self._compiled_call_impl = compiled

    monkeypatch.setattr(torch.nn.Module, "compile", compile_in_place)
    result = live(cache, tmp_path, config=make_config(compile="on"), max_steps=2)
    assert result.losses == whole.result.losses[:2]
    assert result.best_checkpoint.exists(), "it was validated"
    assert was_training == [True, True]


def test_bf16_trains_on_a_cpu_too(cache, whole, tmp_path):
    losses = live(cache, tmp_path, config=make_config(precision="bf16"), max_steps=2).losses
    assert losses == pytest.approx(whole.result.losses[:2], rel=0.05)
    assert losses != whole.result.losses[:2]
