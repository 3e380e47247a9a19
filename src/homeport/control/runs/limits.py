"""What a function asked of the machine and what a container of it got, as a record says it."""

from collections.abc import Callable, Sequence

from homeport.control.definitions import Definition
from homeport.plan.resources import Machine
from homeport.record.run import Limits


def limits_of(definition: Definition, machine: Machine, gpu_devices: Sequence[int]) -> Limits:
    """`gpu_devices`: the numbers of the GPUs that the container holds."""
    return Limits(asked=_asked(definition), given=_given(definition, machine, gpu_devices))


def gpus_of(machine: Machine, gpu_devices: Sequence[int]) -> tuple[str, ...]:
    """The models of the GPUs of these numbers."""
    models = dict(zip(machine.gpu_numbers, machine.gpus, strict=False))
    return tuple(models.get(number, f"GPU {number}") for number in gpu_devices)


def _asked(definition: Definition) -> dict[str, str]:
    resources = definition.function.resources
    gpus = [
        f"{entry.function.resources.gpu_config.gpu_type}:{entry.function.resources.gpu_config.count}"
        for entry in definition.data.ranked_functions
        if entry.function.resources.gpu_config.count
    ]
    policy = definition.policy
    found = {
        "cpu": _range(resources.milli_cpu / 1000, resources.milli_cpu_max / 1000, _cores),
        "memory": _range(resources.memory_mb, resources.memory_mb_max, _mib),
        "gpu": " or ".join(name.removesuffix(":1") for name in gpus),
        "disk": _mib(resources.ephemeral_disk_mb) if resources.ephemeral_disk_mb else "",
        "timeout": f"{definition.function.timeout_secs} s" if definition.function.timeout_secs else "",
        "retries": str(policy.limit) if policy.limit else "",
        "max_containers": str(definition.max_containers or "") if definition.sandbox is None else "",
        "min_containers": str(definition.min_containers or ""),
    }
    return {name: text for name, text in found.items() if text}


def _given(definition: Definition, machine: Machine, gpu_devices: Sequence[int]) -> dict[str, str]:
    grant = definition.grant
    gpus = gpus_of(machine, gpu_devices)
    found = {
        "cpu": f"{_cores(grant.cpu_limit)} at most" if grant.cpu_limit else f"all {_cores(machine.cpus)}",
        "memory": f"{_mib(grant.memory_limit_mib)} at most"
        if grant.memory_limit_mib
        else f"all {_mib(machine.memory_mib)}",
        "gpu": ", ".join(gpus) if gpus else "none" if "gpu" in _asked(definition) else "",
        "timeout": f"{definition.timeout_s:g} s",
    }
    return {name: text for name, text in found.items() if text}


def _range(reserved: float, limit: float, unit: Callable[[float], str]) -> str:
    parts = [unit(reserved)] if reserved else []
    return ", ".join([*parts, f"{unit(limit)} at most"] if limit else parts)


def _cores(count: float) -> str:
    return "1 core" if count == 1 else f"{count:g} cores"


def _mib(mib: float) -> str:
    return (
        f"{mib / 1024:g} GiB"
        if mib % 1024 == 0
        else f"{mib:g} MiB"
        if mib < 10240
        else f"{mib / 1024:.1f} GiB"
    )
