"""`python -m seizure fetch chbmit|siena DIR`: the open corpora from PhysioNet."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seizure.errors import SeizureError

if TYPE_CHECKING:
    from seizure.fetch import Source
    from training_kit.fetch import Plan, Report


@click.command()
@click.argument("corpus", type=click.Choice(["chbmit", "siena"]))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--patient", "patients", multiple=True, metavar="ID", help="Only this one; repeatable.")
@click.option("--list", "--dry-run", "only_list", is_flag=True, help="Say what would be fetched, and stop.")
@click.option("--check", is_flag=True, help="Hash every file that is here, not only those that changed.")
@click.option("--from", "address", metavar="URL", default="", help="A mirror: where SHA256SUMS.txt lies.")
@click.option("--parallel", type=click.IntRange(1, 16), default=4, show_default=True, help="Files at a time.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan or the outcome as JSON.")
def command(
    corpus: str,
    folder: Path,
    patients: tuple[str, ...],
    only_list: bool,
    check: bool,
    address: str,
    parallel: int,
    as_json: bool,
) -> None:
    """Download CHB-MIT (about 43 GB) or Siena (about 20 GB) from PhysioNet, whole or by patient.

    Each file is checked by its SHA-256. An interrupted fetch is continued by the same command, and a complete
    one is only compared with what is there; a damaged file is fetched again.

    \b
    Examples:
      python -m seizure fetch siena data/siena --patient PN00
      python -m seizure fetch chbmit data/chbmit --list
      python -m seizure fetch chbmit data/chbmit
    """
    from seizure.fetch import SOURCES, plan_corpus
    from training_kit.fetch import fetch
    from training_kit.fetch.progress import Shown

    if address and not address.startswith(("http://", "https://")):
        raise click.UsageError("--from takes an address that begins with https:// or http://")
    with Shown() as shown:
        plan = plan_corpus(
            SOURCES[corpus],
            folder,
            patients,
            address=address,
            rehash=check,
            parallel=parallel,
            observer=shown,
        )
        if only_list:
            _print_plan(plan, as_json)
            return
        if plan.missing and not as_json:
            click.echo(
                f"{len(plan.missing)} of {len(plan.files)} files are still to come: "
                f"{plan.needed_bytes / 1e9:.2f} GB; the disk has {plan.free_bytes / 1e9:.1f} GB"
            )
        report = fetch(plan, parallel=parallel, observer=shown)
    _print_report(SOURCES[corpus], plan, report, as_json)
    if report.failed:
        first = next(iter(report.failed.values()))
        more = f" ({len(report.failed)} files failed)" if len(report.failed) > 1 else ""
        raise SeizureError(first + more)


def _print_plan(plan: "Plan", as_json: bool) -> None:
    states = [
        {
            "path": file.path,
            "size_bytes": file.size_bytes,
            "state": "here" if file.is_here else "part" if file.part_bytes else "missing",
        }
        for file in plan.files
    ]
    if as_json:
        totals = {
            "total_bytes": plan.total_bytes,
            "needed_bytes": plan.needed_bytes,
            "free_bytes": plan.free_bytes,
        }
        click.echo(json.dumps({"address": plan.address, **totals, "files": states}, indent=1))
        return
    for state in states:
        click.echo(f"{state['state']:7}  {state['size_bytes']:>13,}  {state['path']}")
    click.echo(
        f"{len(plan.files)} files, {plan.total_bytes / 1e9:.2f} GB; {len(plan.missing)} still to come, "
        f"{plan.needed_bytes / 1e9:.2f} GB; the disk has {plan.free_bytes / 1e9:.1f} GB"
    )


def _print_report(source: "Source", plan: "Plan", report: "Report", as_json: bool) -> None:
    if as_json:
        click.echo(
            json.dumps(
                {
                    "address": plan.address,
                    "folder": str(plan.folder),
                    "fetched": report.fetched,
                    "fetched_bytes": report.fetched_bytes,
                    "already_here": report.here,
                    "failed": report.failed,
                },
                indent=1,
            )
        )
        return
    click.echo(
        f"{len(report.fetched)} files fetched ({report.fetched_bytes / 1e9:.2f} GB), {report.here} were here"
        f" and are complete, {len(report.failed)} failed: {plan.folder}"
    )
    if not report.failed:
        click.echo(f"{source.title}, {source.licence}: cite it where you use it")
        click.echo("Next:")
        click.echo(f"  python -m seizure validate {plan.folder}")
