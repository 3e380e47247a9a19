"""What `homeport run` does once modal has ended: asks whether the run kept its contract, and exits with 3
if not.

`python -m homeport.cli.verdict PID SINCE STATUS`, run by as_modal.py at the end of the process PID, which
was modal: that hears only of violations that stop a run.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from homeport.record.launch import FILE_NAME, contract_asked, entry_candidates, is_detached

BROKEN: Final = 3  # the exit status, also of homeport guard
_NEWEST: Final = 20  # among so many runs is the one that was just launched
_END_S: Final = 30.0  # for containers to end, and volumes to be committed


def may_be_held(args: Sequence[str]) -> bool:
    """Whether `modal run ARGS`, typed here, may run an app that a homeport.toml says something of."""
    here = Path.cwd()
    files = [Path(path) for path in entry_candidates(("modal", "run", *args), str(here))]
    folders = {folder for file in files for folder in file.parents}
    return any((folder / FILE_NAME).is_file() for folder in folders)


def main(argv: Sequence[str]) -> int:
    pid, since, status = int(argv[0]), float(argv[1]), int(argv[2])
    try:
        for said in _verdicts(pid, since):
            click.echo(f"homeport: {said}", err=True)
            status = BROKEN
    except Exception as error:  # a record that cannot be read fails no run
        click.echo(f"homeport: it is not known whether the run kept its contract: {error}", err=True)
    return status


def _verdicts(pid: int, since: float) -> Iterator[str]:
    """A sentence for each run that this process launched and that did not keep its contract."""
    from homeport.control.runs.records import RunRecords
    from homeport.model.home import default_home

    records = RunRecords(default_home())
    for row in records.rows(limit=_NEWEST):
        if row.started_at < since:
            continue
        record = records.record(row.run_id)
        launcher = record.launcher
        if launcher is None or launcher.pid != pid:
            continue
        deadline = time.monotonic() + (0 if is_detached(launcher.argv) else _END_S)
        while record.state == "running" and time.monotonic() < deadline:
            time.sleep(0.1)
            record = records.record(row.run_id)
        contract, asked = record.contract, contract_asked(launcher.argv)
        if contract is None and asked and record.state != "running":
            yield f"Run {row.run_id} called no function, so nothing was held to contract {asked}."
        if contract is None or contract.on_violation == "warn":
            continue
        if contract.verdict in ("broken", "unseen"):
            yield (
                f"Contract {contract.name} was not kept. What was expected and what was seen: homeport "
                f"contract show {row.run_id}"
            )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
