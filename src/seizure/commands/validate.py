"""`python -m seizure validate DIR`: reads a whole corpus and lists what is wrong with it."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from seizure.corpus.recording import Layout, Recording

if TYPE_CHECKING:
    from seizure.corpus.survey import Inspection

LAYOUT_NAMES = ("auto", "tusz", "chbmit", "siena", "seizeit", "bids")
NOTICES_SHOWN = 3  # of each kind; --json has all


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--layout", type=click.Choice(LAYOUT_NAMES), default="auto", show_default=True, help="Whose files."
)
@click.option("--signals", is_flag=True, help="Read all samples too, as the cache would: minutes or hours.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(folder: Path, layout: Layout | Literal["auto"], signals: bool, as_json: bool) -> int:
    """Read every header and annotation below DIR, and list what is there and what is wrong.

    Exit status 0: nothing is wrong. 1: something is; training would leave those recordings out. What was
    mended in reading (a notice) is not wrong.

    \b
    Examples:
      python -m seizure validate data/synthetic
      python -m seizure validate /corpora/tusz/edf --signals
      python -m seizure validate /corpora/chbmit --layout chbmit --json
    """
    from seizure.commands.bar import counting
    from seizure.corpus.discover import discover, other_edf_files
    from seizure.corpus.survey import patients_in_two, survey

    recordings = discover(folder, layout)
    step = max(1, len(recordings) // (200 if sys.stderr.isatty() else 10))
    with counting("reading", quiet=as_json) as announce:

        def say(number: int, of: int, name: str) -> None:
            if number % step == 0 or number == of:
                announce(number, of, name)

        inspections = survey(recordings, with_signals=signals, announce=say)
    wrong = [*(f"patient {words}" for words in patients_in_two(recordings)), *_without_seizures(inspections)]
    others = other_edf_files(folder, recordings)
    if as_json:
        click.echo(_as_json(folder, inspections, wrong, others))
    else:
        click.echo("\n".join(_lines(folder, inspections, wrong, others)))
    return 1 if wrong or any(one.faults for one in inspections) else 0


def _without_seizures(inspections: Sequence["Inspection"]) -> list[str]:
    if any(one.annotations and one.annotations.seizures for one in inspections):
        return []
    return ["not one seizure in all annotations: nothing can be learnt of this corpus"]


def _lines(
    folder: Path, inspections: Sequence["Inspection"], wrong: Sequence[str], others: Sequence[str]
) -> Iterator[str]:
    yield f"{folder}: layout {inspections[0].recording.layout}"
    yield from _table(inspections)
    yield ""
    known = [one for one in inspections if one.labels]
    yield f"channels  {_counted(str(len(one.labels)) for one in known)}"
    rates = (" and ".join(f"{rate:g} Hz" for rate in one.rates_hz) for one in known if one.rates_hz)
    yield f"EEG rates {_counted(rates)}"
    yield f"montages  {_counted(montage for one in known for montage in one.montages)}"
    notices = [notice for one in inspections for notice in one.notices]
    for fault, count in Counter(notice.fault for notice in notices).most_common():
        yield f"mended    {count} {fault.value}"
        shown = [notice.detail for notice in notices if notice.fault is fault][:NOTICES_SHOWN]
        yield from (f"          {detail}" for detail in shown)
        if count > len(shown):
            yield f"          and {count - len(shown)} more (--json has all)"
    if others:
        yield f"not read  {len(others)} EDF files whose names are none of this layout, such as {others[0]}"
    yield ""
    faults = [fault for one in inspections for fault in one.faults]
    yield from (f"{one.path}: {one.fault.value}: {one.detail}" for one in faults)
    yield from wrong
    bad = sum(bool(one.faults) for one in inspections)
    kinds = ", ".join(f"{n} {fault}" for fault, n in Counter(one.fault.value for one in faults).most_common())
    yield (
        f"{bad} of {len(inspections)} recordings have faults ({kinds})"
        if bad
        else "no faults in any recording"
    )


def _table(inspections: Sequence["Inspection"]) -> Iterator[str]:
    titles = ("", "recordings", "patients", "hours", "seizures", "seizure hours", "with seizures")
    rows = [_row(name, part) for name, part in _partitions(inspections)]
    if len(rows) > 1:
        rows.append(_row("all", inspections))
    texts = [titles, *((name, *(_number(value) for value in values)) for name, values in rows)]
    widths = [max(len(text[column]) for text in texts) for column in range(len(titles))]
    for name, *cells in texts:
        yield "  ".join(
            [name.ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))]
        )


def _partitions(inspections: Sequence["Inspection"]) -> list[tuple[str, list["Inspection"]]]:
    parts: dict[str, list[Inspection]] = {}
    for one in inspections:
        parts.setdefault(one.recording.partition, []).append(one)
    order = ("train", "dev", "eval", "")
    return [(name or "all", parts[name]) for name in order if name in parts]


def _row(name: str, part: Sequence["Inspection"]) -> tuple[str, list[float]]:
    labelled = [one.annotations for one in part if one.annotations]
    return name, [
        len(part),
        len({one.recording.patient for one in part}),
        sum(one.duration_s or 0.0 for one in part) / 3600,
        sum(len(annotations.seizures) for annotations in labelled),
        sum(annotations.seizure_s for annotations in labelled) / 3600,
        sum(bool(annotations.seizures) for annotations in labelled),
    ]


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _counted(values: Iterator[str]) -> str:
    return (
        ", ".join(f"{value} ({count} recordings)" for value, count in Counter(values).most_common()) or "none"
    )


def _as_json(
    folder: Path, inspections: Sequence["Inspection"], wrong: Sequence[str], others: Sequence[str]
) -> str:
    import json

    titles = ("recordings", "patients", "hours", "seizures", "seizure_hours", "with_seizures")
    rows = [_row(name, part) for name, part in [*_partitions(inspections), ("all", list(inspections))]]
    document = {
        "folder": str(folder),
        "layout": inspections[0].recording.layout,
        "partitions": {name: dict(zip(titles, values, strict=True)) for name, values in rows},
        "corpus_faults": list(wrong),
        "not_read": list(others),
        "recordings": [_record(one) for one in inspections],
    }
    return json.dumps(document, indent=1)


def _record(one: "Inspection") -> dict[str, Any]:
    recording: Recording = one.recording
    seizures = one.annotations.seizures if one.annotations else None
    return {
        "recording_id": recording.recording_id,
        "path": str(recording.path),
        "patient": recording.patient,
        "partition": recording.partition,
        "duration_s": one.duration_s,
        "channels": list(one.labels),
        "eeg_rates_hz": list(one.rates_hz),
        "montages": list(one.montages),
        "seizures": None if seizures is None else [[s.start_s, s.stop_s, s.label] for s in seizures],
        "notices": [[notice.fault.value, notice.detail] for notice in one.notices],
        "faults": [[fault.fault.value, fault.detail] for fault in one.faults],
    }
