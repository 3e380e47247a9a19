"""The training process's environment, built from nothing: what is not named here does not get in.

A variable meant for a smoke run once reached a full run, from a shell, a Secret or an earlier run, and nobody
could say from where. So the environment of whoever starts a run is a source that names are picked from, and
the one variable that decides how many files are used is set here or not at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seizure.config import Resolved
from seizure.errors import ConfigError

LIMIT = "BGB_LIMIT_FILES"

# What a training process needs of its surroundings, and why. A name that ends in * is a prefix.
ALLOWED = {
    "PATH": "programs such as nvidia-smi, and the C compiler of torch.compile",
    "LD_LIBRARY_PATH": "where clusters and images put the GPU driver's libraries",
    "HOME": "caches of compiled kernels and fonts",
    "XDG_CACHE_HOME": "the same, where somebody moved them",
    "TMPDIR": "scratch files of long recordings",
    "USER": "torch names its cache folder after it",
    "LOGNAME": "the same, on other systems",
    "LANG": "text in UTF-8",
    "LC_*": "the same",
    "TZ": "times in folder names",
    "TERM": "progress bars and colours on a terminal",
    "COLUMNS": "their width",
    "NO_COLOR": "their absence",
    "CUDA_*": "which GPUs, and how",
    "NVIDIA_*": "the same, in containers",
    "NCCL_*": "how several GPUs talk",
    "TORCH*": "PyTorch's own switches",
    "PYTORCH_*": "the same: its allocator",
    "TRITON_*": "the compiler behind torch.compile",
    "CC": "the C compiler of torch.compile",
    "CXX": "the same for C++",
    "OMP_*": "threads",
    "MKL_*": "threads",
    "OPENBLAS_*": "threads",
    "WANDB_*": "Weights & Biases: key and settings",
    "HTTP_PROXY": "the way out, for Weights & Biases",
    "HTTPS_PROXY": "the same",
    "NO_PROXY": "the same",
    "http_proxy": "the same",
    "https_proxy": "the same",
    "no_proxy": "the same",
    "SSL_CERT_FILE": "certificates on the way out",
    "SSL_CERT_DIR": "the same",
    "REQUESTS_CA_BUNDLE": "the same",
}


@dataclass(frozen=True, slots=True)
class ChildEnvironment:
    """The variables of the training process, and what has to be said about them."""

    variables: dict[str, str]
    lines: tuple[str, ...] = ()


def child_environment(resolved: Resolved, environ: Mapping[str, str]) -> ChildEnvironment:
    """What the training process gets of `environ`, and what the run itself sets.

    A smoke run sets BGB_LIMIT_FILES itself. For every other run the variable does not exist, wherever it came
    from; "" counts as unset. Raises ConfigError where it is set and the configuration says strict_env.
    """
    config = resolved.config
    variables = {name: value for name, value in environ.items() if _is_allowed(name)}
    variables["PYTHONUNBUFFERED"] = "1"  # a log is read while the run goes on
    variables["PYTHONPATH"] = str(Path(__file__).parents[2])  # this very code, installed or not
    leaked = environ.get(LIMIT, "")
    lines: list[str] = []
    if config.kind == "smoke":
        variables[LIMIT] = str(config.data.limit_files)
        if leaked and leaked != variables[LIMIT]:
            lines.append(
                f"{LIMIT}={leaked} ignored: {resolved.path} says data.limit_files = {config.data.limit_files}"
            )
    elif leaked:
        if config.strict_env:
            raise ConfigError(
                f"{LIMIT}={leaked} is set, {resolved.path} is a full run and says strict_env: unset the "
                "variable (in the shell, the Secret or the image that sets it), or say strict_env: false"
            )
        lines.append(f"{LIMIT}={leaked} ignored: {resolved.path} is a full run")
    return ChildEnvironment(variables, tuple(lines))


def check_environment(resolved: Resolved, environ: Mapping[str, str]) -> None:
    """What the training process itself checks before it reads any data. Raises ConfigError."""
    config, seen = resolved.config, environ.get(LIMIT, "")
    wanted = str(config.data.limit_files) if config.kind == "smoke" else ""
    if seen != wanted:
        raise ConfigError(
            f"{LIMIT} is {seen or 'unset'} in the training process, and should be {wanted or 'unset'} for "
            f"{resolved.path}, a {config.kind} run: start it by `python -m seizure train {resolved.path}`"
        )


def _is_allowed(name: str) -> bool:
    return name in ALLOWED or any(
        name.startswith(pattern[:-1]) for pattern in ALLOWED if pattern.endswith("*")
    )
