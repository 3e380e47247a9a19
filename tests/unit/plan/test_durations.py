"""Times as people read them, in commands and on pages."""

import pytest

from homeport.plan.durations import human_age, human_duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.00 s"),
        (0.25, "0.25 s"),
        (0.996, "1.0 s"),
        (5.96, "6.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (83, "1 min 23 s"),
        (3599.7, "1 h"),
        (7300, "2 h 1 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59, "59 s"), (100, "2 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert human_age(seconds) == text
