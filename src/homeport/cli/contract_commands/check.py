"""`homeport contract check`: all mistakes of a homeport.toml at once."""

from pathlib import Path

import click

from homeport.model.errors import NotFoundError
from homeport.record.contracts.mistakes import BadContractsError
from homeport.record.contracts.reading import decode
from homeport.record.launch import FILE_NAME

EPILOG = """\b
Examples:
  homeport contract check
  homeport contract check jobs/homeport.toml
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path), default=Path(FILE_NAME), required=False)
def command(file: Path) -> int:
    """Check FILE, homeport.toml of this folder if none is named; exit with 1 where it has mistakes."""
    if file.is_dir():
        file = file / FILE_NAME
    if not file.is_file():
        raise NotFoundError(
            f"There is no {file}. Name a file, or write one from a run: homeport contract init latest"
        )
    try:
        found = decode(file.read_bytes(), str(file))
    except BadContractsError as error:
        click.echo(str(error))
        number = len(error.mistakes)
        click.echo(f"{number} mistake{'s' if number > 1 else ''}.", err=True)
        return 1
    for terms in found.contracts:
        click.echo(f"{file}:{terms.line}: contract {terms.name}: {terms.when}")
    if not found.contracts:
        click.echo(f"{file}: valid, and without a contract.")
    return 0
