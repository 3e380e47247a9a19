"""`homeport check --probe`: builds the images and imports in the real containers, beside what the check says.

A throw-away app (check/inside/probe.py) is run by the real client against the engine; check/probing.py makes
its plan and judges what came of it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from homeport.check import probing
from homeport.check.facts import Facts
from homeport.check.gathering import Question, gather
from homeport.check.probing import Judged, Plan, Probed
from homeport.check.source import Sources
from homeport.check.values import Site
from homeport.model.errors import FailedPreconditionError, InvalidError

DRIVER = Path(probing.__file__).with_name("inside") / "probe.py"
LOAD_TIMEOUT_S = 120.0  # images are built afterwards, which takes longer
SOURCES = Path(probing.__file__).parents[2]  # where `homeport` is imported from


def probe(questions: list[Question], form: str) -> int:
    """Probes the apps and prints what came of it. Returns the exit status: 1 where something is missing, or
    differs from what was said.
    """
    if form not in ("text", "json"):
        raise InvalidError(f"--probe has no --format {form}: take text or json.")
    if any(question.python is None for question in questions):
        raise InvalidError("--probe runs the app: leave --static away.")
    sources = Sources()
    reports = []
    for question in questions:
        facts = gather(replace(question, load_timeout_s=LOAD_TIMEOUT_S), sources)
        reports.append((question, facts, _probed(question, facts)))
    if form == "json":
        click.echo(json.dumps([_as_json(*report) for report in reports], indent=2))
    else:
        for report in reports:
            _print(*report)
    every = [probed for _, _, functions in reports for probed in functions]
    return 1 if any(one.error or one.lacks or _differing(one) for one in every) else 0


def _probed(question: Question, facts: Facts) -> list[Probed]:
    if facts.load_failure is not None:
        raise FailedPreconditionError(
            f"{question.entry.name} cannot be probed, since it {facts.load_failure.why}."
        )
    functions = [function for function in facts.app.functions if function.name in facts.containers]
    if question.function:
        functions = [one for one in functions if one.name == question.function.partition(".")[0]]
    if not functions:
        raise InvalidError(f"{question.entry.name} has no function to probe.")
    plans = {function.name: probing.plan_of(function, facts) for function in functions}
    found = _together(question, plans)
    return [probing.judge(function, plans[function.name], found.get(function.name)) for function in functions]


def _together(question: Question, plans: Mapping[str, Plan]) -> dict[str, Any]:
    """What came of the plans. Where an image cannot be built, nothing of an app runs: then each by itself."""
    names = ", ".join(plans)
    click.echo(f"Building what {names} run in, and importing there …", err=True)
    results, output = _run(question, plans)
    if results is not None:
        return results
    if len(plans) == 1:
        return {name: {"error": _reason(output)} for name in plans}
    found: dict[str, Any] = {}
    for name, plan in plans.items():
        found |= _together(question, {name: plan})
    return found


def _run(question: Question, plans: Mapping[str, Plan]) -> tuple[dict[str, Any] | None, str]:
    """Runs the throw-away app for these functions: their results, None where it failed, and its output."""
    from homeport.cli import client_environment, service
    from homeport.model.home import default_home

    assert question.python is not None
    home = default_home()
    endpoint, _ = service.start(home)
    environment = client_environment.applied(os.environ, endpoint, service.read_token(home))
    with tempfile.TemporaryDirectory(prefix="homeport-probe-") as name:
        folder = Path(name)
        driver = folder / "homeport_probe.py"
        shutil.copyfile(DRIVER, driver)
        asked = {
            "entry": str(question.launcher.folder / question.entry),
            "module": question.as_module,
            "homeport": str(SOURCES),
            "plans": {name: plan.steps for name, plan in plans.items()},
            "results": str(folder / "results.json"),
        }
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        line = [str(question.python), "-m", "modal", "run", str(driver)]
        environment |= {"HOMEPORT_PROBE": str(folder / "asked.json"), "PYTHONDONTWRITEBYTECODE": "1"}
        output = _output_of(line, question.launcher.folder, environment)
        try:
            return json.loads((folder / "results.json").read_text(encoding="utf-8")), output
        except (OSError, ValueError):
            return None, output


def _output_of(line: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Runs the client to its end, also after Ctrl-C, which it answers by stopping the app. On a terminal,
    what it says of builds is shown meanwhile.
    """
    said: list[str] = []
    process = subprocess.Popen(
        line,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    try:
        for text in process.stdout:
            said.append(text)
            if sys.stderr.isatty():
                click.secho(text, nl=False, err=True, dim=True)
        process.wait()
    except KeyboardInterrupt:
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    finally:
        process.stdout.close()
    return "".join(said)


def _reason(output: str) -> str:
    """The last lines that the client said, without the frame that it draws around them."""
    lines = [line.strip(" │╭╮╰╯─") for line in output.splitlines()]
    return "\n".join([line for line in lines if line][-12:]) or "the client said nothing"


# ---- what is shown


def _differing(probed: Probed) -> list[Judged]:
    return [one for one in probed.judged if one.verdict == "differs"]


def _as_json(question: Question, facts: Facts, functions: list[Probed]) -> dict[str, Any]:
    def item(one: Judged) -> dict[str, Any]:
        site = one.item.site
        return {
            "kind": one.item.kind,
            "what": one.item.what,
            "file": str(site.path),
            "line": site.line,
            "column": site.column + 1,
            "needed": one.item.is_needed,
            "said": one.item.said,
            "is": one.outcome,
            "where": one.where,
            "error": one.error,
            "verdict": one.verdict,
        }

    return {
        "app": str(question.entry),
        "functions": [
            {
                "name": probed.function.name,
                "python": probed.python,
                "error": probed.error,
                "entry": dict(probed.entry),
                "items": [item(one) for one in probed.judged],
            }
            for probed in functions
        ],
    }


def _print(question: Question, facts: Facts, functions: list[Probed]) -> None:
    for probed in functions:
        _print_function(probed, question.launcher.folder)


def _print_function(probed: Probed, folder: Path) -> None:
    name = probed.function.name
    if probed.error:
        click.echo(f"{name}: could not be probed:\n  " + probed.error.replace("\n", "\n  "))
        return
    counts = {
        verdict: sum(one.verdict == verdict for one in probed.judged)
        for verdict in ("agrees", "differs", "unproven")
    }
    click.echo(
        f"{name} (Python {probed.python}): {len(probed.judged)} imports and files; the check agrees on "
        f"{counts['agrees']}, differs on {counts['differs']}, cannot prove {counts['unproven']}"
    )
    for one in probed.judged:
        is_odd = one.outcome != "there" and (one.item.is_needed or one.item.kind == "import")
        if not is_odd and one.verdict != "differs":
            continue
        said = "" if one.verdict == "agrees" else f" (the check says: {one.item.said})"
        needed = "" if one.item.is_needed else ", not needed for certain"
        error = f": {one.error}" if one.error else ""
        click.echo(f"  {_at(one.item.site, folder)}: {one.item.what} {one.outcome}{needed}{error}{said}")


def _at(site: Site, folder: Path) -> str:
    path = site.path.relative_to(folder) if site.path.is_relative_to(folder) else site.path
    return f"{path}:{site.line}:{site.column + 1}"
