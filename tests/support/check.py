"""The preflight of an app that is written in a test: `findings_of({"app.py": "…"})`."""

import contextlib
import shlex
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from homeport.check.facts import Command, Launcher
from homeport.check.findings import Finding
from homeport.check.gathering import Question
from homeport.check.preflight import Result, preflight
from homeport.check.rules import Example

# What a machine has where modal is installed and nothing else.
MODULES = frozenset({"modal", "modal_proto", "google", "grpclib", "click", "rich", "typer", "yaml"})


def findings_of(
    files: Mapping[str, str],
    *,
    command: str = "",
    run: str = "",
    variables: Iterable[str] = ("HOME", "PATH"),
    secrets: Iterable[str] | None = None,
    target: Literal["homeport", "modal"] = "homeport",
    modules: Iterable[str] = MODULES,
    client_version: str = "1.6.4",
    is_loaded: bool = False,
    only: str = "",
    folder: Path | None = None,
) -> list[Finding]:
    """What the static check says of an app: files by name. The entry is the command's, else the first.

    `command` is what stands after `homeport check`, as "app.py::train -- --lr 1", `run` what stands after
    `homeport run`. `variables` are those of the launcher's shell, `modules` what its Python can import,
    `only` a code or the beginning of one. `is_loaded`: the app is not only read. A rule that raises an
    exception fails the test.
    """
    with _written(files, folder) as place:
        result = check(
            place,
            next(iter(files)),
            command=command,
            run=run,
            variables=variables,
            secrets=secrets,
            target=target,
            modules=modules,
            client_version=client_version,
            is_loaded=is_loaded,
        )
    return [
        reported.finding
        for report in result.reports
        for reported in report.findings
        if reported.finding.code.startswith(only)
    ]


def check(
    folder: Path,
    entry: str,
    *,
    command: str = "",
    run: str = "",
    variables: Iterable[str] = (),
    secrets: Iterable[str] | None = None,
    target: Literal["homeport", "modal"] = "homeport",
    modules: Iterable[str] = MODULES,
    client_version: str = "1.6.4",
    is_loaded: bool = False,
) -> Result:
    """The check of an app that lies in `folder`."""
    reference, arguments = _split(command)
    is_detached = False
    if run:
        words = shlex.split(run)
        is_detached = any(word in ("-d", "--detach") for word in words)
        position = next(place for place, word in enumerate(words) if not word.startswith("-"))
        reference, arguments = words[position], tuple(words[position + 1 :])
    name, _, function = reference.partition("::")
    question = Question(
        entry=folder / (name or entry),
        launcher=Launcher(folder, frozenset(variables), client_version, "3.11", frozenset(modules)),
        function=function,
        command=None if arguments is None else Command(function, arguments, is_detached),
        python=Path(sys.executable) if is_loaded else None,
        target=target,
        secrets=None if secrets is None else lambda: frozenset(secrets),
    )
    result = preflight([question])
    (report,) = result.reports
    broken = [reported.finding.message for reported in report.findings if reported.finding.code == "HP000"]
    assert not broken, broken
    return result


def findings_of_example(example: Example, only: str = "", folder: Path | None = None) -> list[Finding]:
    """What is said of an example from a rule's docstring, which is written to `folder`, if that is given."""
    typed = dict(example.typed)
    return findings_of(
        example.files,
        command=typed.get("command", ""),
        run=typed.get("run", ""),
        variables=(*typed.get("shell", "").split(), "HOME", "PATH"),
        secrets=typed["secrets"].split() if "secrets" in typed else None,
        target="modal" if typed.get("target") == "modal" else "homeport",
        is_loaded="loaded" in typed,
        only=only,
        folder=folder,
    )


def _split(command: str) -> tuple[str, tuple[str, ...] | None]:
    words = shlex.split(command)
    if "--" not in words:
        return (words[0] if words else ""), None
    place = words.index("--")
    return words[0], tuple(words[place + 1 :])


@contextlib.contextmanager
def _written(files: Mapping[str, str], folder: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hp-check-") as made:
        place = (folder or Path(made)).resolve()
        for name, text in files.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        yield place
