"""The report's page: facts in, HTML out. The template and its own style lie beside this file, in page/."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from markupsafe import Markup

from seizure.report import curves
from seizure.report.choose import RULE, Scored
from seizure.report.eeg import REACH_ROWS, clock
from seizure.report.facts import RunFacts, Series, SplitScores
from seizure.report.pictures import Picture, draw_pictures
from seizure.report.strips import draw_strip
from training_kit import page
from training_kit.config import flatten
from training_kit.page import Verdict

PAGE = Path(__file__).with_name("page")
ROWS = 40  # recordings with a strip of their own, a split; the rest are counted


@dataclass(frozen=True, slots=True)
class EventRow:
    """A recording in the table of events; `strip` is an SVG."""

    recording_id: str
    length: str
    seizures: int
    found: int
    missed: int
    false: int
    strip: Markup


def render(facts: RunFacts) -> str:
    """The whole page, with nothing to load from elsewhere."""
    shown = next((split for split in reversed(facts.scores)), None)
    preprocessing = facts.resolved.config.preprocessing if facts.resolved else None
    pictures = draw_pictures(shown, facts.signals, preprocessing) if shown else []
    return page.render(
        PAGE,
        "report.html.j2",
        facts=facts,
        attempts=int(facts.state.get("attempts", 1) or 1),
        verdict=verdict(facts),
        tiles=list(_tiles(facts.scores)),
        count=_count,
        sensitivity_svg=_sensitivity(facts.scores),
        event_tables=[_event_table(split, pictures if split is shown else []) for split in facts.scores],
        pictures=[_marked(picture) for picture in pictures],
        pictures_split=shown.split if shown else "",
        absent_kinds=list(_absent_kinds(pictures, shown)),
        rule=RULE,
        reach=f"{REACH_ROWS:g}",
        training_svg=_training(facts),
        training_words=_training_words(facts),
        skipped_counts=Counter(fault for _, fault, _ in facts.skipped).most_common(),
        configuration=_configuration(facts),
        set_values=sum(origin != "default" for _, _, origin in _configuration(facts)),
    )


def verdict(facts: RunFacts) -> Verdict:
    """Finished, verified, scored: the worst of the three decides."""
    state = str(facts.state.get("state", "unknown"))
    wrong = [check.name for check in facts.checks if check.verdict == "mismatch"]
    unseen = [check.name for check in facts.checks if check.verdict == "unfinished"]
    scored = _headline(facts.scores)
    if state == "failed":
        return Verdict("bad", "Failed.", str(facts.state.get("error") or "The run did not come to its end."))
    if wrong:
        words = f"This was not the run that was asked for: {', '.join(wrong)} differ from what was expected."
        return Verdict("bad", "Not verified.", words)
    if state == "interrupted":
        return Verdict("warn", "Interrupted.", f"It goes on with --resume. {scored}")
    if state == "finished" and unseen:
        return Verdict(
            "warn", "Finished, not fully verified.", f"Not seen in the log: {', '.join(unseen)}. {scored}"
        )
    if state == "finished" and facts.checks:
        words = f"Files, variable and cache are what the configuration asks for. {scored}"
        return Verdict("good" if facts.scores else "warn", "Finished and verified.", words)
    if state == "finished":
        return Verdict("warn", "Finished.", f"{facts.verification_words} {scored}")
    word = {"running": "Running.", "unknown": "State unknown."}.get(state, f"{state.capitalize()}.")
    return Verdict("warn", word, f"This page shows what there was when it was written. {scored}")


def _headline(scores: Sequence[SplitScores]) -> str:
    if not scores or not scores[-1].rows:
        return "Nothing has been scored yet."
    split, row = scores[-1], scores[-1].rows[0]
    f1 = "no F1 (no seizure and no detection)" if row.f1 is None else f"F1 {row.f1:.3f}"
    return f"{row.scorer} on {split.split}: {f1}."


@dataclass(frozen=True, slots=True)
class Tile:
    figure: str
    words: str


def _tiles(scores: Sequence[SplitScores]) -> Iterator[Tile]:
    if not scores or not scores[-1].rows:
        return
    split, row = scores[-1], scores[-1].rows[0]
    where = f"{row.scorer}, {split.split}"
    for figure, name, digits in (
        (row.f1, "F1", 3), (row.sensitivity, "sensitivity", 3), (row.precision, "precision", 3),
        (row.false_alarms_per_day, "false alarms a day", 1),
    ):  # fmt: skip
        yield Tile("–" if figure is None else f"{figure:.{digits}f}", f"{name}: {where}")


def _count(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.1f}"


def _sensitivity(scores: Sequence[SplitScores]) -> Markup:
    lines = {split.split: split.curve for split in scores if split.curve}
    if not lines:
        return Markup("")
    chosen = {split.split: split.chosen for split in scores if split.chosen is not None}
    return Markup(curves.sensitivity_curves(lines, chosen))


def _training(facts: RunFacts) -> Markup:
    if not facts.loss and not facts.val_loss:
        return Markup("")
    return Markup(curves.training_curves(facts.loss, facts.val_loss, facts.learning_rate))


def _training_words(facts: RunFacts) -> str:
    words = []
    if facts.loss:
        words.append(f"{facts.loss[-1][0]} steps; the last training loss is {facts.loss[-1][1]:.4f}")
    if facts.val_loss:
        step, best = min(facts.val_loss, key=lambda point: point[1])
        words.append(f"the lowest validation loss {best:.4f}, at step {step}")
    if facts.windows_a_s:
        words.append(f"{_median(facts.windows_a_s):.0f} windows a second in the median")
    if facts.loader_share:
        words.append(f"{100 * _median(facts.loader_share):.1f} % of a step's time is waiting for the loader")
    return "; ".join(words) + "." if words else ""


def _median(series: Series) -> float:
    return median(value for _, value in series)


def _event_table(split: SplitScores, pictures: Sequence[Picture]) -> dict[str, Any]:
    ranked = sorted(split.recordings.values(), key=_interest)
    shown = sorted(ranked[:ROWS], key=lambda scored: scored.recording_id)
    rest = ranked[ROWS:]
    words = ""
    if rest:
        quiet = sum(not scored.reference and not scored.detections for scored in rest)
        words = (
            f"The {len(shown)} recordings with the most missed seizures, false alarms and seizures; "
            f"{len(rest)} more are not drawn, {quiet} of them without any event."
        )
    rows = [_event_row(scored, split.threshold, pictures) for scored in shown]
    return {"split": split.split, "rows": rows, "words": words}


def _interest(scored: Scored) -> tuple[int, int, int, str]:
    return -len(scored.missed()), -len(scored.false()), -len(scored.reference), scored.recording_id


def _event_row(scored: Scored, threshold: float | None, pictures: Sequence[Picture]) -> EventRow:
    marks = [(p.time_s, p.letter) for p in pictures if p.recording_id == scored.recording_id]
    found, missed, false = scored.detected(), scored.missed(), scored.false()
    title = (
        f"{scored.recording_id}: {len(scored.reference)} annotated seizures, {len(found)} found, "
        f"{len(missed)} missed, {len(false)} false alarms"
    )
    strip = draw_strip(
        scored.p_T, scored.duration_s, scored.reference, scored.detections, threshold, marks, title
    )
    return EventRow(
        scored.recording_id, clock(scored.duration_s), len(scored.reference),
        len(found), len(missed), len(false), Markup(strip),
    )  # fmt: skip


def _marked(picture: Picture) -> dict[str, Any]:
    return {
        "letter": picture.letter, "kind": picture.kind, "title": picture.title, "caption": picture.caption,
        "svg": Markup(picture.svg),
    }  # fmt: skip


def _absent_kinds(pictures: Sequence[Picture], shown: SplitScores | None) -> Iterator[str]:
    if shown is None or not pictures:
        return
    words = {
        "missed": "No seizure was missed.",
        "detected": "No seizure was detected.",
        "false": "There is no false alarm.",
    }
    present = {picture.kind for picture in pictures}
    yield from (text for kind, text in words.items() if kind not in present)


def _configuration(facts: RunFacts) -> list[tuple[str, str, str]]:
    if facts.resolved is None:
        return []
    values = flatten(facts.resolved.config.model_dump(mode="json"))
    return [
        (key, json.dumps(value), facts.resolved.origins.get(key, "default")) for key, value in values.items()
    ]
