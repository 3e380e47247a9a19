"""When PyTorch's CPU builds may stand for what was asked for, and what is said of a build."""

import pytest

from homeport.plan.torch_builds import describe_build, may_take_cpu_builds


@pytest.mark.parametrize(
    "command",
    [
        "python -m pip install torch==2.13.0 transformers",
        "pip install -r /.requirements.txt",
        "/.uv/uv pip install --python $(command -v python) --compile-bytecode torch",
        "cd /app && pip3 install lightning",
    ],
)
def test_a_step_that_leaves_the_build_open(command: str) -> None:
    assert may_take_cpu_builds(command)


@pytest.mark.parametrize(
    "command",
    [
        "pip install torch --index-url https://download.pytorch.org/whl/cu121",
        "pip install torch==2.5.1+cu121",
        "uv pip install --torch-backend=cu126 torch",
        "UV_TORCH_BACKEND=auto uv pip install torch",
        "pip install nvidia-cublas-cu12",
        "echo torch",
        "apt-get install -y python3-torch",
    ],
)
def test_a_step_that_has_chosen_or_installs_nothing(command: str) -> None:
    assert not may_take_cpu_builds(command)


def test_what_is_said_of_a_build() -> None:
    assert describe_build("2.13.0+cpu", has_gpu=False) == "PyTorch 2.13.0 is its CPU build"
    assert "homeport up --torch cpu" in describe_build("2.13.0", has_gpu=False)
    assert describe_build("2.13.0", has_gpu=True) == ""
