"""Reads a run's log, wherever it was saved: what the run was asked for, and what its lines show that it did.

Lines may carry colours, carriage returns and prefixes (times, container ids), and a log may hold several
attempts or end anywhere. What a line says is taken from the line alone; the run's own verdict is not read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_SETTING = re.compile(r"(?:^|; )([a-z0-9_]+(?:\.[A-Za-z0-9_.-]+)?) = ")
_BLOCK_LINE = re.compile(r"VERIFICATION( of \S+)?:?\s*$")

_RUN = re.compile(r"\[RUN\] (\S+) attempt (\d+): (.+) is a (smoke|full) run\s*$")
_IGNORED = re.compile(r"BGB_LIMIT_FILES=(\S+) ignored: ")
_VARIABLE = re.compile(r"\[ENV\] BGB_LIMIT_FILES: (\S+)")
_FOUND = re.compile(r"\[DATA\] Found (\d+) train, (\d+) val")
_DEBUG = re.compile(r"\[DEBUG\] BGB_LIMIT_FILES=(\S+): using (\d+) train, (\d+) val files")
_LOADING = re.compile(r"Loading (\d+) train, (\d+) val files")
_PROCESSING = re.compile(r"\[DATA\] Processing (?:(val|eval) )?file (\d+)/(\d+):(?: |$)")
_PROCESSED = re.compile(r"\[DATA\] Processed (\d+) (train|val|eval) files")
_CACHE = re.compile(r"\[DATA\] Cache: (\S.*?)\s*$")
_DONE = re.compile(r"\[DONE\] ")
_ENDED = re.compile(r"\[(?:FAILED|STOPPED)\] (.*?)\s*$")


@dataclass(slots=True)
class Seen:
    """What one attempt's lines say. None: no line says it."""

    run: str = ""
    attempt: int = 1
    path: str = ""  # the configuration, as it was given
    settings: dict[str, Any] = field(default_factory=dict)  # dotted key -> value, from [CONFIG]
    ignored: str | None = None
    variable: str | None = None  # in the training process; "unset"
    found: tuple[int, int] | None = None  # train, val recordings before any limit
    loading: tuple[int, int] | None = None
    debug: tuple[str, int, int] | None = None
    totals: dict[str, set[int]] = field(default_factory=dict)  # split -> the N of "file 1/N"
    last: dict[str, int] = field(default_factory=dict)  # split -> the highest i of "file i/N"
    processed: dict[str, int] = field(default_factory=dict)  # split -> all of them, said at the end
    cache: str | None = None
    is_done: bool = False
    ending: str = ""
    has_block: bool = False


def read_log(text: str) -> Seen:
    """What the last attempt in `text` says. A last line without an end may be half a line."""
    seen = Seen()
    for line in clean_lines(text[: max(text.rfind("\n"), text.rfind("\r")) + 1]):
        if match := _RUN.search(line):
            seen = Seen(run=match[1], attempt=int(match[2]), path=match[3])
        else:
            _take(seen, line)
    return seen


def clean_lines(text: str) -> Iterator[str]:
    """The lines without colours; what a carriage return would write over is a line, too."""
    for line in re.split(r"[\r\n]+", _ANSI.sub("", text.replace("\x00", ""))):
        if line.strip():
            yield line.rstrip()


def _take(seen: Seen, line: str) -> None:
    if _BLOCK_LINE.search(line):
        seen.has_block = True
    elif (start := line.find("[CONFIG] ")) >= 0:
        seen.settings.update(read_settings(line[start + len("[CONFIG] ") :]))
    elif match := _DEBUG.search(line):
        seen.debug = (match[1], int(match[2]), int(match[3]))
    elif match := _LOADING.search(line):
        seen.loading = (int(match[1]), int(match[2]))
    elif match := _FOUND.search(line):
        seen.found = (int(match[1]), int(match[2]))
    elif match := _PROCESSING.search(line):
        split = match[1] or "train"
        seen.totals.setdefault(split, set()).add(int(match[3]))
        seen.last[split] = max(seen.last.get(split, 0), int(match[2]))
    elif match := _PROCESSED.search(line):
        seen.processed[match[2]] = int(match[1])
    elif match := _VARIABLE.search(line):
        seen.variable = match[1]
    elif match := _IGNORED.search(line):
        seen.ignored = match[1]
    elif match := _CACHE.search(line):
        seen.cache = match[1]
    elif match := _ENDED.search(line):
        seen.ending = match[1]
    elif _DONE.search(line):
        seen.is_done = True


def read_settings(text: str) -> Iterator[tuple[str, Any]]:
    """`a.b = 1  (file:3)` and `a.b = 1; c = "x"` as pairs; what is cut off or no setting is passed over."""
    decoder = json.JSONDecoder()
    place = 0
    while match := _SETTING.search(text, place):
        try:
            value, place = decoder.raw_decode(text, match.end())
        except ValueError:
            place = match.end()
            continue
        yield match[1], value
