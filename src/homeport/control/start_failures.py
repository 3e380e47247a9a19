"""Containers that do not get ready: whether another is tried, and what becomes of the inputs that wait.

How a container starts and ends is left to containers.py.
"""

from modal_proto import api_pb2

from homeport.control.attempts import Attempts
from homeport.control.functions import Functions
from homeport.control.placing import Placing
from homeport.control.tasks import Task
from homeport.plan import retries


class StartFailures:
    """Counts the failed starts of each function, in a row. `tasks` is the live map of all containers."""

    def __init__(
        self, functions: Functions, attempts: Attempts, placing: Placing, tasks: dict[str, Task]
    ) -> None:
        self._functions = functions
        self._attempts = attempts
        self._placing = placing
        self._tasks = tasks
        self._in_a_row: dict[str, int] = {}

    def forget(self, function_id: str) -> None:
        """A container of the function got ready, or the function was defined anew."""
        self._in_a_row.pop(function_id, None)

    def note(self, task: Task, result: api_pb2.GenericResult) -> None:
        """Another try after a pause, or the end of the inputs that wait, with `result`."""
        function_id = task.function_id
        failures = self._in_a_row[function_id] = self._in_a_row.get(function_id, 0) + 1
        pause = retries.after_failed_start(
            failures,
            deployed=not task.definition.is_build_step and self._functions.app(task.app_id).deployed,
            was_said=task.failure is not None,
            others_run=any(
                other.function_id == function_id and other.is_ready and other.takes_inputs()
                for other in self._tasks.values()
            ),
        )
        if pause is None:
            self._placing.give_up(function_id)
            self._attempts.fail_waiting(function_id, result)
        else:
            self._placing.pause(function_id, pause)
