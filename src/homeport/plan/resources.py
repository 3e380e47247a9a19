"""What a function asks of the machine, what it gets, and what has to be said about the difference.

An app written for 24 cores and an A100 must run on a laptop: requests above the machine are cut, with a
sentence for the user. Limits (the second value of `cpu=` and `memory=` tuples) are kept as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from homeport.plan import gpus

DEFAULT_CPU = 0.125  # Modal's reservation where nothing is asked for
DEFAULT_MEMORY_MIB = 128


@dataclass(frozen=True)
class Machine:
    """What this machine has. `gpus` are model names, `gpu_numbers` the N of their /dev/nvidiaN."""

    cpus: int
    memory_mib: int
    gpus: tuple[str, ...] = ()
    gpu_numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Request:
    """A function's `cpu=`, `memory=` and `gpu=`; 0 means not asked for. One entry in `gpus` for each
    alternative, by preference: (model, count)."""

    cpu: float = 0.0
    cpu_limit: float = 0.0
    memory_mib: int = 0
    memory_limit_mib: int = 0
    gpus: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class Grant:
    """What a container of the function reserves and is held to. `cores` is what it counts for where
    containers share the machine: the reservation that was asked for, else one core, since Modal's default
    says nothing of what a function uses, and so `.map` runs as wide as the machine is."""

    cpu: float
    memory_mib: int
    cpu_limit: float | None = None
    memory_limit_mib: int | None = None
    gpu_count: int = 0
    cores: float = 1.0
    warnings: tuple[str, ...] = ()
    refusal: str = ""


@dataclass
class _Findings:
    warnings: list[str] = field(default_factory=list)
    refusal: str = ""


def grant(tag: str, request: Request, machine: Machine, *, gpu_required: bool) -> Grant:
    """The reservation for containers of function `tag`; `refusal` is set where it cannot run here at all."""
    findings = _Findings()
    cpu = request.cpu or DEFAULT_CPU
    if cpu > machine.cpus:
        findings.warnings.append(
            f"cpu={_number(cpu)} asked for by {tag}: this machine has {machine.cpus} cores, it gets those."
        )
        cpu = float(machine.cpus)
    memory_mib = request.memory_mib or DEFAULT_MEMORY_MIB
    if memory_mib > machine.memory_mib:
        findings.warnings.append(
            f"memory={memory_mib} MiB asked for by {tag}: this machine has {machine.memory_mib} MiB, "
            "it gets those."
        )
        memory_mib = machine.memory_mib
    gpu_count = _gpus(tag, request.gpus, machine, findings, required=gpu_required)
    return Grant(
        cpu=cpu,
        memory_mib=memory_mib,
        cpu_limit=request.cpu_limit or None,
        memory_limit_mib=request.memory_limit_mib or None,
        gpu_count=gpu_count,
        cores=cpu if request.cpu else 1.0,
        warnings=tuple(findings.warnings),
        refusal=findings.refusal,
    )


def _gpus(
    tag: str,
    alternatives: Sequence[tuple[str, int]],
    machine: Machine,
    findings: _Findings,
    *,
    required: bool,
) -> int:
    wanted = [(model, count) for model, count in alternatives if count]
    if not wanted:
        return 0
    model, count = next(
        (a for a in wanted if a[0] not in gpus.ANY and any(gpus.fits(a[0], name) for name in machine.gpus)),
        wanted[0],
    )
    asked = f"gpu={model}:{count}" if count > 1 else f"gpu={model}"
    if not machine.gpus:
        if required:
            findings.refusal = (
                f"{asked} asked for by {tag}: this machine has no NVIDIA GPU, and the engine was started "
                "with --gpu require. Start it with --gpu auto to run on the CPU."
            )
        else:
            findings.warnings.append(
                f"{asked} asked for by {tag}: this machine has no NVIDIA GPU, it runs on the CPU."
            )
        return 0
    if count > len(machine.gpus):
        text = f"{asked} asked for by {tag}: this machine has {_count(len(machine.gpus))}"
        if required:
            findings.refusal = f"{text}, and the engine was started with --gpu require."
            return 0
        findings.warnings.append(f"{text}, it gets what there is.")
        count = len(machine.gpus)
    if not any(gpus.fits(model, name) for name in machine.gpus):
        findings.warnings.append(f"{asked} asked for by {tag}: it gets this machine's {machine.gpus[0]}.")
    return count


def _count(gpus: int) -> str:
    return "one GPU" if gpus == 1 else f"{gpus} GPUs"


def _number(value: float) -> str:
    return f"{value:g}"
