"""Whether a run was the one that was asked for: files, variable, cache folder, each expected and seen.

`verify` takes what a log shows (`log_reading`) and what a configuration asks for, and returns findings.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from seizure.launch.log_reading import Seen, read_log
from training_kit import files

Verdict = Literal["verified", "mismatch", "unfinished"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of a run. `verdict` is `unfinished` where the log ends before it could be seen."""

    what: str
    expected: str
    seen: str
    verdict: Verdict
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """All findings of one attempt, and what they come to."""

    run: str
    findings: tuple[Finding, ...]
    ending: str  # why the log ends where it does; "" after [DONE]

    @property
    def verdict(self) -> Verdict:
        verdicts = {finding.verdict for finding in self.findings}
        if "mismatch" in verdicts:
            return "mismatch"
        return "unfinished" if "unfinished" in verdicts or self.ending else "verified"

    @property
    def is_sound(self) -> bool:
        return self.verdict == "verified"

    def as_json(self) -> str:
        return json.dumps({"verdict": self.verdict, **asdict(self)}, indent=1) + "\n"


def verify(seen: Seen, settings: Mapping[str, Any] | None = None, *, is_saved: bool = False) -> Verification:
    """Holds what a log shows to `settings` (dotted keys), by default those that the log itself names.

    `is_saved`: a log from outside, which is unfinished unless it holds the VERIFICATION block.
    """
    asked = dict(settings if settings is not None else seen.settings)
    if missing := _missing(asked):
        unknown = Finding(
            "configuration", missing, "no line says it", "unfinished", "name the configuration by --config"
        )
        return Verification(seen.run, (unknown, *_contradictions(seen)), _ending(seen, is_saved))
    findings = (
        _files("train files", _expected_files(seen, asked, "train"), _loaded(seen, 0)),
        _files("val files", _expected_files(seen, asked, "val"), _loaded(seen, 1)),
        _processed(seen, "train", _expected_files(seen, asked, "train")),
        _processed(seen, "val", _expected_files(seen, asked, "val")),
        _variable(seen, asked),
        _cache(seen, asked),
    )
    return Verification(seen.run, findings, _ending(seen, is_saved))


def verify_folder(folder: Path) -> Verification:
    """Holds the log in a run's folder to its own configuration; also written down, as verification.json."""
    found = verify(read_log((folder / "run.log").read_text(encoding="utf-8", errors="replace")))
    with suppress(OSError):  # on a full disk the log still gets the block, which matters more
        files.write_text(folder / "verification.json", found.as_json())
    return found


def render(found: Verification) -> list[str]:
    """The VERIFICATION block. Its lines are indented, and none looks like the lines it was made from."""
    rows = [("", "expected", "seen", "")]
    rows += [(f.what, f.expected, f.seen, _WORDS[f.verdict]) for f in found.findings]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["VERIFICATION"]
    for what, expected, seen, word in rows:
        lines.append(f"  {what:{widths[0]}}  {expected:{widths[1]}}  {seen:{widths[2]}}  {word}".rstrip())
    lines += [f"  {f.what}: {f.advice}" for f in found.findings if f.advice and f.verdict != "verified"]
    if found.ending:
        lines.append(f"  {found.ending}")
    is_blank = found.verdict == "unfinished" and all(f.verdict != "verified" for f in found.findings)
    return [*lines, f"  verdict: {_NOTHING_SEEN if is_blank else _VERDICTS[found.verdict]}"]


_WORDS = {"verified": "ok", "mismatch": "MISMATCH", "unfinished": "not seen"}
_VERDICTS = {
    "verified": "this is the run that was asked for",
    "mismatch": "MISMATCH: this is not the run that was asked for",
    "unfinished": "UNFINISHED: what was seen agrees, the rest did not happen",
}
_NOTHING_SEEN = "UNFINISHED: no line shows what the run did; is it a run's log, and all of it?"


def _missing(asked: Mapping[str, Any]) -> str:
    """The first setting that the expectations need and that a log, cut off early, does not say; or ""."""
    needed = ["kind", "cache.dir"]
    if asked.get("kind") == "smoke":
        needed += ["data.limit_files", "data.limit_val_files"]
    elif release := asked.get("data.release"):
        needed += [f"expect.{release}.train", f"expect.{release}.val"]
    else:
        needed.append("data.release")
    return next((key for key in needed if asked.get(key) is None), "")


def _expected_files(seen: Seen, asked: Mapping[str, Any], split: Literal["train", "val"]) -> int | None:
    """How many files the run should take; None where that depends on a corpus whose size no line says."""
    found = None if seen.found is None else seen.found[0 if split == "train" else 1]
    if asked["kind"] == "smoke":
        limit = int(asked["data.limit_files" if split == "train" else "data.limit_val_files"])
        return limit if found is None else min(limit, found)
    release = asked.get("data.release")
    return int(asked[f"expect.{release}.{split}"]) if release else found


def _loaded(seen: Seen, place: Literal[0, 1]) -> int | None:
    if seen.loading is not None:
        return seen.loading[place]
    return None if seen.debug is None else seen.debug[1:][place]


def _files(what: str, expected: int | None, seen: int | None) -> Finding:
    asked = "all" if expected is None else str(expected)
    if seen is None:
        return Finding(what, asked, "-", "unfinished")
    if expected is None:
        return Finding(what, asked, str(seen), "unfinished", "no line says how many files the corpus has")
    return Finding(
        what,
        asked,
        str(seen),
        "verified" if seen == expected else "mismatch",
        "" if seen == expected else _FILES,
    )


_FILES = "see BGB_LIMIT_FILES, data.limit_files (smoke runs), and data.release with its entry of expect"


def _processed(seen: Seen, split: str, expected: int | None) -> Finding:
    """`file i/N` lines and the count at the end; a wrong N shows in the first line."""
    what, asked = f"{split} processed", "all" if expected is None else str(expected)
    totals = sorted(seen.totals.get(split, ()))
    wrong = [total for total in totals if expected is not None and total != expected]
    if wrong:
        return Finding(what, asked, " and ".join(f"file i/{total}" for total in wrong), "mismatch", _FILES)
    done = seen.processed.get(split)
    if done is None:
        last = f"{seen.last[split]}/{totals[-1]}" if totals else "-"
        return Finding(what, asked, last, "unfinished")
    if expected is None:
        return Finding(what, asked, str(done), "unfinished")
    advice = "" if done == expected else "recordings that were left out are in skipped.tsv, with reasons"
    return Finding(what, asked, str(done), "verified" if done == expected else "mismatch", advice)


def _variable(seen: Seen, asked: Mapping[str, Any]) -> Finding:
    expected = str(asked["data.limit_files"]) if asked["kind"] == "smoke" else "unset"
    value = seen.variable if seen.debug is None else seen.debug[0]
    if value is None:
        return Finding("BGB_LIMIT_FILES", expected, "-", "unfinished")
    if value != expected:
        advice = "it reached the training process: from the shell, a Secret, the image or env="
        return Finding("BGB_LIMIT_FILES", expected, value, "mismatch", advice)
    removed = f" ({seen.ignored} removed)" if seen.ignored and expected == "unset" else ""
    return Finding("BGB_LIMIT_FILES", expected, value + removed, "verified")


def _cache(seen: Seen, asked: Mapping[str, Any]) -> Finding:
    expected = str(asked["cache.dir"])
    if seen.cache is None:
        return Finding("cache folder", expected, "-", "unfinished")
    is_there = f"/{expected.strip('/')}/" in f"/{seen.cache.strip('/')}/"
    advice = "" if is_there else "cache.dir and --results decide where it is"
    return Finding("cache folder", expected, seen.cache, "verified" if is_there else "mismatch", advice)


def _contradictions(seen: Seen) -> list[Finding]:
    """What can be said without a configuration: a run that names no limit and has one."""
    if seen.debug is None:
        return []
    value = f"{seen.debug[0]} ({seen.debug[1]} train, {seen.debug[2]} val files)"
    return [Finding("BGB_LIMIT_FILES", "?", value, "unfinished", "right for a smoke run only")]


def _ending(seen: Seen, is_saved: bool) -> str:
    if seen.ending:
        return seen.ending
    if not seen.is_done:
        return "the log ends before the run does"
    return "the log ends before the run's own VERIFICATION" if is_saved and not seen.has_block else ""
