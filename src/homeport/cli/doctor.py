"""`homeport doctor`: says what this machine lacks, and what cures it."""

import json
import sys
from dataclasses import asdict

import click

from homeport.cli import checks
from homeport.model.home import default_home

EPILOG = """\b
Examples:
  homeport doctor
  homeport doctor --json | jq '.[] | select(.state == "problem")'
"""

_COLOURS: dict[checks.State, str] = {"ok": "green", "note": "yellow", "problem": "red"}


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, one object for each check.")
def command(as_json: bool) -> int:
    """Check this machine, and name the cure for what is missing.

    Namespaces and mounts are tried, not guessed. Exits with 1 when no container can run.
    """
    home = default_home()
    found = []
    for finding in checks.all_findings(home):
        found.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    stops = any(finding.stops_containers and finding.state == "problem" for finding in found)
    if stops and not as_json:
        click.echo("No container can run on this machine before that is cured.", err=True)
    return 1 if stops else 0


def _print(finding: checks.Finding) -> None:
    state = f"{finding.state:<8}"
    styled = click.style(state, fg=_COLOURS[finding.state]) if sys.stdout.isatty() else state
    click.echo(f"{styled} {finding.name:<14} {finding.text}")
    if finding.cure and finding.state != "ok":
        click.echo(f"{'':9}{'':14} cure: {finding.cure}")
