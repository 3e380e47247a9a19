"""The preflight as a whole: gathers the facts of apps, has the rules look at them, sorts what they find.

Which facts there are is gathering's, what is shown, and how, rendering's.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from homeport.check import ignores, rules
from homeport.check.called import relevant
from homeport.check.facts import Facts, FoundModule, Import
from homeport.check.findings import Finding
from homeport.check.gathering import Question, gather, has_objects
from homeport.check.merging import Reported, merged
from homeport.check.missing_imports import severity_of
from homeport.check.redaction import redacted
from homeport.check.source import Sources
from homeport.check.values import Site

OWN_MISTAKE = "HP000"
MISSING_HERE = "HP106"


@dataclass(frozen=True)
class Selection:
    """Which codes are asked for: whole ones, or beginnings such as HP2. `select` empty: all."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def takes(self, code: str) -> bool:
        is_asked = not self.select or code.startswith(self.select)
        return is_asked and not code.startswith(self.ignore)


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
    names = relevant(facts, question.function)
    return facts, [finding for finding in _apply(facts, selection) if finding.function in names]


def _where_it_fares_best(
    question: Question, selection: Selection, known: Sources, here: tuple[Facts, list[Finding]]
) -> tuple[Question, Facts, list[Finding]]:
    """Of an app below a folder nobody knows how its command is typed: there, or in a folder on the way, and
    as a file or a module (`modal run -m`). It counts where it finds what is its own, then where it has the
    fewest errors, and among these the fewest of packages that are not installed here, which may be so
    wherever it is typed.
    """
    top = question.launcher.folder

    def errors(asked: tuple[Facts, list[Finding]]) -> tuple[int, int, int]:
        codes = [finding.code for finding in asked[1] if finding.severity == "error"]
        missing_here = codes.count(MISSING_HERE)
        return len(_left_behind(asked[0], top)), len(codes) - missing_here, missing_here

    best = here
    for folder, as_module in _ways(question.entry, top, question.launcher.modules):
        if errors(best) == (0, 0, 0):
            break
        launcher = replace(question.launcher, folder=folder)
        other = replace(question, launcher=launcher, as_module=as_module)
        asked = _asked(other, selection, known)
        if errors(asked) < errors(best):
            best, question = asked, other
    return question, *best


def _ways(entry: Path, top: Path, libraries: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Folders and modules' names that an entry file below `top` may be run by, but for the file in `top`."""
    for place in entry.parents:
        if not place.is_relative_to(top):
            return
        if place != top:
            yield place, ""
        parts = entry.relative_to(place).with_suffix("").parts
        is_taken = parts[0] in {"modal", *libraries, *sys.stdlib_module_names}
        if len(parts) > 1 and all(part.isidentifier() for part in parts) and not is_taken:
            yield place, ".".join(parts)


def _left_behind(facts: Facts, top: Path) -> set[str]:
    """Modules that the launcher cannot import, and that lie in a folder between the entry file and `top`."""
    missing = {
        str(event.name).partition(".")[0]
        for event in facts.launch_events
        if isinstance(event, Import) and not isinstance(event.resolution, FoundModule) and severity_of(event)
    }
    places = [place for place in facts.entry.path.parents if place.is_relative_to(top)]
    return {name for name in missing if any(_has_module(place, name) for place in places)}


def _has_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or next((folder / name).glob("*.py"), None) is not None


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
