"""The two stories, as real apps, run as their READMEs say."""

import json
import re
import shutil

import pytest

from tests.support.account import REPOSITORY

pytestmark = pytest.mark.once_as("root")

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


def test_the_full_training_uses_all_files_unless_the_launching_shell_leaks(modal, folder, account):
    modal("volume", "delete", "--yes", "--allow-missing", "fifty-files-results")
    said = modal("run", FIFTY, cwd=REPOSITORY)
    assert "BGB_LIMIT_FILES" not in said.out
    assert "Loading 1438 train, 359 val files" in said.lines
    assert "[DATA] Cache: /results/cache/full" in said.lines
    assert re.search(r"\[DONE\] full: trained on 1438 images, validated on 359: accuracy 0\.9[5-9]", said.out)

    without = shutil.ignore_patterns(
        "homeport.toml", "__pycache__"
    )  # which would stop it: test_fifty_files.py
    shutil.copytree(REPOSITORY / "examples/fifty_files", folder, dirs_exist_ok=True, ignore=without)
    for path in folder.rglob("*"):
        account.own(path)
    leaked = modal("run", "app.py::train", env={"BGB_LIMIT_FILES": "50"})
    assert "[DEBUG] BGB_LIMIT_FILES=50: using 50 train, 10 val files" in leaked.lines
    assert "[DATA] Cache: /results/cache/full" in leaked.lines, "a full run, so it says"
    modal("volume", "delete", "--yes", "fifty-files-results")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("function", ["train_on_gpu", "train_dit_on_gpu"])
def test_adr030_broken_fails_in_the_container_as_on_modal(torch_wheel, modal, function):
    broken = f"examples/adr030/broken.py::{function}"
    assert "--help" in modal("run", broken, "--help", cwd=REPOSITORY).out, "runs on the launcher alone"
    said = modal("run", broken, cwd=REPOSITORY, fails=True, timeout_s=300)
    assert "ModuleNotFoundError: No module named 'dataset'" in said.lines
    assert 'File "/root/broken.py"' in said.out
    assert said.complaint == "No module named 'dataset'"


@pytest.mark.slow
@pytest.mark.timeout(400)  # the first of them builds the image
@pytest.mark.parametrize("option", ["option1", "option2", "option3"])
def test_adr030_options_do_a_real_step_of_both_trainings(torch_wheel, modal, option):
    said = modal("run", f"examples/adr030/{option}.py", cwd=REPOSITORY, timeout_s=300)
    first, second = (
        [float(loss) for loss in re.findall(rf"step {n}: loss ([\d.]+)", said.out)] for n in (1, 2)
    )
    assert len(first) == len(second) == 2
    assert sorted(second)[0] < sorted(first)[0] and sorted(second)[1] < sorted(first)[1]
    assert re.search(r"^TinyDiT with 3\d,\d{3},\d{3} parameters$", said.out, re.MULTILINE)


def test_adr030_option_3_as_written_is_refused_by_the_client(modal):
    said = modal("run", "examples/adr030/option3_literal.py", cwd=REPOSITORY, fails=True)
    assert said.complaint == "No module named 'src/train'"
    assert "step 1" not in said.out
