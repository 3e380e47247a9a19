"""Code: the files that mounts brought, by digest, and the launcher's git commit."""

import difflib
from collections.abc import Iterator

from homeport.record.diff.differences import Difference
from homeport.record.explain.known import Known
from homeport.record.run import Git

_MOST_LINES = 40  # of one file's diff
_CONTEXT = 1


def code(before: Known, after: Known) -> Iterator[Difference]:
    mine = {file.path: file.sha256 for file in before.run.source.files}
    other = {file.path: file.sha256 for file in after.run.source.files}
    for path in sorted({*mine, *other}, key=lambda path: (not path.endswith(".py"), path)):
        if mine.get(path) != other.get(path):
            yield Difference(
                path,
                mine.get(path, "")[:12],
                other.get(path, "")[:12],
                tuple(_lines(before, after, path)) if path in mine and path in other else (),
            )
    yield from _git(before.run.source.git, after.run.source.git)


def _lines(before: Known, after: Known, path: str) -> Iterator[str]:
    """A unified diff; nothing where a text cannot be had."""
    mine, other = before.sources.text(path), after.sources.text(path)
    if mine is None or other is None:
        return
    lines = list(difflib.unified_diff(mine.splitlines(), other.splitlines(), n=_CONTEXT, lineterm=""))[2:]
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"… {len(lines) - _MOST_LINES} more lines"


def _git(before: Git | None, after: Git | None) -> Iterator[Difference]:
    mine, other = before or Git(), after or Git()
    if mine.commit != other.commit:
        yield Difference("git commit", _commit(mine), _commit(other))
    if mine.difference != other.difference:
        yield Difference("git, not committed", _uncommitted(mine), _uncommitted(other))


def _commit(git: Git) -> str:
    return f"{git.commit[:10]}{f' ({git.branch})' if git.branch else ''}" if git.commit else ""


def _uncommitted(git: Git) -> str:
    """Which files were changed, and a digest, since the texts themselves are long."""
    if not git.difference:
        return ""
    files = [line.split(" b/")[-1] for line in git.difference.splitlines() if line.startswith("diff --git ")]
    added = sum(line.startswith("+") and not line.startswith("+++") for line in git.difference.splitlines())
    removed = sum(line.startswith("-") and not line.startswith("---") for line in git.difference.splitlines())
    cut = ", cut" if git.is_cut else ""
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return f"{', '.join(files[:3])}{more} (+{added} -{removed}{cut})"
