"""A job in CI is ended before the function that it waits for

`modal run` without `--detach` keeps an app alive by its connection: when a GitHub job reaches its limit
(`timeout-minutes`, 360 without it), the command is ended, the app is stopped, and the training with it,
although the function was given longer. With `--detach` the app goes on without the job.

Bad:
    import modal

    app = modal.App("cats")

    @app.function(timeout=24 * 60 * 60)
    def train():
        print("training")
    # file: .github/workflows/train.yml
    on: workflow_dispatch
    jobs:
      train:
        runs-on: ubuntu-latest
        steps:
          - run: modal run app.py

Good:
    import modal

    app = modal.App("cats")

    @app.function(timeout=24 * 60 * 60)
    def train():
        print("training")
    # file: .github/workflows/train.yml
    on: workflow_dispatch
    jobs:
      train:
        runs-on: ubuntu-latest
        steps:
          - run: modal run --detach app.py
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from homeport.check.facts import Facts, Function
from homeport.check.findings import Finding
from homeport.check.rules._given import number, remote_functions, seconds, timeout_of
from homeport.check.rules._yaml import Node, items, parse, text_of
from homeport.check.values import Site

CODE = "HP411"

_DEFAULT_MIN = 360.0
_RUNS = re.compile(r"\b(?:modal|homeport)\s+run\b([^\n;&|]*)")


@dataclass(frozen=True)
class _Job:
    """A job's, or a step's, limit with the command that runs under it."""

    name: str
    limit_min: float
    words: str
    site: Site


def check(facts: Facts) -> Iterator[Finding]:
    for path, text in facts.project.workflows.items():
        if "run" not in text or facts.entry.path.stem not in text:
            continue
        for job in _jobs(path, text):
            yield from _of_job(facts, job)


def _of_job(facts: Facts, job: _Job) -> Iterator[Finding]:
    words = job.words.split()
    if any(word in ("-d", "--detach") for word in words):
        return
    reference = next((word for word in words if _names_entry(facts, word)), None)
    if reference is None:
        return
    wanted = reference.partition("::")[2].rpartition(".")[2]
    longest = max(
        (
            pair
            for pair in _limits(facts)
            if not wanted or pair[0].name == wanted or _is_entry_point(facts, wanted)
        ),
        key=lambda pair: pair[1],
        default=None,
    )
    if longest is None or longest[1] <= job.limit_min * 60:
        return
    function, limit_s = longest
    yield Finding(
        CODE,
        job.site,
        f"the job {job.name} is ended after {seconds(job.limit_min * 60)}, and {function.name}, which it "
        "waits "
        f"for, may take {seconds(limit_s)}",
        "warning",
        function.name,
        fix="Run it with --detach, or set timeout-minutes: above the function's limit.",
    )


def _limits(facts: Facts) -> Iterator[tuple[Function, float]]:
    for function in remote_functions(facts):
        limit = timeout_of(function)
        if limit is not None:
            yield function, limit


def _is_entry_point(facts: Facts, name: str) -> bool:
    return any(each.name == name and each.kind == "local_entrypoint" for each in facts.app.functions)


def _names_entry(facts: Facts, word: str) -> bool:
    """Whether a word of the command is this app's file, or its module."""
    name = word.strip("\"'").partition("::")[0]
    path = facts.entry.path.as_posix()
    return path.endswith((f"/{name.removeprefix('./')}", f"/{name.replace('.', '/')}.py"))


def _jobs(path: Path, text: str) -> Iterator[_Job]:
    document = parse(text)
    for name, job in items(dict(items(document)).get("jobs")):
        parts = dict(items(job))
        limit = _minutes(parts.get("timeout-minutes"), _DEFAULT_MIN)
        for step in items(parts.get("steps")):
            step_parts = dict(items(step[1]))
            script = text_of(step_parts.get("run"))
            own = _minutes(step_parts.get("timeout-minutes"), limit)
            if limit is None or own is None:
                continue
            for found in _RUNS.finditer(script.replace("\\\n", " ")):
                node = step_parts["run"]
                line = node.line + (script[: found.start()].count("\n") + 1 if node.is_block else 0)
                yield _Job(name, min(limit, own), found[1], Site(path, line, 0, line, 0))


def _minutes(node: Node | None, default: float | None) -> float | None:
    """None for an expression, `${{ … }}`."""
    if node is None:
        return default
    try:
        return number(float(text_of(node)))
    except ValueError:
        return None
