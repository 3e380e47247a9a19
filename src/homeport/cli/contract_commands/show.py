"""`homeport contract show RUN`: what a run was held to."""

import json

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from homeport.control.runs.records import RunRecords
from homeport.model.errors import NotFoundError
from homeport.model.home import default_home
from homeport.record.contracts.told import clauses, in_words
from homeport.record.run import Contract

_MARKS = {"kept": ("ok", "green"), "broken": ("x", "red"), "unseen": ("x", "red"), "open": ("-", "dim")}


EPILOG = """\b
Examples:
  homeport contract show latest
  homeport contract show ap-4kXcQb --format json | jq .seen
"""


@click.command(epilog=EPILOG)
@click.argument("run")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(run: str, form: str) -> int:
    """Show the contract of RUN (an id, the beginning of one, or `latest`): what was expected, what was seen.

    Exits with 1 where the contract was not kept.
    """
    records = RunRecords(default_home())
    record = records.record(records.find(run))
    contract = record.contract
    if contract is None:
        raise NotFoundError(
            f"Run {record.run_id} was held to no contract. If it is as it should be, write one from it: "
            f"homeport contract init {record.run_id}"
        )
    if form == "json":
        click.echo(json.dumps(msgspec.to_builtins(contract), indent=1, ensure_ascii=False))
    else:
        _show(contract, record.run_id, is_live=record.state == "running")
    return 1 if contract.verdict in ("broken", "unseen") else 0


def _show(contract: Contract, run_id: str, *, is_live: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(f"Contract {contract.name} of {contract.file}, run {run_id}: {in_words(contract)}."))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("", "rule", "expected", "seen"):
        table.add_column(title, no_wrap=False, overflow="fold")
    for clause in clauses(contract):
        mark, style = _MARKS[clause.verdict]
        seen = clause.seen or clause.word(is_live=is_live)
        table.add_row(Text(mark, style), Text(clause.rule), Text(clause.expected), Text(seen))
    console.print(table)
    for violation in contract.violations:
        console.print(Text(violation.sentence))
