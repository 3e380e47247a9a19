"""The two stories, as real apps, run as their READMEs say."""

import json
import re

from tests.support.account import REPOSITORY

FIFTY = "examples/fifty_files/app.py::train"
SMOKE = "configs/smoke_test.yaml"


def test_the_smoke_test_trains_on_fifty_files_from_the_root_and_from_its_folder(modal):
    said = modal("run", "--detach", FIFTY, "--config-path", SMOKE, cwd=REPOSITORY)
    assert "[DEBUG] BGB_LIMIT_FILES=50: using 50 train, 10 val files" in said.lines
    assert "Loading 50 train, 10 val files" in said.lines
    assert "[DATA] Cache: /results/cache/smoke" in said.lines
    assert any(re.match(r"\[DATA\] Processing file 1/50: digit_\d{4}_\d\.pgm", line) for line in said.lines)
    assert re.search(r"\[DONE\] smoke: trained on 50 images, validated on 10: accuracy 0\.[5-9]", said.out)

    again = modal("run", "app.py::train", "--config-path", SMOKE, cwd=REPOSITORY / "examples/fifty_files")
    assert "Loading 50 train, 10 val files" in again.lines
    assert "Processing file" not in again.out, "the cache is on the Volume"
    metrics = modal("volume", "get", "fifty-files-results", "checkpoints/smoke/metrics.json", "-").content
    assert json.loads(metrics)["train_files"] == 50


def test_the_full_training_uses_all_files_unless_the_launching_shell_leaks(modal):
    modal("volume", "delete", "--yes", "--allow-missing", "fifty-files-results")
    said = modal("run", FIFTY, cwd=REPOSITORY)
    assert "BGB_LIMIT_FILES" not in said.out
    assert "Loading 1438 train, 359 val files" in said.lines
    assert "[DATA] Cache: /results/cache/full" in said.lines
    assert re.search(r"\[DONE\] full: trained on 1438 images, validated on 359: accuracy 0\.9[5-9]", said.out)

    leaked = modal("run", FIFTY, cwd=REPOSITORY, env={"BGB_LIMIT_FILES": "50"})
    assert "[DEBUG] BGB_LIMIT_FILES=50: using 50 train, 10 val files" in leaked.lines
    assert "[DATA] Cache: /results/cache/full" in leaked.lines, "a full run, so it says"
    modal("volume", "delete", "--yes", "fifty-files-results")


def test_adr030_broken_fails_in_the_container_as_on_modal(modal):
    assert "--steps INTEGER" in modal("run", "examples/adr030/broken.py::train", "--help", cwd=REPOSITORY).out
    said = modal("run", "examples/adr030/broken.py::train", cwd=REPOSITORY, fails=True)
    assert "ModuleNotFoundError: No module named 'dataset'" in said.lines
    assert 'File "/root/broken.py"' in said.out
    assert said.complaint == "No module named 'dataset'"


def test_adr030_options_train(modal):
    for option in ("option1", "option2", "option3"):
        said = modal("run", f"examples/adr030/{option}.py::train", cwd=REPOSITORY)
        assert re.search(r"cat or not: (9\d|100)\.\d% of 160 new pictures are right", said.out), option
    said = modal("run", "examples/adr030/option2.py::train_dit", cwd=REPOSITORY)
    losses = [float(loss) for loss in re.findall(r"step \d+: loss ([\d.]+)", said.out)]
    assert 0 < losses[-1] < losses[0] / 2


def test_adr030_option_3_as_written_is_refused_by_the_client(modal):
    said = modal("run", "examples/adr030/option3_literal.py::train", cwd=REPOSITORY, fails=True)
    assert said.complaint == "tiny_cats has no spec - might not be installed?"
    assert "cat or not" not in said.out
