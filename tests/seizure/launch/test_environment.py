"""The training process's environment: what is named, and one variable that only smoke runs have."""

import pytest

from seizure.errors import ConfigError
from seizure.launch.environment import check_environment, child_environment
from tests.seizure.launch.conftest import FULL, SMOKE


def test_a_full_run_removes_the_variable_and_says_so(configuration):
    full = configuration(FULL)
    child = child_environment(full, {"BGB_LIMIT_FILES": "50", "PATH": "/bin"})
    assert "BGB_LIMIT_FILES" not in child.variables
    assert child.lines == (f"BGB_LIMIT_FILES=50 ignored: {full.path} is a full run",)


def test_an_empty_variable_counts_as_unset(configuration):
    child = child_environment(configuration(FULL), {"BGB_LIMIT_FILES": ""})
    assert "BGB_LIMIT_FILES" not in child.variables
    assert child.lines == ()
    strict = configuration(FULL, "strict_env=true")
    assert child_environment(strict, {"BGB_LIMIT_FILES": ""}).lines == ()


def test_strict_env_refuses(configuration):
    strict = configuration(FULL, "strict_env=true")
    with pytest.raises(ConfigError, match=r"BGB_LIMIT_FILES=50 is set, .* says strict_env: unset the"):
        child_environment(strict, {"BGB_LIMIT_FILES": "50"})


def test_a_smoke_run_sets_the_variable_itself(configuration):
    smoke = configuration(SMOKE)
    assert child_environment(smoke, {}).variables["BGB_LIMIT_FILES"] == "50"
    other = child_environment(smoke, {"BGB_LIMIT_FILES": "7"})
    assert other.variables["BGB_LIMIT_FILES"] == "50"
    assert other.lines == (f"BGB_LIMIT_FILES=7 ignored: {smoke.path} says data.limit_files = 50",)
    assert child_environment(smoke, {"BGB_LIMIT_FILES": "50"}).lines == ()
    fewer = configuration(SMOKE, "data.limit_files=3")
    assert child_environment(fewer, {}).variables["BGB_LIMIT_FILES"] == "3"


def test_what_makes_a_smoke_run_is_a_field_and_never_a_piece_of_a_path(configuration):
    full = configuration(FULL, path="smoke/smoke_test.yaml")
    assert "BGB_LIMIT_FILES" not in child_environment(full, {"BGB_LIMIT_FILES": "50"}).variables
    smoke = configuration(SMOKE, path="full/tusz_full.yaml")
    assert child_environment(smoke, {}).variables["BGB_LIMIT_FILES"] == "50"
    named = configuration(FULL.replace("name: tusz", "name: smoke-like"), "cache.dir=cache/smoke-2")
    assert "BGB_LIMIT_FILES" not in child_environment(named, {}).variables


def test_only_named_variables_get_in(configuration):
    around = {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "0",
        "WANDB_API_KEY": "key",
        "OMP_NUM_THREADS": "2",
        "BGB_FORCE": "1",
        "PYTHONPATH": "/elsewhere",
        "PYTHONSTARTUP": "/x.py",
        "TUSZ_DIR": "/tusz",
        "LD_PRELOAD": "x.so",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    variables = child_environment(configuration(FULL), around).variables
    assert set(variables) == {
        *("PATH", "CUDA_VISIBLE_DEVICES", "WANDB_API_KEY", "OMP_NUM_THREADS"),
        *("PYTHONPATH", "PYTHONUNBUFFERED"),
    }
    assert variables["PYTHONPATH"].endswith("src")


def test_the_training_process_checks_again(configuration):
    check_environment(configuration(FULL), {"BGB_LIMIT_FILES": ""})
    check_environment(configuration(SMOKE), {"BGB_LIMIT_FILES": "50"})
    with pytest.raises(ConfigError, match="is 50 in the training process, and should be unset"):
        check_environment(configuration(FULL), {"BGB_LIMIT_FILES": "50"})
    with pytest.raises(ConfigError, match="is unset in the training process, and should be 50"):
        check_environment(configuration(SMOKE), {})
