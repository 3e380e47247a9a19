"""The check that `homeport run` makes first: the source alone, and only errors of what will be run count.

An app that runs must never be stopped here. So whatever is not understood, down to a mistake of this
check's own, lets the app be run, and modal say what it has to say.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from homeport.check.preflight import Report, Result

_VALUES = frozenset({"-n", "--name", "-w", "--write-result", "-e", "--env", "--profile"})
_FLAGS = frozenset({"--quiet", "--detach", "--interactive", "--timestamps", "--no-timestamps"})
_LETTERS = frozenset("qdim")


@dataclass(frozen=True)
class Run:
    """What `modal run` is asked for."""

    reference: str
    as_module: bool
    is_detached: bool
    arguments: tuple[str, ...]


def parse(args: Sequence[str]) -> Run | None:
    """The arguments as modal run reads them; None for those that this does not know, or that run nothing."""
    flags: set[str] = set()
    place = 0
    while place < len(args) and args[place].startswith("-") and args[place] != "-":
        word, has_value, _ = args[place].partition("=")
        if word in _VALUES:
            place += 1 if has_value else 2
        elif word in _FLAGS or (not word.startswith("--") and _LETTERS.issuperset(word[1:])):
            flags |= {word} if word.startswith("--") else set(word[1:])
            place += 1
        else:
            return None
    rest = tuple(args[place:])
    if not rest or rest[0] == "-" or "--help" in rest or "-h" in rest:
        return None
    return Run(rest[0], "m" in flags, bool(flags & {"d", "--detach"}), rest[1:])


def will_fail(args: Sequence[str]) -> bool:
    """Whether the run fails for certain; if so, says why on stderr."""
    run = parse(args)
    if run is None:
        return False
    try:
        result = _checked(run)
    except Exception as error:
        click.echo(f"homeport: not checked, since {type(error).__name__}: {error}", err=True)
        return False
    if result is None:
        return False
    errors = _stopping(result)
    if errors.reports[0].findings:
        _say(errors, run)
        return True
    if result.counts["warning"] and sys.stderr.isatty():
        number = result.counts["warning"]
        what = "a warning" if number == 1 else f"{number} warnings"
        click.echo(f"homeport check {run.reference} has {what}.", err=True)
    return False


def _checked(run: Run) -> "Result | None":
    from homeport.check.facts import Command
    from homeport.check.gathering import Question
    from homeport.check.launcher import this_launcher
    from homeport.check.preflight import preflight
    from homeport.cli.check_layers import HomeLayers
    from homeport.cli.check_references import references
    from homeport.cli.check_secrets import secrets_here
    from homeport.model.errors import HomeportError

    folder = Path.cwd()
    try:
        (reference,) = references([run.reference], folder, as_module=run.as_module)
        question = Question(
            reference.entry,
            this_launcher(folder, os.environ, Path(sys.executable)),
            as_module=reference.as_module,
            function=reference.function,
            command=Command(reference.function, run.arguments, run.is_detached),
            secrets=secrets_here,
            layers=HomeLayers(),
        )
        return preflight([question])
    except (HomeportError, ValueError):
        return None  # no such file, or none with an app: modal says so itself


def _stopping(result: "Result") -> "Result":
    """Of what was found, the errors of the app and of the functions that this run calls for certain."""
    from homeport.check.called import called_for_certain

    def of_this_run(report: "Report") -> "Report":
        command = report.facts.command
        called = called_for_certain(report.facts, command.function if command else "")
        return replace(
            report,
            findings=tuple(
                reported
                for reported in report.findings
                if reported.finding.severity == "error"
                and (not reported.functions or called.intersection(reported.functions))
            ),
        )

    return replace(result, reports=tuple(of_this_run(report) for report in result.reports))


def _say(errors: "Result", run: Run) -> None:
    from homeport.check.rendering import text
    from homeport.check.rendering.places import Places

    has_colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    places = Places(errors.reports, Path.cwd())
    click.echo(text.render(errors, places, has_colour=has_colour), nl=False, err=True, color=True)
    click.echo(f"Nothing was run. To run it all the same: homeport run --no-check {run.reference}", err=True)
