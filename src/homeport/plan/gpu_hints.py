"""What to say of code that looked for a GPU where its container has none."""

import re
from typing import Final

# as PyTorch, its NCCL backend, CUDA's runtime, JAX, and programs that call nvidia-smi say it
_NO_GPU: Final = re.compile(
    r"not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available"
    r"|no CUDA-capable device|CUDA driver version is insufficient|libcuda\.so"
    r"|NCCL is only supported with GPUs|doesn't have NCCL built in|No visible GPU devices"
    r"|Unknown backend:? '?(?:gpu|cuda)|No such file or directory: '(?:[^']*/)?nvidia-smi'",
    re.IGNORECASE,
)


def hint(tag: str, error: str, *, was_asked_for: bool) -> str:
    """A sentence for the log where `error` says that there is no GPU, else nothing. The container has none;
    `was_asked_for`: its function has gpu=."""
    if not _NO_GPU.search(error):
        return ""
    if was_asked_for:
        return (
            f"{tag} needs a GPU, and this machine has none: it was given the CPU. Let it choose, as with "
            'device = "cuda" if torch.cuda.is_available() else "cpu", or run it where there is a GPU.'
        )
    return f"{tag} needs a GPU and does not ask for one: without gpu= in its options its containers see none."
