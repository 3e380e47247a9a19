"""`homeport check`: what would fail in an app's containers and its run, said before anything is built."""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from homeport.cli.check_references import Reference, references
from homeport.model.errors import HomeportError, NotFoundError
from homeport.plan.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homeport.check.facts import Launcher
    from homeport.check.gathering import Question
    from homeport.check.kept import Kept
    from homeport.check.preflight import Result, Selection
    from homeport.check.rendering.places import Places

EPILOG = """\b
Examples:
  homeport check app.py                                   every function of the app
  homeport check app.py::train                            one, and what it calls
  homeport check app.py::train -- --config-path c.yaml    do these arguments fit, and what they name?
  homeport check -m package.app                           as modal run -m takes it
  homeport check .                                        all apps below this folder
  homeport check --elsewhere --format github .            in CI, where the app is not run from
  homeport check --fix app.py
  homeport check --probe app.py                           build it here, and import for real
  homeport check --explain HP101

\b
Exit status: 0 nothing that fails for certain, 1 errors (with --strict also warnings), 2 the check could
not be made. `# homeport: ignore[HP101]` at the end of a line takes back what is said of it.
"""

LONG_S = 2.0  # what takes longer to be loaded is explained
FORMATS = ("text", "json", "sarif", "github")


class _WithArguments(click.Command):
    """Keeps what stands after `--`, which click would mix with the files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        place = args.index("--") if "--" in args else len(args)
        ctx.obj = tuple(args[place + 1 :]) if place < len(args) else None
        try:
            return super().parse_args(ctx, args[:place])
        except click.NoSuchOption as error:
            if ctx.obj is not None or not any("::" in arg for arg in args):
                raise
            hint = f"Arguments of the function go after --, as in: -- {error.option_name} …"
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from None


@click.command(cls=_WithArguments, epilog=EPILOG)
@click.argument("apps", nargs=-1, metavar="[FILE[::FUNCTION] | FOLDER]... [-- ARGUMENTS]")
@click.option("-m", "as_module", is_flag=True, help="FILE is a module's name, as with modal run -m.")
@click.option("--static", is_flag=True, help="Only read the source: nothing of the app is run.")
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="The Python with modal that would run the app.  [default: that of the shell's modal command]",
)
@click.option("--fresh", is_flag=True, help="Load the app again, though nothing that it read is another.")
@click.option(
    "--elsewhere",
    is_flag=True,
    help="It is run from another machine: this one's packages and variables do not count. Implies --static.",
)
@click.option(
    "--target",
    type=click.Choice(["homeport", "modal"]),
    default="homeport",
    help="Whose limits hold.  [default: homeport]",
)
@click.option("--select", "select", multiple=True, metavar="CODES", help="Only these, such as HP101,HP2.")
@click.option("--ignore", "ignore", multiple=True, metavar="CODES", help="All but these.")
@click.option("--strict", is_flag=True, help="Warnings, too, are exit status 1.")
@click.option("--probe", is_flag=True, help="Build the images, and import in the real containers.")
@click.option("--fix", is_flag=True, help="Apply the fixes that are certain.")
@click.option("--diff", is_flag=True, help="Show these fixes as a patch, and change nothing.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="[default: text]")
@click.option(
    "--explain",
    is_flag=False,
    flag_value="all",
    metavar="[CODE]",
    help="Say what a code means, with examples; without one, list all.",
)
@click.pass_obj
def command(arguments: tuple[str, ...] | None, /, explain: str | None, **given: Any) -> int:
    """Say what would fail in an app's containers and in its run, where, why, and how to mend it.

    Nothing is built, and no network used. The app is read, and loaded as modal run loads it, in a process
    of its own without a server; --static only reads. Without FILE: all apps below this folder.
    """
    try:
        if explain is not None:
            if given["apps"]:
                raise click.UsageError("--explain takes a code, and no FILE beside it.")
            from homeport.cli.check_rules import explanation

            click.echo(explanation(explain), nl=False)
            return 0
        return _check(arguments, **given)
    except HomeportError as error:
        click.secho(f"homeport: {error}", err=True, fg="red" if "NO_COLOR" not in os.environ else None)
        return 2


def _check(
    arguments: tuple[str, ...] | None,
    *,
    apps: tuple[str, ...],
    as_module: bool,
    static: bool,
    python: Path | None,
    fresh: bool,
    elsewhere: bool,
    target: Any,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    strict: bool,
    probe: bool,
    fix: bool,
    diff: bool,
    form: str,
) -> int:
    from homeport.check.preflight import preflight
    from homeport.check.rendering.places import Places
    from homeport.cli.check_rules import selection

    folder = Path.cwd()
    chosen = selection(select, ignore)
    found = references(apps or (".",), folder, as_module=as_module, has_arguments=arguments is not None)
    interpreter = _interpreter(python)
    launcher = _launcher(folder, interpreter, elsewhere=elsewhere)
    loading = None if static or elsewhere else interpreter
    if fresh and loading is None:
        raise click.UsageError(
            "--fresh loads the app, which --static and --elsewhere only read: take one of them."
        )
    kept = _kept(is_fresh=fresh) if loading else None
    questions = [_question(reference, arguments, launcher, loading, kept, target) for reference in found]
    if probe:
        from homeport.cli.check_probe import probe as probe_apps

        is_other_target = target != "homeport"
        if fix or diff or strict or select or ignore or is_other_target or arguments is not None:
            raise click.UsageError(
                "--probe takes FILE[::FUNCTION], -m, --python and --format text or json alone."
            )
        return probe_apps(questions, form)
    if fix and diff:
        raise click.UsageError("--fix changes files, and --diff nothing: take one of them.")
    with _progress(len(questions)) as begin:
        result = preflight(questions, chosen, begin)
    _require_apps(result)
    if kept and form == "text":
        _say_what_took_long(kept)
    if fix or diff:
        result = _mend(result, questions, chosen, Places(result.reports, folder), is_dry=not fix)
    if not (diff and not fix):
        click.echo(_rendered(result, Places(result.reports, folder), form), nl=False, color=True)
    counts = result.counts
    return 1 if counts["error"] or (strict and counts["warning"]) else 0


@contextlib.contextmanager
def _progress(total: int) -> "Iterator[Callable[[int, Question], None]]":
    """A line on a terminal that says which of several apps is looked into, and goes when that is done."""
    if total < 2 or not sys.stderr.isatty():
        yield lambda number, question: None
        return

    def say(number: int, question: "Question") -> None:
        line = f"checking {number} of {total}: {os.path.relpath(question.entry)}"
        click.echo(f"\r\033[K{line[:100]}", nl=False, err=True)

    try:
        yield say
    finally:
        click.echo("\r\033[K", nl=False, err=True)


def _kept(*, is_fresh: bool) -> "Kept | None":
    """Apps as they were loaded before; nothing is kept where others may look into the home."""
    from homeport.check.kept import Kept
    from homeport.model.home import default_home

    try:
        home = default_home()
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_private = not home.root.stat().st_mode & 0o077
    except (HomeportError, OSError):
        return None
    return Kept(home.cache / "loaded", is_fresh=is_fresh) if is_private else None


def _say_what_took_long(kept: "Kept") -> None:
    for entry, seconds in kept.took_s.items():
        if seconds > LONG_S:
            click.echo(
                f"{os.path.relpath(entry)} took {seconds:.1f} s to be loaded; until something that it reads "
                "is changed, it is not loaded again.",
                err=True,
            )


def _require_apps(result: "Result") -> None:
    """Raises NotFoundError where a file that was named has no app, or an app no function of that name."""
    from homeport.check.called import chosen_function
    from homeport.check.gathering import has_objects

    if not result.reports:
        raise NotFoundError("There is no Modal app below the folder.")
    for report in result.reports:
        facts, name = report.facts, report.question.function
        typed = report.question.as_module or os.path.relpath(report.question.entry)
        if facts.entry.error:
            continue
        if not has_objects(facts.app):
            raise NotFoundError(f"There is no Modal app in {typed}.")
        if name and chosen_function(facts, name) is None:
            names = [function.name for function in facts.app.functions]
            near = closest(name, names)
            hint = f"Did you mean {near}?" if near else f"It has {', '.join(names) or 'none'}."
            raise NotFoundError(f"{typed} has no function {name}. {hint}")


def _interpreter(python: Path | None) -> Path:
    """The Python whose modal would run the app. Raises NotFoundError for one that was named and is none."""
    from homeport.check.launcher import python_of_modal

    if python is not None and not os.access(python, os.X_OK):
        raise NotFoundError(f"{python} is no Python that can be run.")
    return python or python_of_modal(os.environ, Path(sys.executable))


def _launcher(folder: Path, interpreter: Path, *, elsewhere: bool) -> "Launcher":
    from dataclasses import replace

    from homeport.check.launcher import this_launcher

    here = this_launcher(folder, os.environ, interpreter)
    if not elsewhere:
        return here
    return replace(here, variables=frozenset(), modules=frozenset(), is_elsewhere=True)


def _question(
    reference: Reference,
    arguments: tuple[str, ...] | None,
    launcher: "Launcher",
    python: Path | None,
    kept: "Kept | None",
    target: Any,
) -> "Question":
    from homeport.check.facts import Command
    from homeport.check.gathering import Question
    from homeport.cli.check_layers import HomeLayers
    from homeport.cli.check_secrets import secrets_here

    typed = None if arguments is None else Command(reference.function, arguments)
    return Question(
        reference.entry,
        launcher,
        as_module=reference.as_module,
        function=reference.function,
        command=typed,
        python=python,
        kept=kept,
        is_sought=reference.is_sought,
        secrets=secrets_here if target == "homeport" and not launcher.is_elsewhere else None,
        layers=HomeLayers() if target == "homeport" and not launcher.is_elsewhere else None,
        target=target,
    )


def _rendered(result: "Result", places: "Places", form: str) -> str:
    """The result in one of FORMATS; the module of each is imported when it is asked for."""
    if form == "text":
        from homeport.check.rendering import text

        has_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        return text.render(result, places, has_colour=has_colour)
    from importlib import import_module

    module = import_module(f"homeport.check.rendering.{'json_report' if form == 'json' else form}")
    rendered = module.render(result, places)
    assert isinstance(rendered, str)
    return rendered


def _mend(
    result: "Result", questions: "list[Question]", chosen: "Selection", places: "Places", *, is_dry: bool
) -> "Result":
    """Applies, or shows, the certain fixes, and returns what is left after them."""
    from homeport.check import fix
    from homeport.check.preflight import preflight

    findings = [reported.finding for report in result.reports for reported in report.findings]
    plan = fix.plan(findings)
    for patch in plan.patches:
        shown = places.shown(patch.source.path)
        if is_dry:
            click.echo(patch.diff(shown), nl=False)
            continue
        patch.apply()
        lines = [
            f"fixed {places.at(finding.site)}: {finding.code} {finding.fix}" for finding in patch.findings
        ]
        for line in dict.fromkeys(lines):  # the same of two apps
            click.echo(line, err=True)
    for finding, why in plan.refused:
        click.echo(f"not fixed {places.at(finding.site)}: {finding.code}: {why}", err=True)
    if is_dry or not plan.patches:
        return result
    return preflight(questions, chosen)
