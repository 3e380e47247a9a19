"""Functions with `schedule=`: called at their times, as long as their app lives.

When a schedule is due is plan/schedules.py's. Nothing is stored: what is due follows from the definitions in
effect and the time of the deployment. A time that passed while no engine ran, or while the machine slept, is
not made up for.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeport.control.calls import Calls, pickled_input
from homeport.control.function_messages import schedule_of
from homeport.control.functions import Functions
from homeport.control.runs.origins import BY_SCHEDULE
from homeport.model.errors import HomeportError
from homeport.plan.schedules import Schedule, next_call
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_LONGEST_SLEEP_S: Final = 60.0  # so that a clock that is set, or a machine that slept, is noticed


@dataclass(frozen=True)
class Due:
    """The next call of a function."""

    app_id: str
    schedule: Schedule
    anchor: float  # when its version was deployed
    at: float


class Schedules:
    """All schedules of one engine. `open` needs the event loop, and the apps' functions."""

    def __init__(
        self, db: Database, functions: Functions, calls: Calls, now: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._functions = functions
        self._calls = calls
        self._now = now
        self._due: dict[str, Due] = {}  # by function id
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Takes up what is deployed; from now on functions are called."""
        for row in self._db.all("unstopped_apps"):
            self._take(row["app_id"])
        self._set_timer()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def publish(self, app_id: str) -> None:
        """The app's functions may have changed; a Period begins anew."""
        self.forget(app_id)
        self._take(app_id)
        self._set_timer()

    def forget(self, app_id: str) -> None:
        """The app has stopped."""
        self._due = {key: due for key, due in self._due.items() if due.app_id != app_id}

    def call_due(self) -> None:
        """Calls what is due by now, each function once."""
        now = self._now()
        for function_id, due in list(self._due.items()):
            if due.at <= now:
                self._call(function_id, due.app_id)
                self._plan(function_id, due, now)

    def _take(self, app_id: str) -> None:
        version = self._db.one("newest_app_version", app_id=app_id)
        if version is None:  # it has not been published
            return
        for definition in self._functions.published(app_id):
            if definition.base_id:  # a variant is only called by those who made it
                continue
            try:
                schedule = schedule_of(definition.data.schedule)
            except HomeportError as error:
                logger.warning("%s of %s is not called by its schedule: %s", definition.tag, app_id, error)
                continue
            if schedule is not None:
                due = Due(app_id, schedule, version["deployed_at"], 0.0)
                self._plan(definition.function_id, due, self._now())

    def _plan(self, function_id: str, due: Due, after: float) -> None:
        at = next_call(due.schedule, due.anchor, after)
        if at is None:
            self._due.pop(function_id, None)
        else:
            self._due[function_id] = Due(due.app_id, due.schedule, due.anchor, at)

    def _call(self, function_id: str, app_id: str) -> None:
        try:
            call = self._calls.start(function_id, pickled_input(), BY_SCHEDULE)
        except HomeportError as error:  # its app is stopping
            logger.info("the schedule of %s in %s did not call it: %s", function_id, app_id, error)
        else:
            logger.info("%s was called by its schedule: %s", function_id, call.call_id)

    def _set_timer(self) -> None:
        self.close()
        if self._due:
            wait_s = min(due.at for due in self._due.values()) - self._now()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(min(max(wait_s, 0.0), _LONGEST_SLEEP_S), self._wake)

    def _wake(self) -> None:
        try:
            self.call_due()
        finally:
            self._set_timer()
