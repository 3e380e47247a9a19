"""Pictures of detected, missed and false events: which window of the EEG, and what the caption says."""

from dataclasses import dataclass

from seizure.config.schema import Preprocessing
from seizure.report.choose import Kind, Pick, Scored, choose
from seizure.report.eeg import DRAWN_HZ, Excerpt, Signal, bipolar, clock, draw
from seizure.report.facts import Signals, SplitScores

WINDOW_S = 15.0  # a page of EEG; 10 to 20 s are usual
BEFORE_S = 5.0  # of it, before the event's start

TITLES: dict[Kind, str] = {"missed": "Missed seizure", "detected": "Detected seizure", "false": "False alarm"}


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure of the page. `svg` is empty where the EEG is not at hand; the caption says so."""

    letter: str
    kind: Kind
    title: str
    svg: str
    caption: str
    recording_id: str
    time_s: float


def draw_pictures(
    split: SplitScores, signals: Signals | None, preprocessing: Preprocessing | None
) -> list[Picture]:
    """The split's pictures, lettered in the order of the page."""
    picks = choose(split.recordings)
    return [
        _picture(chr(ord("A") + index), pick, split, signals, preprocessing)
        for index, pick in enumerate(picks)
    ]


def _picture(
    letter: str, pick: Pick, split: SplitScores, signals: Signals | None, preprocessing: Preprocessing | None
) -> Picture:
    scored = split.recordings[pick.recording_id]
    event = pick.event
    title = f"{TITLES[pick.kind]}, {pick.recording_id} at {clock(event.start_s)}"
    start_s = min(max(event.start_s - BEFORE_S, 0.0), max(scored.duration_s - WINDOW_S, 0.0))
    found = signals.excerpt_uv(pick.recording_id, start_s, start_s + WINDOW_S) if signals else None
    words = f"{event.duration_s:.0f} s long, highest probability {pick.peak:.2f}"
    if pick.kind == "detected":
        words += f"; {_delay(pick, scored)}"
    if found is None:
        svg, caption = "", f"{words}. Its EEG is not in the cache any more, so there is no picture."
    else:
        x_uv_CT, channels, rate_hz = found
        x_uv_CT, channels = bipolar(x_uv_CT, channels)
        excerpt = Excerpt(
            x_uv_CT, rate_hz, channels, start_s, scored.duration_s, *_probability(scored, start_s),
            split.threshold, scored.reference, scored.detections,
        )  # fmt: skip
        svg = draw(excerpt, title, f"{len(channels)} channels, {WINDOW_S:.0f} s. {words}.")
        caption = f"{words}. {settings_words(preprocessing)}"
    return Picture(letter, pick.kind, title, svg, caption, pick.recording_id, event.start_s)


def settings_words(preprocessing: Preprocessing | None) -> str:
    """What a reader of EEG asks first: time base, filters, derivation, polarity."""
    words = f"{WINDOW_S:.0f} s a page, negative up"
    if preprocessing is None:
        return words + "."
    notch = f", notch {preprocessing.mains_hz} Hz" if preprocessing.mains_hz else ", no notch"
    high_hz = min(preprocessing.high_hz, DRAWN_HZ / 2)
    return f"{words}; filter {preprocessing.low_hz:g} to {high_hz:g} Hz{notch}; bipolar, double banana."


def _delay(pick: Pick, scored: Scored) -> str:
    touching = [
        d for d in scored.detections if d.start_s < pick.event.stop_s and pick.event.start_s < d.stop_s
    ]
    delay_s = min(d.start_s for d in touching) - pick.event.start_s
    when = "after" if delay_s >= 0 else "before"
    return f"detected {abs(delay_s):.0f} s {when} the annotated onset"


def _probability(scored: Scored, start_s: float) -> tuple[Signal, float]:
    first = round(start_s * scored.p_rate_hz)
    wanted = round(WINDOW_S * scored.p_rate_hz)
    return scored.p_T[first : first + wanted], scored.p_rate_hz
