"""When schedules are due."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.model.errors import InvalidError
from homeport.plan.schedules import Cron, Period, check, next_call


def at(*parts: int, zone: str = "UTC") -> float:
    return datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[arg-type, misc]


def test_a_cron_is_due_at_the_minute_after_and_in_its_time_zone() -> None:
    assert next_call(Cron("5 4 * * *"), 0.0, at(2026, 3, 1, 4, 5)) == at(2026, 3, 2, 4, 5)
    assert next_call(Cron("0 9 * * 4"), 0.0, at(2026, 3, 1)) == at(2026, 3, 5, 9)  # Thursdays
    new_york = Cron("0 6 * * *", "America/New_York")
    assert next_call(new_york, 0.0, at(2026, 7, 1)) == at(2026, 7, 1, 6, zone="America/New_York")
    assert next_call(new_york, 0.0, at(2026, 12, 1)) == at(2026, 12, 1, 11)


def test_a_period_counts_from_the_deployment() -> None:
    deployed = at(2026, 1, 31, 12)
    assert next_call(Period(seconds=5.0), deployed, deployed) == deployed + 5
    assert next_call(Period(seconds=5.0), deployed, deployed + 12) == deployed + 15
    assert next_call(Period(seconds=5.0), deployed, deployed + 15) == deployed + 20
    assert next_call(Period(seconds=5.0), deployed, deployed - 1000) == deployed + 5  # the clock was set back


def test_months_keep_their_day_where_the_month_has_it() -> None:
    deployed, month = at(2026, 1, 31, 12), Period(months=1)
    assert next_call(month, deployed, deployed) == at(2026, 2, 28, 12)
    assert next_call(month, deployed, at(2026, 2, 28, 12)) == at(2026, 3, 31, 12)
    assert next_call(Period(months=12, seconds=60.0), deployed, deployed) == at(2027, 1, 31, 12, 1)


def test_a_day_that_never_comes_and_a_year_that_is_none_are_never_due() -> None:
    assert next_call(Period(months=12 * 20_000), 0.0, 0.0) is None


@given(
    months=st.integers(0, 30),
    seconds=st.floats(1.0, 1e7),
    anchor=st.floats(0.0, 2e9),
    waited_s=st.floats(0.0, 1e9),
)
def test_a_period_is_due_after_now_and_not_later_than_one_period_on(
    months: int, seconds: float, anchor: float, waited_s: float
) -> None:
    period = Period(months, seconds)
    due = next_call(period, anchor, anchor + waited_s)
    assert due is not None
    assert anchor + waited_s < due <= anchor + waited_s + seconds + months * 31 * 86400.0 + 3 * 86400.0 + 1


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (Cron("every day"), "no crontab expression"),
        (Cron("61 * * * *"), "bad minute"),
        (Cron("0 0 30 2 *"), "bad day-of-month"),
        (Cron("* * * * *", "Mars/Olympus"), "no time zone"),
        (Cron("* * * * *", "../../etc/passwd"), "no time zone"),
        (Period(), "1 second or longer"),
        (Period(seconds=0.2), "1 second or longer"),
        (Period(seconds=float("nan")), "1 second or longer"),
        (Period(seconds=float("inf")), "1 second or longer"),
        (Period(months=-1), "negative"),
        (Period(months=1, seconds=-5.0), "negative"),
    ],
)
def test_what_can_never_be_due_is_refused(schedule: Cron | Period, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        check(schedule)


def test_times_are_utc_by_default() -> None:
    check(Cron("* * * * *"))
    assert (
        next_call(Cron("0 0 * * *", ""), 0.0, at(2026, 3, 1, 1))
        == datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    )
