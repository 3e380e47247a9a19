"""Names of variables, and who gives them to a container, for the rules on the environment."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from homeport.check.facts import (
    Call,
    EnvironmentRead,
    EnvironmentWrite,
    Facts,
    Function,
    Image,
    Module,
    Step,
)
from homeport.check.paths import CHILDREN
from homeport.check.syntax import container_events
from homeport.check.values import Site


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Set by the container's system or by Modal, or known to whoever starts a process there.
PLATFORM = _names("""
    HOME PATH PWD OLDPWD SHLVL HOSTNAME USER LOGNAME SHELL LANG LANGUAGE TERM TMPDIR TEMP TMP TZ PYTHONPATH
    PYTHONHOME VIRTUAL_ENV LD_LIBRARY_PATH EDITOR PAGER DISPLAY SSH_AUTH_SOCK COLUMNS LINES NO_COLOR COLORTERM
    XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR CI PYTEST_CURRENT_TEST
""")
_PLATFORM_BEGINNINGS = ("MODAL_", "LC_", "HOMEPORT_", "GITHUB_", "NVIDIA_", "PYTHON", "PIP_", "UV_", "CONDA_")
# Set by launchers of several processes: torchrun, accelerate, mpirun, srun.
LAUNCHERS = _names("""
    RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE GROUP_RANK ROLE_RANK ROLE_WORLD_SIZE NODE_RANK NNODES
    MASTER_ADDR MASTER_PORT CUDA_VISIBLE_DEVICES
""")
_LAUNCHERS_BEGINNINGS = ("TORCHELASTIC_", "ACCELERATE_", "OMPI_", "PMI_", "SLURM_", "NCCL_", "KUBERNETES_")
# Settings of well-known libraries that people hand over as they have them.
_LIBRARIES = tuple(
    f"{name}_"
    for name in _names("""
        WANDB HF HUGGINGFACE HUGGING_FACE AWS GOOGLE GCP AZURE OPENAI MLFLOW COMET NEPTUNE KAGGLE LANGCHAIN
        RAY VLLM SGLANG FI UCX GLOO OMP MKL KMP TRANSFORMERS TOKENIZERS S3 SENTRY TORCH TORCHINDUCTOR PYTORCH
        CUDA CUBLAS TF XLA JAX KERAS HYDRA MPL
    """)
)
# Steps whose result has variables that the app's source does not say.
_OPAQUE = _names("""
    from_registry from_dockerfile dockerfile_commands from_id from_name from_aws_ecr
    from_gcp_artifact_registry from_scratch
""")


def is_given_by_itself(name: str) -> bool:
    """Whether the platform or a launcher of processes sets it, and no app has to."""
    return (
        name in PLATFORM
        or name in LAUNCHERS
        or name.startswith((*_PLATFORM_BEGINNINGS, *_LAUNCHERS_BEGINNINGS))
    )


def is_setting_of_library(name: str) -> bool:
    return name.startswith(_LIBRARIES)


def has_opaque_base(function: Function) -> bool:
    """Whether the image brings variables that nobody can read in the source."""
    if not isinstance(function.image, Image):
        return function.options.get("image") is not None
    return any(not isinstance(step, Step) or step.method in _OPAQUE for step in function.image.steps)


@dataclass(frozen=True)
class Read:
    """That a function reads a variable, and what it did before: the names that it set and those that it asked
    for
    without requiring them. `is_anything_set`: any name may be set (`load_dotenv()`, a name that is not
    known).
    """

    event: EnvironmentRead
    written: frozenset[str]
    asked: frozenset[str]
    is_anything_set: bool
    child: Call | None = None  # the call that started the child process which reads it
    is_given: bool = False  # perhaps, by that call


def reads(facts: Facts, function: Function) -> Iterator[Read]:
    """What a function reads of its environment in its container, in order."""
    written: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    is_anything_set = False
    children: dict[Site, Call] = {}
    for event in container_events(facts, function):
        if isinstance(event, EnvironmentWrite):
            if isinstance(event.name, str) and event.value is not None:
                written |= {event.name}
            is_anything_set |= not isinstance(event.name, str)
        elif isinstance(event, Call):
            is_anything_set |= event.name.rpartition(".")[2] in ("load_dotenv", "read_dotenv", "read_env")
            if CHILDREN.match(event.name):
                children[event.site] = event
        elif isinstance(event, EnvironmentRead):
            child = next((children[site] for site in reversed(event.via) if site in children), None)
            is_given = child is not None and _gives(child, event)
            yield Read(event, written, asked, is_anything_set, child, is_given)
            if isinstance(event.name, str) and not event.is_required:
                asked |= {event.name}


def _gives(child: Call, read: EnvironmentRead) -> bool:
    """Whether a child process may be given the variable by who starts it: on its command line (`X=1 python
    …`), or by
    an `env=` that is made where the name is written, or of what nobody knows.
    """
    if not isinstance(read.name, str):
        return True
    if f"{read.name}=" in ast.unparse(child.node):
        return True
    if not any(keyword.arg == "env" for keyword in child.node.keywords):
        return False
    return (
        "environ" not in child.module.text
        or re.search(rf"\b{re.escape(read.name)}\b", child.module.text) is not None
    )


def kept_in(site: Site, module: Module) -> list[str]:
    """The globals of a module that the statement around a place assigns."""
    found: list[str] = []
    for statement in module.tree.body:
        if site.path == module.path and statement.lineno <= site.line <= (statement.end_lineno or 0):
            targets: list[ast.expr] = []
            if isinstance(statement, ast.Assign):
                targets = statement.targets
            elif isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            found += [target.id for target in targets if isinstance(target, ast.Name)]
    return found
