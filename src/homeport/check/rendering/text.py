"""Findings for people: `file:line:col: HP101 message`, the place in the source, and how to mend it."""

from collections.abc import Callable, Iterator, Sequence

from homeport.check.merging import Reported
from homeport.check.preflight import Report, Result
from homeport.check.redaction import redacted
from homeport.check.rendering.patch import changes
from homeport.check.rendering.places import Places

_COLOURS = {"error": "31", "warning": "33", "note": "36", "bold": "1", "faint": "2", "good": "32"}
_SHOWN_LINES = 4  # of a place over more lines, the first


def render(result: Result, places: Places, *, has_colour: bool = False) -> str:
    paint = _painted if has_colour else _plain
    parts = [block for report in result.reports for block in _report(report, places, paint)]
    return "\n".join([*parts, summary(result, places, paint)]) + "\n"


def _plain(text: str, colour: str) -> str:
    return text


def _painted(text: str, colour: str) -> str:
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if text else text


_Paint = Callable[[str, str], str]


def _report(report: Report, places: Places, paint: _Paint) -> Iterator[str]:
    """The findings of the app first, then those of each function, or functions that share them."""
    groups: dict[tuple[str, ...], list[Reported]] = {}
    for reported in report.findings:
        groups.setdefault(reported.functions, []).append(reported)
    order = {function.name: place for place, function in enumerate(report.facts.app.functions)}
    has_heads = any(groups)
    for functions in sorted(groups, key=lambda names: [order.get(name, -1) for name in names]):
        if has_heads:
            head = ", ".join(functions) if functions else "the app"
            yield paint(f"── {head} ({_app(report, places)})", "bold") + "\n"
        yield from (_finding(reported, places, paint) for reported in groups[functions])


def _app(report: Report, places: Places) -> str:
    """The entry file, and how it is taken to be run where that is not as a file, from here."""
    question = report.question
    said = places.shown(report.facts.entry.path)
    said += f", by -m {question.as_module}" if question.as_module else ""
    folder = question.launcher.folder
    return said + (f", from {places.shown(folder)}" if folder != places.folder else "")


def _finding(reported: Reported, places: Places, paint: _Paint) -> str:
    finding = reported.finding
    word = "" if finding.severity == "error" else f"{finding.severity}: "
    head = f"{places.at(finding.site)}: {paint(finding.code, finding.severity)} {paint(word, 'bold')}"
    lines = [head + finding.message, *_snippet(reported, places, paint)]
    lines += [f"  {places.at(site)}: {said}" for site, said in finding.related]
    if finding.fix:
        can = paint(" (--fix does it)", "faint") if finding.edits else ""
        lines.append(f"  {paint('fix:', 'good')} {finding.fix}{can}")
        lines += _patch(reported, places, paint)
    lines += [f"   {paint('or:', 'good')} {other}" for other in finding.others]
    return "\n".join(lines) + "\n"


def _snippet(reported: Reported, places: Places, paint: _Paint) -> Iterator[str]:
    """The lines of the place, with what is meant underlined in the first."""
    site = reported.finding.site
    region = places.region(site)
    last = region.end_line - (region.end_line > region.line and region.end_column == 1)
    shown = places.lines(site.path)[region.line - 1 : min(last, region.line + _SHOWN_LINES - 1)]
    if not any(line.strip() for line in shown):
        return
    width = len(str(region.line + len(shown) - 1))
    indent = min(len(line) - len(line.lstrip()) for line in shown if line.strip())
    for number, line in enumerate(shown, region.line):
        seen = redacted(line)[indent:].expandtabs(1).rstrip()
        yield f"  {paint(f'{number:>{width}} |', 'faint')} {seen}"
        if number == region.line:
            end = region.end_column if region.end_line == number else len(line.rstrip()) + 1
            mark = " " * max(region.column - 1 - indent, 0) + "^" * max(end - region.column, 1)
            yield f"  {paint(' ' * width + ' |', 'faint')} {paint(mark, reported.finding.severity)}"
    if last > region.line + len(shown) - 1:
        yield f"  {paint(' ' * width + ' |', 'faint')} …"


def _patch(reported: Reported, places: Places, paint: _Paint) -> Iterator[str]:
    """The certain fix, as the lines that go and those that come."""
    for path, number, before, after in changes(reported.finding, places):
        if path != reported.finding.site.path:
            yield f"    {places.shown(path)}:"
        width = len(str(number + max(len(before), len(after)) - 1))
        for sign, lines, colour in (("-", before, "error"), ("+", after, "good")):
            for place, line in enumerate(lines, number):
                shown = redacted(line).expandtabs(4).rstrip()
                yield f"    {paint(f'{place:>{width}} {sign} {shown}', colour)}"


def summary(result: Result, places: Places, paint: _Paint = _plain) -> str:
    """`2 errors and 1 warning in app.py (3 functions, read statically, 0.04 s)`"""
    counts = [
        paint(f"{number} {name if number == 1 else name + 's'}", name)
        for name, number in result.counts.items()
        if number
    ]
    said = ", ".join(counts[:-1]) + (" and " if len(counts) > 1 else "") + counts[-1] if counts else ""
    names = [places.shown(report.facts.entry.path) for report in result.reports]
    where = names[0] if len(names) == 1 else f"{len(names)} apps"
    functions = sum(len(report.facts.app.functions) for report in result.reports)
    how = _how(result.reports)
    ignored = f", {result.ignored} ignored" if result.ignored else ""
    detail = f"{functions} {'function' if functions == 1 else 'functions'}, {how}, {result.elapsed_s:.2f} s"
    return f"{said or paint('nothing found', 'good')} in {where} ({detail}{ignored})"


def _how(reports: Sequence[Report]) -> str:
    kinds = {report.facts.app.how for report in reports}
    if kinds == {"loaded"}:
        return "loaded"
    return "read statically" if kinds == {"static"} else "some loaded, some read statically"
