"""Counts, folders, volumes, the machine with its limits, and how the runs ended."""

from collections.abc import Iterator

from homeport.record.diff.differences import Difference, sides, without_ids
from homeport.record.run import Run

_NO_DATA = ("/tmp/", "/var/tmp/", "/dev/shm/", "/proc/", "/usr/", "/etc/", "/lib/")
_ORDER = ("state", "outcome")  # what is asked first
_GIB = 1024**3


def counts(before: Run, after: Run) -> Iterator[Difference]:
    """What output showed, the last value by name; then what was read and written in folders, and inputs."""
    yield from sides(*({each.name: each.value for each in run.counts} for run in (before, after)))
    yield from sides(_folders(before), _folders(after))
    yield from sides(_inputs(before), _inputs(after))


def volumes(before: Run, after: Run) -> Iterator[Difference]:
    yield from sides(_volumes(before), _volumes(after))


def machine(before: Run, after: Run) -> Iterator[Difference]:
    yield from sides(_machine(before), _machine(after))
    yield from sides(_limits(before), _limits(after))
    mine = {without_ids(sentence) for sentence in before.not_honoured}
    other = {without_ids(sentence) for sentence in after.not_honoured}
    for sentence in sorted(mine ^ other):
        said = ("said", "") if sentence in mine else ("", "said")
        yield Difference(f"not honoured: {sentence}", *said)


def outcome(before: Run, after: Run) -> Iterator[Difference]:
    mine, other = _outcome(before), _outcome(after)
    found = {each.name: each for each in sides(mine, other)}
    yield from (found[name] for name in dict.fromkeys([*_ORDER, *sorted(found)]) if name in found)


def _folders(run: Run) -> dict[str, str]:
    return {
        f"{folder.path}/": f"{folder.read} read, {folder.written} written"
        for folder in run.folders
        if not f"{folder.path}/".startswith(_NO_DATA)
    }


def _inputs(run: Run) -> dict[str, str]:
    inputs: dict[str, int] = {}
    for call in run.calls:
        inputs[call.function] = inputs.get(call.function, 0) + call.inputs
    return {f"inputs of {function}": str(number) for function, number in inputs.items()}


def _volumes(run: Run) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for volume in run.volumes:
        read_only = ", read-only" if volume.is_read_only else ""
        seen = f" as of {volume.seen}" if volume.seen else ""
        has_new = volume.committed and volume.committed != volume.seen
        committed = f", committed {volume.committed}" if has_new else ""
        found.setdefault(volume.name, set()).add(f"at {volume.path}{seen}{committed}{read_only}")
    return {name: "; ".join(sorted(places)) for name, places in found.items()}


def _machine(run: Run) -> dict[str, str]:
    of = run.machine
    facts = {
        "cores": str(of.cores or ""),
        "memory": f"{of.memory_bytes / _GIB:.1f} GiB" if of.memory_bytes else "",
        "GPUs": ", ".join(sorted(of.gpus)),
        "system": of.system,
        "isolation": of.isolation,
        "homeport": of.homeport,
        "client": run.launcher.client if run.launcher is not None else "",
        "Modal environment": run.environment,
    }
    return {name: value for name, value in facts.items() if value}


def _limits(run: Run) -> dict[str, str]:
    found: dict[str, str] = {}
    for function in run.functions:
        found |= {f"{function.tag} asked for {n}": v for n, v in function.limits.asked.items()}
        found |= {f"{function.tag} was given {n}": v for n, v in function.limits.given.items()}
    return found


def _outcome(run: Run) -> dict[str, str]:
    contract = run.contract
    violations = contract.violations if contract is not None else ()
    is_said = any(each.sentence in run.outcome for each in violations)
    statuses = {str(each.exit_code) for each in run.attempts if each.exit_code and run.state == "failed"}
    facts = {
        "state": run.state,
        "outcome": "" if is_said else without_ids(run.outcome),
        "app": run.name,
        "function": run.function,
        "contract": f"{contract.name}: {contract.verdict or 'not judged'}" if contract is not None else "",
        "failed inputs": str(sum(call.failed for call in run.calls) or ""),
        "exit statuses": ", ".join(sorted(statuses)),
    }
    facts |= {f"violation of {each.rule}": without_ids(each.sentence) for each in violations}
    return {name: value for name, value in facts.items() if value}
