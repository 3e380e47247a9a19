"""The preflight as a whole: gathers the facts of apps, has the rules look at them, sorts what they find.

The one place that calls the parts in turn: reading or loading, laying out containers, walking the code,
rules, ignores. What is shown, and how, is rendering's.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from homeport.check import ignores, rules
from homeport.check.arguments import walked_with_arguments
from homeport.check.facts import (
    App,
    Call,
    Command,
    Container,
    Event,
    Facts,
    Function,
    Launcher,
    LoadFailure,
    Module,
    Step,
)
from homeport.check.filesystem import lay_out
from homeport.check.findings import Finding
from homeport.check.local_sources import local_sources
from homeport.check.merging import Reported, merged
from homeport.check.project import project_of
from homeport.check.reading import read_app
from homeport.check.redaction import redacted
from homeport.check.source import Sources
from homeport.check.values import Site, Unknown
from homeport.check.walk import walk, walk_launch

OWN_MISTAKE = "HP000"


@dataclass(frozen=True)
class Question:
    """What is to be checked: the app of `entry`, as it is run from `launcher.folder`.

    `as_module` is the name that `modal run -m` takes. `function` restricts what is said to it and what it
    calls. `python` is the interpreter that loads the app; without one it is only read. `is_sought`: the file
    was found below a folder, and may have no app. `secrets` tells the names that the server has, None where
    they are not known.
    """

    entry: Path
    launcher: Launcher
    as_module: str = ""
    function: str = ""
    command: Command | None = None
    python: Path | None = None
    load_timeout_s: float = 20.0
    target: Literal["homeport", "modal"] = "homeport"
    secrets: Callable[[], frozenset[str] | None] | None = None
    is_sought: bool = False


@dataclass(frozen=True)
class Selection:
    """Which codes are asked for: whole ones, or beginnings such as HP2. `select` empty: all."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def takes(self, code: str) -> bool:
        return (not self.select or code.startswith(self.select)) and not code.startswith(
            self.ignore or ("-",)
        )


@dataclass(frozen=True)
class Report:
    """What is found of one app, in the order of its files."""

    question: Question
    facts: Facts
    findings: tuple[Reported, ...]


@dataclass(frozen=True)
class Result:
    """`ignored` counts what comments in the source took back."""

    reports: tuple[Report, ...]
    ignored: int
    elapsed_s: float

    @property
    def counts(self) -> dict[str, int]:
        found = {"error": 0, "warning": 0, "note": 0}
        for report in self.reports:
            for reported in report.findings:
                found[reported.finding.severity] += 1
        return found


def preflight(
    questions: Sequence[Question],
    selection: Selection | None = None,
    begin: Callable[[int, Question], None] = lambda number, question: None,
) -> Result:
    """What the rules say of the apps; nothing of a file that was sought and has none.

    `begin` is told of each question, with its number from 1, before it is looked into.
    """
    started = time.perf_counter()
    chosen = selection or Selection()
    with _little_garbage():
        reports, ignored = _reports(questions, chosen, begin)
    return Result(reports, ignored, time.perf_counter() - started)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Trees and facts live until the check is done: looking for garbage among them takes a fifth of it."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], 200_000) if before[0] else 0)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _reports(
    questions: Sequence[Question], chosen: Selection, begin: Callable[[int, Question], None]
) -> tuple[tuple[Report, ...], int]:
    known = Sources()
    found = []
    for number, question in enumerate(questions, 1):
        begin(number, question)
        facts, said = _asked(question, chosen, known)
        if question.is_sought and has_objects(facts.app):
            question, facts, said = _where_it_fares_best(question, chosen, known, (facts, said))
        elif question.is_sought and not facts.entry.error:
            continue
        order = {function.name: place for place, function in enumerate(facts.app.functions)}
        found.append(Report(question, facts, tuple(merged(said, order))))
    return _without_ignored(found, chosen)


def _asked(question: Question, selection: Selection, known: Sources) -> tuple[Facts, list[Finding]]:
    facts = gather(question, Sources(known))
    relevant = _relevant(facts, question.function)
    return facts, [finding for finding in _apply(facts, selection) if finding.function in relevant]


def _where_it_fares_best(
    question: Question, selection: Selection, known: Sources, here: tuple[Facts, list[Finding]]
) -> tuple[Question, Facts, list[Finding]]:
    """Of an app below a folder nobody knows how its command is typed: there, or in a folder on the way, and
    as a file or a module (`modal run -m`). It counts where it has the fewest errors.
    """

    def errors(asked: tuple[Facts, list[Finding]]) -> int:
        return sum(finding.severity == "error" for finding in asked[1])

    best = here
    for folder, as_module in _ways(question.entry, question.launcher.folder):
        if not errors(best):
            break
        launcher = replace(question.launcher, folder=folder)
        other = replace(question, launcher=launcher, as_module=as_module)
        asked = _asked(other, selection, known)
        if errors(asked) < errors(best):
            best, question = asked, other
    return question, *best


def _ways(entry: Path, top: Path) -> Iterator[tuple[Path, str]]:
    """Folders and modules' names that an entry file below `top` may be run by, but for the file in `top`."""
    for place in entry.parents:
        if not place.is_relative_to(top):
            return
        if place != top:
            yield place, ""
        parts = entry.relative_to(place).with_suffix("").parts
        if len(parts) > 1 and all(part.isidentifier() for part in parts):
            yield place, ".".join(parts)


def gather(question: Question, sources: Sources) -> Facts:
    """The facts of one entry file."""
    launcher = question.launcher
    entry = sources.read(question.entry, question.as_module or question.entry.stem)
    source_app = read_app(entry, sources, launcher.folder, launcher, question.command)
    app, failure = _loaded(question, entry, sources, source_app) if question.python else (source_app, None)
    containers: dict[str, Container] = {}
    events: dict[str, tuple[Event, ...]] = {}
    for function in app.functions:
        if function.kind == "local_entrypoint":
            events[function.name] = walk_launch(entry, sources, app, launcher, function)
            continue
        container = lay_out(
            function,
            app,
            entry,
            folder=launcher.folder,
            as_module=bool(question.as_module),
            launcher_python=launcher.python_version,
        )
        containers[function.name] = container
        events[function.name] = walk(function, container, sources, app)
    launch_events = walk_launch(entry, sources, app, launcher)
    modules = sources.modules()
    facts = Facts(
        entry=entry,
        app=app,
        source_app=source_app,
        modules=modules,
        containers=containers,
        events=events,
        launch_events=launch_events,
        launcher=launcher,
        command=question.command,
        project=project_of(launcher.folder, modules.values(), containers, question.command),
        target=question.target,
        server_secrets=question.secrets() if question.secrets and _names_secrets(app) else None,
        sources=local_sources(app, entry, launcher.folder, launcher.modules),
        load_failure=failure,
    )
    return replace(facts, with_arguments=walked_with_arguments(facts, sources))


def _names_secrets(app: App) -> bool:
    """Whether it matters which Secrets the server has, which takes a while to look up."""
    steps = [step for function in app.functions if function.image for step in function.image.steps]
    return any(function.secrets for function in app.functions) or any(
        isinstance(step, Step) and not {"secret", "secrets"}.isdisjoint(step.options) for step in steps
    )


def _loaded(
    question: Question, entry: Module, sources: Sources, source_app: App
) -> tuple[App, LoadFailure | None]:
    """The app as loading it gives it; where that fails as the source has it, with why."""
    from homeport.check.loading import load_app

    assert question.python is not None
    if entry.error or not has_objects(source_app):
        return source_app, None
    loaded = load_app(
        question.entry,
        entry,
        as_module=bool(question.as_module),
        python=question.python,
        folder=question.launcher.folder,
        timeout_s=question.load_timeout_s,
        sources=sources,
        source_app=source_app,
    )
    return (source_app, loaded) if isinstance(loaded, LoadFailure) else (loaded, None)


def chosen_function(facts: Facts, name: str) -> str | None:
    """The function that `modal run FILE::NAME` runs, as the client chooses it; None where it would refuse.

    NAME may be a function, `app.function`, a class's method, or nothing: the one entry point, else the one
    function that there is.
    """
    functions = {function.name: function for function in facts.app.functions}
    if not name:
        entry_points = [each for each in functions if functions[each].kind == "local_entrypoint"]
        alone = entry_points or list(functions)
        return alone[0] if len(alone) == 1 else None
    parts = name.split(".")
    candidates = (name, ".".join(parts[1:]), parts[0], ".".join(parts[1:2]))
    return next((each for each in candidates if each in functions), None)


def has_objects(app: App) -> bool:
    """Whether the file makes an app at all."""
    return bool(app.functions) or not isinstance(app.name, Unknown)


def called_for_certain(facts: Facts, name: str) -> set[str]:
    """The functions that a run of one calls whatever happens, with itself."""
    chosen = chosen_function(facts, name)
    return _reached(facts, chosen, is_certain=True) if chosen else set()


def _relevant(facts: Facts, name: str) -> set[str]:
    """The functions that a run of one reaches by calls, and "" for the app; all where none is named."""
    chosen = chosen_function(facts, name) if name else None
    if chosen is None or facts.function(chosen).kind == "local_entrypoint":
        return {function.name for function in facts.app.functions} | {""}
    return _reached(facts, chosen) | {""}


def _reached(facts: Facts, name: str, *, is_certain: bool = False) -> set[str]:
    every = {function.name for function in facts.app.functions}
    found: set[str] = set()
    waiting = {name}
    while waiting:
        found.add(current := waiting.pop())
        called = {
            event.receiver.name
            for event in facts.events.get(current, ())
            if isinstance(event, Call) and isinstance(event.receiver, Function)
            if event.is_certain or not is_certain
        }
        waiting |= (called & every) - found
    return found


def _apply(facts: Facts, selection: Selection) -> Iterator[Finding]:
    for rule in rules.rules():
        if not selection.takes(rule.CODE):
            continue
        try:
            for finding in rule.check(facts):
                yield replace(
                    finding,
                    message=redacted(finding.message),  # it may quote the source
                    fix=_sentence(finding.fix),
                    others=tuple(map(_sentence, finding.others)),
                )
        except Exception as error:  # one rule's mistake hides nothing of what the others say
            yield Finding(
                OWN_MISTAKE,
                Site(facts.entry.path, 1),
                f"the rule {rule.CODE} could not be applied, a mistake of Homeport's: "
                f"{type(error).__name__}: {error}",
                "note",
            )


def _sentence(text: str) -> str:
    """With a capital letter and a full stop, as all that is said to be done; names stay as they are, and
    what is to be copied, after a colon, has none.
    """
    first, _, rest = text.partition(" ")
    is_word = first.isalpha() or first.rstrip(":,").isalpha()
    text = f"{first[:1].upper()}{first[1:]} {rest}" if is_word and rest else text
    is_whole = not text or ": " in text or text.endswith((".", "?", "…"))
    return text if is_whole else f"{text}."


def _without_ignored(found: list[Report], selection: Selection) -> tuple[tuple[Report, ...], int]:
    """The reports without what comments take back, with notes on comments that take nothing back in any."""
    comments = {
        ignore: None
        for report in found
        for path, text in _texts(report.facts)
        for ignore in ignores.ignores_of(path, text)
    }
    every = [reported.finding for report in found for reported in report.findings]
    taken = ignores.taken_back(every, comments) if comments else {}
    gone = {finding for pairs in taken.values() for finding, _ in pairs}
    is_whole = selection.takes(ignores.UNUSED) and not any(report.question.function for report in found)
    reports = []
    for report in found:
        kept = [reported for reported in report.findings if reported.finding not in gone]
        if is_whole and taken:
            kept += _unused(report.facts, taken, selection)
            said = dict(_texts(report.facts))  # of a file that two apps share, the first says it
            taken = {ignore: pairs for ignore, pairs in taken.items() if ignore.site.path not in said}
        kept.sort(key=lambda reported: _order(reported.finding, report.facts))
        reports.append(replace(report, findings=tuple(kept)))
    return tuple(reports), sum(finding in gone for finding in every)


def _unused(facts: Facts, taken: ignores.Taken, selection: Selection) -> Iterator[Reported]:
    texts = dict(_texts(facts))
    for ignore, pairs in taken.items():
        if ignore.site.path in texts and (ignore.codes or not selection.select):
            note = ignores.unused(ignore, {code for _, code in pairs}, selection.takes)
            if note is not None:
                yield Reported(note, ())


def _texts(facts: Facts) -> Iterator[tuple[Path, str]]:
    for path, module in facts.modules.items():
        yield path, module.text
    yield from facts.project.workflows.items()


def _order(finding: Finding, facts: Facts) -> tuple[bool, str, int, int, str, str]:
    site = finding.site
    is_elsewhere = site.path != facts.entry.path
    return (is_elsewhere, str(site.path), site.line, site.column, finding.code, finding.message)
