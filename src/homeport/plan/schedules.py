"""When a function with `schedule=` is next called. Pure; times are seconds since the epoch.

Sources: modal.Cron (Unix crontab syntax in a time zone, UTC by default) and modal.Period (counted from the
deployment, which starts it anew; "similar to dateutil's relativedelta" by the client's own words).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from homeport.model.errors import InvalidError

SHORTEST_S = 1.0
_DAY_S = 86400.0


@dataclass(frozen=True)
class Cron:
    """A crontab expression of five fields in an IANA time zone."""

    expression: str
    timezone: str = "UTC"


@dataclass(frozen=True)
class Period:
    """A span of time; calendar months and years keep the day of the month, or take the month's last."""

    months: int = 0  # years are twelve
    seconds: float = 0.0  # weeks, days, hours and minutes have their fixed length in UTC


Schedule = Cron | Period


def check(schedule: Schedule) -> None:
    """Raises InvalidError for a schedule by which nothing could ever be called, or which is none."""
    if isinstance(schedule, Period):
        if schedule.months < 0 or schedule.seconds < 0:
            raise InvalidError("A modal.Period cannot have negative parts.")
        if not math.isfinite(schedule.seconds) or (not schedule.months and schedule.seconds < SHORTEST_S):
            raise InvalidError(f"A modal.Period has to be {SHORTEST_S:.0f} second or longer.")
        return
    next(_cron_times(schedule, 0.0), None)


def next_call(schedule: Schedule, anchor: float, after: float) -> float | None:
    """The first moment later than `after` at which the function is due; None if there is none in the next
    decades. A Period counts from `anchor`, the deployment. Raises InvalidError as `check` does."""
    if isinstance(schedule, Cron):
        return next(_cron_times(schedule, after), None)
    try:
        return _next_of_period(schedule, anchor, max(anchor, after))
    except (OverflowError, ValueError):  # beyond the year 9999
        return None


def _cron_times(cron: Cron, after: float) -> Iterator[float]:
    from cronsim import CronSim, CronSimError  # needed once a schedule, not at start-up

    try:
        zone = ZoneInfo(cron.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidError(
            f"{cron.timezone!r} is no time zone that this machine knows; it wants an IANA name such as "
            "'Europe/Berlin' (and the package tzdata)."
        ) from None
    try:
        times = CronSim(cron.expression, datetime.fromtimestamp(after, zone))
    except CronSimError as error:
        raise InvalidError(
            f"{cron.expression!r} is no crontab expression: {str(error).lower()}. It wants minute, hour, "
            "day of the month, month and day of the week, such as '0 9 * * 1'."
        ) from None
    return (time.timestamp() for time in times)


def _next_of_period(period: Period, anchor: float, after: float) -> float:
    # both parts are added anew each time, since a month added to a month's end would shorten it for good
    longest_s = period.months * 31 * _DAY_S + period.seconds
    count = max(1, int((after - anchor) / longest_s))
    while (due := _nth(period, anchor, count)) <= after:
        count += 1
    return due


def _nth(period: Period, anchor: float, count: int) -> float:
    if not period.months:
        return anchor + count * period.seconds
    from dateutil.relativedelta import relativedelta  # needed once a schedule, not at start-up

    begin = datetime.fromtimestamp(anchor, UTC)
    return (begin + relativedelta(months=count * period.months)).timestamp() + count * period.seconds
