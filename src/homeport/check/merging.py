"""The same finding of several functions said once, with the functions named."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from homeport.check.findings import Finding


@dataclass(frozen=True)
class Reported:
    """A finding, with all functions that it is about; none where it is about the app."""

    finding: Finding
    functions: tuple[str, ...]


def merged(found: Iterable[Finding], order: dict[str, int]) -> Iterator[Reported]:
    """The same finding of several functions as one, which names them all."""
    alike: dict[Any, list[Finding]] = {}
    for finding in found:
        alike.setdefault(_template(finding), []).append(finding)
    for findings in alike.values():
        names = sorted({finding.function for finding in findings}, key=lambda name: order.get(name, -1))
        first = next(finding for finding in findings if finding.function == names[0])
        if len(names) > 1:
            first = _renamed(first, " and ".join([", ".join(names[:-1]), names[-1]]))
        yield Reported(first, tuple(name for name in names if name))


def _template(finding: Finding) -> tuple[object, ...]:
    bare = _renamed(finding, "\0")
    return (
        bare.code,
        bare.site,
        bare.message,
        bare.severity,
        bare.fix,
        bare.others,
        bare.edits,
        bare.related,
    )


def _renamed(finding: Finding, name: str) -> Finding:
    """The finding with its function called otherwise, wherever its sentences name it as a word of its own."""
    if not finding.function:
        return finding
    pattern = re.compile(rf"(?<![\w.]){re.escape(finding.function)}(?![\w.]\w)(?!\w)")

    def said(text: str) -> str:
        return pattern.sub(lambda match: name, text)

    return replace(
        finding,
        message=said(finding.message),
        fix=said(finding.fix),
        others=tuple(map(said, finding.others)),
        related=tuple((site, said(word)) for site, word in finding.related),
    )
