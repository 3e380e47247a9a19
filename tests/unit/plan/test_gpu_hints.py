"""What is said of code that looked for a GPU and found none."""

import pytest

from homeport.plan.gpu_hints import hint


@pytest.mark.parametrize(
    "error",
    [
        "AssertionError('Torch not compiled with CUDA enabled')",
        "RuntimeError('Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU')",
        "RuntimeError('No CUDA GPUs are available')",
        "RuntimeError('CUDA error: no CUDA-capable device is detected')",
        'RuntimeError("Distributed package doesn\'t have NCCL built in")',
        "ValueError('ProcessGroupNCCL is only supported with GPUs, no GPUs found!')",
        "ImportError('libcuda.so.1: cannot open shared object file: No such file or directory')",
        "RuntimeError(\"Unknown backend: 'gpu' requested, but no platforms that are instances of gpu\")",
        "FileNotFoundError(2, \"No such file or directory: 'nvidia-smi'\")",
    ],
)
def test_errors_for_want_of_a_gpu_are_explained(error: str) -> None:
    assert "this machine has none" in hint("train", error, was_asked_for=True)
    assert "without gpu= in its options" in hint("train", error, was_asked_for=False)


@pytest.mark.parametrize("error", ["", "ValueError('CUDA out of memory')", "FileNotFoundError('cuda.yaml')"])
def test_other_errors_are_not(error: str) -> None:
    assert hint("train", error, was_asked_for=True) == ""
