"""Configuration files that were opened, by their keys. Where each run opened a file of its own, such as
`smoke_test.yaml` and `full.yaml`, by the same line, those two are laid side by side."""

from collections.abc import Iterator

from homeport.record.diff.differences import Difference, sides
from homeport.record.explain.settings import settings
from homeport.record.run import ConfigFile, Run


def configuration(before: Run, after: Run) -> Iterator[Difference]:
    mine, other = _by_path(before), _by_path(after)
    pairs = [(mine[path], other[path]) for path in sorted({*mine} & {*other})]
    alone, others = _without(mine, other), _without(other, mine)
    for file in list(alone):
        partner = _partner(file, others)
        if partner is not None and _partner(partner, alone) == file:
            alone.remove(file)
            others.remove(partner)
            pairs.append((file, partner))
            yield Difference("file", file.path, partner.path)
    for file in alone:
        yield Difference("file", file.path, "")
    for file in others:
        yield Difference("file", "", file.path)
    several = len({file.path for pair in pairs for file in pair}) > 2
    for left, right in pairs:
        yield from _of_files(left, right, several=several)


def _of_files(left: ConfigFile, right: ConfigFile, *, several: bool) -> Iterator[Difference]:
    if left.sha256 == right.sha256 and left.text == right.text:
        return
    mine, other = _values(left), _values(right)
    prefix = f"{left.path.rpartition('/')[2]}: " if several and left.path == right.path else ""
    found = list(sides({prefix + k: v for k, v in mine.items()}, {prefix + k: v for k, v in other.items()}))
    yield from found
    if not found and not mine and not other and left.path == right.path:
        yield Difference(left.path, left.sha256[:12], right.sha256[:12])


def _by_path(run: Run) -> dict[str, ConfigFile]:
    return {file.path: file for file in run.configs}


def _without(files: dict[str, ConfigFile], others: dict[str, ConfigFile]) -> list[ConfigFile]:
    return [files[path] for path in sorted({*files} - {*others})]


def _partner(file: ConfigFile, others: list[ConfigFile]) -> ConfigFile | None:
    """The one file of the other run that the same line opened, or that is the only one of its kind."""
    by_line = [each for each in others if file.opened is not None and each.opened == file.opened]
    of_kind = [each for each in others if _kind(each.path) == _kind(file.path)]
    found = by_line or of_kind
    return found[0] if len(found) == 1 else None


def _kind(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _values(file: ConfigFile) -> dict[str, str]:
    return {key: setting.value for key, setting in settings(file.path, file.text).items()}
