"""Counts, folders, volumes, the machine with its limits, and how the runs ended."""

from collections.abc import Iterator
from typing import TypeVar

from homeport.record.diff.differences import Difference, sides, without_ids
from homeport.record.endings import ended_with_app
from homeport.record.run import Run

_NO_DATA = ("/tmp/", "/var/tmp/", "/dev/shm/", "/proc/", "/usr/", "/etc/", "/lib/")
_ORDER = ("state", "outcome")  # what is asked first
_PLAIN_ENDS = ("It came to its end.", "It returned.")  # say no more than the state does
_GIB = 1024**3
_T = TypeVar("_T")


def counts(before: Run, after: Run) -> Iterator[Difference]:
    """What output showed, the last value by name; then what was read and written in folders, and inputs."""
    yield from sides(*({each.name: each.value for each in run.counts} for run in (before, after)))
    yield from sides(_folders(before), _folders(after))
    yield from sides(_inputs(before), _inputs(after))


def volumes(before: Run, after: Run) -> Iterator[Difference]:
    yield from sides(_volumes(before), _volumes(after))


def machine(before: Run, after: Run) -> Iterator[Difference]:
    """What both runs have on record: of one whose containers never started, limits are not known, and of a
    call from elsewhere the client is not."""
    yield from sides(*_of_both(_machine(before), _machine(after)))
    limits, others = _of_both(_limits(before), _limits(after))
    for tag in limits:
        yield from sides(limits[tag], others[tag])
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


def _of_both(before: dict[str, _T], after: dict[str, _T]) -> tuple[dict[str, _T], dict[str, _T]]:
    shared = before.keys() & after.keys()
    return {n: v for n, v in before.items() if n in shared}, {n: v for n, v in after.items() if n in shared}


def _machine(run: Run) -> dict[str, str]:
    of = run.machine
    facts = {
        "cores": str(of.cores or ""),
        "memory": f"{of.memory_bytes / _GIB:.1f} GiB" if of.memory_bytes else "",
        "GPUs": ", ".join(sorted(of.gpus)) or ("none" if of.cores else ""),
        "system": of.system,
        "isolation": of.isolation,
        "homeport": of.homeport,
        "client": run.launcher.client if run.launcher is not None else "",
        "Modal environment": run.environment,
    }
    return {name: value for name, value in facts.items() if value}


def _limits(run: Run) -> dict[str, dict[str, str]]:
    """By function, of those whose limits are known; of one that was edited the newest."""
    found: dict[str, dict[str, str]] = {}
    for function in reversed(run.functions):
        if function.limits.asked or function.limits.given:
            found.setdefault(function.tag, {}).update(
                {f"{function.tag} asked for {n}": v for n, v in function.limits.asked.items()}
                | {f"{function.tag} was given {n}": v for n, v in function.limits.given.items()}
            )
    return found


def _outcome(run: Run) -> dict[str, str]:
    contract = run.contract
    violations = contract.violations if contract is not None else ()
    is_said = any(each.sentence in run.outcome for each in violations)
    ended_badly = [each for each in run.attempts if each.exit_code and not ended_with_app(each)]
    statuses = {str(each.exit_code) for each in ended_badly if run.state == "failed"}
    facts = {
        "state": run.state,
        "outcome": "" if is_said or run.outcome in _PLAIN_ENDS else without_ids(run.outcome),
        "app": run.name,
        "function": run.function,
        "contract": f"{contract.name}: {contract.verdict or 'not judged'}" if contract is not None else "",
        "never showed": ", ".join(each.rule for each in violations if not each.seen),
        "failed inputs": str(sum(call.failed for call in run.calls) or ""),
        "exit statuses": ", ".join(sorted(statuses)),
    }
    facts |= {f"violation of {each.rule}": without_ids(each.sentence) for each in violations if each.seen}
    return {name: value for name, value in facts.items() if value}
