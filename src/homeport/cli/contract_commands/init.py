"""`homeport contract init RUN`: a contract from a good run, written into homeport.toml."""

from pathlib import Path

import click

from homeport.control.contracts.files import contract_path, entry_of
from homeport.control.runs.lines import run_lines
from homeport.control.runs.records import RunRecords
from homeport.model.errors import AlreadyExistsError, FailedPreconditionError, InvalidError
from homeport.model.home import default_home
from homeport.record.contracts.drafting import draft
from homeport.record.contracts.mistakes import BadContractsError
from homeport.record.contracts.reading import decode, read
from homeport.record.launch import FILE_NAME
from homeport.record.run import Run

EPILOG = """\b
Examples:
  homeport contract init latest --name full
  homeport contract init ap-4kXcQb --stdout
"""


@click.command(epilog=EPILOG)
@click.argument("run")
@click.option("--name", default="", help="The contract's name; without it, the function's.")
@click.option(
    "--file", type=click.Path(path_type=Path), help=f"Where to write it; else {FILE_NAME} of the app."
)
@click.option("--stdout", is_flag=True, help="Print it and write nothing.")
def command(run: str, name: str, file: Path | None, stdout: bool) -> None:
    """Write a contract from RUN, which ended well: an id, the beginning of one, or `latest`.

    What its output counted, the variables that it had, its configuration and folders become what is expected
    of runs like it. A homeport.toml that is there gets one more section; a contract of the same name stays as
    it is.
    """
    if stdout and file is not None:
        raise click.UsageError("--stdout writes no file: leave out it or --file.")
    home = default_home()
    records = RunRecords(home)
    record = records.record(records.find(run))
    if record.state != "succeeded":
        raise FailedPreconditionError(
            f"Run {record.run_id} {_became(record)}; a contract is written from a run that ended well."
        )
    name = name or record.function.rpartition(".")[2] or "run"
    section = draft(record, run_lines(home, [attempt.task_id for attempt in record.attempts]), name)
    if stdout:
        click.echo(section, nl=False)
        return
    path = file or _place(record)
    _add(path, section, name)
    click.echo(f"Wrote [contract.{name}] to {path}. Read it, then: homeport contract check {path}")


def _became(record: Run) -> str:
    return {"running": "still goes on", "failed": "failed", "stopped": "was stopped"}[record.state]


def _place(record: Run) -> Path:
    """Where the engine will look for it: the file that is there, or beside the app's."""
    entry = entry_of(record.launcher) if record.launcher is not None else None
    if entry is None:
        return Path(FILE_NAME)
    cwd = record.launcher.cwd if record.launcher is not None else ""
    return contract_path(entry, cwd) or entry.with_name(FILE_NAME)


def _add(path: Path, section: str, name: str) -> None:
    """One more section, if the file with it is one that can be used."""
    before = path.read_bytes() if path.exists() else b""
    if any(terms.name == name for terms in decode(before, str(path)).contracts):
        raise AlreadyExistsError(
            f"{path} has a contract {name!r} already, which stays as it is; give the new one another "
            "--name, or print it with --stdout."
        )
    text = before.decode("utf-8-sig")
    text = f"{text.rstrip()}\n\n{section}" if text.strip() else section
    try:
        read(text, str(path))
    except BadContractsError as error:
        raise InvalidError(
            f"Nothing was written, since {path} with this contract in it would not be valid:\n{error}"
        ) from None
    making = path.with_name(f".{path.name}.new")
    making.write_text(text, encoding="utf-8")
    if path.exists():
        making.chmod(path.stat().st_mode)
    making.replace(path)
