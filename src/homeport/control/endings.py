"""What is said of a container that ended, or whose code failed, in a way that nobody asked for."""

import signal

from modal_proto import api_pb2

from homeport.control.tasks import Task
from homeport.plan import gpu_hints
from homeport.runtime.engine import ContainerExit


def crash_sentence(task: Task, end: ContainerExit) -> str:
    """A container died while it worked on an input."""
    sentence = (
        f"Container {task.task_id} of {task.definition.tag} {_how(task, end)} while it worked on an input."
    )
    if end.out_of_memory:
        sentence += " Give it more with memory=(request, limit), both in MiB, or make it need less."
    return sentence


def start_sentence(task: Task, end: ContainerExit) -> str:
    """A container died, or could not be made, before it was ready."""
    if end.reason and not end.out_of_memory and end.signal is None:
        return f"Container {task.task_id} of {task.definition.tag} could not start: {end.reason}"
    sentence = (
        f"Container {task.task_id} of {task.definition.tag} {_how(task, end)} before it was ready; "
        f"`modal container logs {task.task_id}` shows what it printed."
    )
    if end.exit_code == 0 and end.signal is None:
        sentence += (
            ' If its image has an ENTRYPOINT, that has to end in `exec "$@"`, or .entrypoint([]) undoes it.'
        )
    return sentence


def gpu_sentence(task: Task, result: api_pb2.GenericResult) -> str:
    """Its code failed for want of a GPU; empty where that is not the reason, or was said before."""
    if task.was_told or task.gpu_devices or not result.exception:
        return ""
    ranked = task.definition.data.ranked_functions
    was_asked_for = any(entry.function.resources.gpu_config.count for entry in ranked)
    sentence = gpu_hints.hint(task.definition.tag, result.exception, was_asked_for=was_asked_for)
    task.was_told = bool(sentence)
    return sentence


def _how(task: Task, end: ContainerExit) -> str:
    if end.out_of_memory:
        limit = task.definition.grant.memory_limit_mib
        bound = f"its memory limit of {limit} MiB" if limit else "this machine's memory"
        return f"was killed because it filled {bound}"
    if end.signal is not None:
        return f"was killed by signal {end.signal} ({_signal_name(end.signal)})"
    if end.reason:
        return f"ended ({end.reason.rstrip('.')})"
    return f"exited by itself with status {end.exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
