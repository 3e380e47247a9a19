"""The edits of a finding as lines that go and lines that come, as a patch shows them."""

from collections.abc import Iterator
from pathlib import Path

from homeport.check.findings import Edit, Finding
from homeport.check.rendering.places import Places


def changes(finding: Finding, places: Places) -> Iterator[tuple[Path, int, list[str], list[str]]]:
    """For each piece: the file, the first line's number, the lines that go and those that come."""
    for group in _groups(finding):
        path, first = group[0].site.path, group[0].site.line
        last = _end(group)
        lines = places.lines(path)
        before = lines[first - 1 : last]
        starts = [0]
        for line in before:
            starts.append(starts[-1] + len(line) + 1)
        text = "\n".join(before)
        for edit in reversed(group):
            start, end = _span(edit, first, starts, places)
            text = text[:start] + edit.text + text[end:]
        after = text.split("\n")
        skipped = 0
        while before and after and before[0] == after[0]:
            del before[0], after[0]
            skipped += 1
        while before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
        if before or after:
            yield path, first + skipped, before, after


def _groups(finding: Finding) -> Iterator[list[Edit]]:
    """Edits that touch the same lines, together, in the order of the file."""
    group: list[Edit] = []
    edits = sorted(finding.edits, key=lambda edit: (str(edit.site.path), edit.site.line, edit.site.column))
    for edit in edits:
        if group and (edit.site.path != group[0].site.path or edit.site.line > _end(group)):
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _end(group: list[Edit]) -> int:
    return max(max(edit.site.end_line, edit.site.line) for edit in group)


def _span(edit: Edit, first: int, starts: list[int], places: Places) -> tuple[int, int]:
    region = places.region(edit.site, is_exact=True)
    most = len(starts) - 1
    start = starts[min(region.line - first, most)] + region.column - 1
    end = starts[min(region.end_line - first, most)] + region.end_column - 1
    return start, end
