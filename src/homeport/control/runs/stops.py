"""Ending a run that must not go on: its calls with a sentence as their failure, its containers, its app.

The order matters: the calls first, so that nothing is tried again and the client hears the sentence; the
containers at once; the app a moment later, so that its client has time to say why.
"""

import asyncio
from typing import Final

from homeport.control.apps import Apps
from homeport.control.calls import Calls
from homeport.control.lives import Lives
from homeport.control.logs import Logs
from homeport.model.errors import NotFoundError

_CLIENT_S: Final = 2.0  # for the client to hear of the failure, and to say goodbye itself
_GRACE_S: Final = 1.0  # for containers: what they write from now on is of a run that should not be


class RunStops:
    def __init__(self, apps: Apps, calls: Calls, lives: Lives, logs: Logs) -> None:
        self._apps = apps
        self._calls = calls
        self._lives = lives
        self._logs = logs
        self._background: set[asyncio.Task[None]] = set()

    def say(self, app_id: str, task_id: str, sentence: str) -> None:
        """A system line in the app's log."""
        self._logs.system(app_id, task_id, sentence)

    def stop(self, run_id: str, app_id: str, sentence: str, task_ids: set[str]) -> None:
        """Ends a run; of a deployed app only the call and the containers that work for it alone."""
        is_app = run_id == app_id
        concerned = [
            task
            for task in self._lives.tasks.values()
            if task.task_id in task_ids or (is_app and task.app_id == app_id)
        ]
        for task in concerned:
            self._lives.kill(task, sentence, grace_s=_GRACE_S)
        for call in list(self._calls.backlog.calls_of(app_id)):
            if call.unfinished and (is_app or run_id in (call.call_id, call.run_id)):
                self._calls.cancel(call.call_id, reason=sentence, terminate=True)
        if is_app:
            self._apps.stop_reasons[app_id] = sentence.removesuffix(".")  # the app's log adds one
            job = asyncio.get_running_loop().create_task(self._stop_app(app_id, sentence))
            self._background.add(job)
            job.add_done_callback(self._background.discard)

    async def close(self) -> None:
        for job in list(self._background):
            job.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _stop_app(self, app_id: str, sentence: str) -> None:
        await asyncio.sleep(_CLIENT_S)
        try:
            await self._apps.stop(app_id, sentence.removesuffix("."))
        except NotFoundError:
            pass  # it was refused before it was written
        finally:
            self._apps.stop_reasons.pop(app_id, None)
