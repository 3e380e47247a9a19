"""What a run's folder tells, as values. Every part may be missing: unfinished runs have a report too."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tiny_cats.config import Kind, load_any
from training_kit.config import Resolved
from training_kit.curves import Series
from training_kit.files import read_json
from training_kit.metrics import Line, read_metrics

WAY = 6  # grids of samples on the way that are shown


@dataclass(frozen=True, slots=True)
class Gate:
    """One line of the gates' table."""

    name: str
    outcome: Literal["passed", "failed", "not judged"]
    expected: str
    seen: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG of the run's folder."""

    name: str
    content: bytes


@dataclass(frozen=True)
class RunFacts:
    """Everything that the report shows. `results`, `data` and `about` are {} where there are none."""

    folder: Path
    kind: Kind
    resolved: Resolved[Any]
    state: Mapping[str, Any]
    lines: Sequence[Line]
    results: Mapping[str, Any]
    data: Mapping[str, Any]
    about: Mapping[str, Any]
    gates: tuple[Gate, ...]
    are_gates_enforced: bool
    pictures: Mapping[str, Picture]  # of pictures/, by name
    way: tuple[tuple[int, Picture], ...]  # (step, samples)
    missing: tuple[str, ...]

    def series(self, key: str) -> Series:
        return [
            (int(line["step"]), float(line[key]))
            for line in self.lines
            if "step" in line and line.get(key) is not None
        ]


def gather(folder: Path) -> RunFacts:
    """All that a report shows. Raises ConfigError where `folder` is no run's folder."""
    missing: list[str] = []
    kind, resolved = load_any(folder / "config.json")
    lines, results = read_metrics(folder / "metrics.jsonl"), read_json(folder / "results.json")
    if not lines:
        missing.append("No training step has been recorded.")
    if not results:
        again = f"python -m tiny_cats evaluate {folder}"
        missing.append(f"The run has not been judged, which happens at its end; {again} does it now.")
    return RunFacts(
        folder=folder,
        kind=kind,
        resolved=resolved,
        state=read_json(folder / "state.json"),
        lines=lines,
        results=results,
        data=read_json(folder / "data.json"),
        about=read_json(folder / "about.json"),
        gates=tuple(_gate(one) for one in results.get("gates", ())),
        are_gates_enforced=bool(results.get("gates_enforced", True)),
        pictures={path.stem: _picture(path) for path in sorted((folder / "pictures").glob("*.png"))},
        way=_way(folder / "samples"),
        missing=tuple(missing),
    )


def _gate(found: Mapping[str, Any]) -> Gate:
    """TinyDiT's gates have words for each part; the classifier's one sentence, a value and a bar."""
    if "outcome" in found:
        return Gate(found["name"], found["outcome"], found["expected"], found["seen"], found.get("why", ""))
    return Gate(
        str(found["name"]),
        "passed" if found["passed"] else "failed",
        f"lower limit of the interval above {found['bar']:.1%}",
        f"{found['value']:.1%}",
        "A classifier that never looks at its picture is right by chance.",
    )


def _picture(path: Path) -> Picture:
    return Picture(path.stem, path.read_bytes())


def _way(folder: Path) -> tuple[tuple[int, Picture], ...]:
    """At most WAY grids, evenly spread from the first to the last."""
    found = []
    for path in sorted(folder.glob("step-*.png")):
        if number := re.fullmatch(r"step-(\d+)", path.stem):
            found.append((int(number[1]), path))
    if len(found) > WAY:
        found = [found[round(place * (len(found) - 1) / (WAY - 1))] for place in range(WAY)]
    return tuple((step, _picture(path)) for step, path in found)
