"""A run whose model fails a gate has failed: by its exit status and its state, with pictures and report."""

import json
from pathlib import Path

import pytest

from tiny_cats.config import resolve_dit
from tiny_cats.run import FAILED, start

CONFIG = Path(__file__).parents[3] / "configs" / "tinydit_smoke.yaml"
QUICK = (
    "data.synthetic=12,data.val_share=0.2,training.steps=2,training.batch_size=4,training.warmup_steps=1,"
    "training.log_every_steps=1,sampling.count=4,sampling.steps=1,tracking.tensorboard=false"
)


def test_a_run_that_fails_a_gate_ends_as_failed_with_its_pictures_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resolved = resolve_dit(CONFIG, [QUICK, "gates.enforced=true"])
    status = start("dit", resolved, data_dir=tmp_path, results_dir=tmp_path)
    (folder,) = (tmp_path / "runs").iterdir()
    said = capsys.readouterr().out
    assert status == FAILED
    state = json.loads((folder / "state.json").read_text())
    assert state["state"] == "failed" and state["is_final"]  # another attempt would come to the same
    assert "gates not passed: velocity at each time: expected held-out loss" in state["error"]
    assert f"error: {state['error']}" in said and "[GATE] velocity at each time failed" in said
    results = json.loads((folder / "results.json").read_text())
    assert {"velocity at each time", "velocity in the mean"} <= {
        one["name"] for one in results["gates"] if one["outcome"] == "failed"
    }
    pictures = {path.stem for path in (folder / "pictures").iterdir()}
    assert {"samples", "held-out-pictures", "noise", "blurred-mean", "linear-model", "neighbours"} <= pictures
    report = (folder / "report.html").read_text()
    assert "Not good enough." in report and report.count("data:image/png;base64,") >= 7
    assert f"[REPORT] {folder / 'report.html'}" in said
