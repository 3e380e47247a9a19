"""Which events are pictured: the rule, whatever order recordings come in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seizure.corpus.recording import Seizure
from seizure.report.choose import EACH, Scored, choose
from seizure.report.strips import highest


def scored(
    name: str, reference: list[tuple[float, float]], found: list[tuple[float, float, float]]
) -> Scored:
    p_T = np.full(400, 0.05, np.float32)
    for start_s, stop_s, p in found:
        p_T[int(start_s * 4) : int(stop_s * 4)] = p
    detections = tuple(Seizure(a, b, "seiz", p) for a, b, p in found)
    return Scored(name, 100.0, tuple(Seizure(*one) for one in reference), detections, p_T, 4.0)


def test_missed_by_length_false_by_probability_found_the_longest_and_the_weakest() -> None:
    recordings = {
        one.recording_id: one
        for one in (
            scored("a", [(0, 10), (20, 50), (60, 65)], [(70, 75, 0.7)]),
            scored("b", [(10, 30), (40, 80), (85, 90)], [(12, 28, 0.9), (45, 50, 0.8), (86, 88, 0.6)]),
            scored("c", [], [(10, 20, 0.65), (40, 45, 0.95)]),
        )
    }
    picks = [(pick.kind, pick.recording_id, pick.event.start_s) for pick in choose(recordings)]
    assert picks == [
        ("missed", "a", 20), ("missed", "a", 0),
        ("detected", "b", 40), ("detected", "b", 85),
        ("false", "c", 40), ("false", "a", 70),
    ]  # fmt: skip


def test_touching_is_not_overlapping() -> None:
    one = scored("a", [(10, 20)], [(20, 30, 0.9)])
    assert len(one.missed()) == len(one.false()) == 1


EVENT = st.tuples(st.integers(0, 90), st.integers(1, 9)).map(lambda e: (e[0], e[0] + e[1]))
EVENTS = st.lists(EVENT, max_size=5, unique=True)


@given(st.dictionaries(st.sampled_from("abcdef"), st.tuples(EVENTS, EVENTS)), st.randoms())
def test_the_choice_depends_on_the_events_alone(events: dict, random: object) -> None:
    recordings = {
        name: scored(name, ref, [(*one, 0.9) for one in det]) for name, (ref, det) in events.items()
    }
    names = list(recordings)
    random.shuffle(names)
    picks = choose(recordings)
    assert picks == choose({name: recordings[name] for name in names})
    for kind in ("missed", "detected", "false"):
        of_kind = [pick for pick in picks if pick.kind == kind]
        there = sum(len(getattr(one, kind)()) for one in recordings.values())
        assert len(of_kind) == min(EACH, there)
    assert len(set(map(repr, picks))) == len(picks)


@given(st.lists(st.floats(0, 1, width=32), max_size=300), st.integers(1, 40))
def test_the_strip_keeps_every_peak(values: list[float], columns: int) -> None:
    tops = highest(np.array(values, np.float32), columns)
    assert tops.size <= columns
    assert max(values, default=0) == (tops.max() if tops.size else 0)
