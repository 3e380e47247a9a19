"""Whether a step that installs packages should take PyTorch's CPU builds, by what it says itself.

uv does it by UV_TORCH_BACKEND: PyTorch's packages then come from its own index of CPU builds, all others as
before.
"""

import re

_INSTALLS = re.compile(r"\b(pip3?|uv)\b[^|;&]*\binstall\b")
# who names one of these has chosen builds already
_CHOSEN = re.compile(
    r"download\.pytorch\.org|\+(?:cu\d|cpu|rocm|xpu)|--torch-backend|UV_TORCH_BACKEND|nvidia-c|[-_]cu1\d\b"
)


def may_take_cpu_builds(command: str) -> bool:
    """Whether the command installs packages and leaves the choice of builds open."""
    return bool(_INSTALLS.search(command)) and not _CHOSEN.search(command)


def describe_build(version: str, *, has_gpu: bool) -> str:
    """What to say of an image with this version of PyTorch; empty where nothing is remarkable."""
    public, _, local = version.partition("+")
    if local == "cpu":
        return f"PyTorch {public} is its CPU build"
    if has_gpu:
        return ""
    return (
        f"PyTorch {version} may be a CUDA build, gigabytes that this machine without a GPU has no use for: "
        "homeport up --torch cpu takes CPU builds where PyTorch's index can be reached"
    )
