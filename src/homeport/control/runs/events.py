"""What happens in a run, told to whoever holds it to something.

runs.py tells, in the engine's loop; what a listener does must be short. A HomeportError raised in `launched`,
`called` or `container` refuses that step with its sentence.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from homeport.plan.environment import Variable
from homeport.record.run import Call, Launcher, Note, Sample, State


class RunListener(Protocol):
    """`run_id` is the app's for a `modal run`, the call's for a call of a deployed app.

    `launched` is told of every app and deployment, the rest only of runs that it `watches`.
    """

    def watches(self, run_id: str, app_id: str) -> bool:
        """Whether to tell of a run all that it does. Asked after `launched`, before and after `called` for a
        call of a deployed app, and when an engine takes a run up again; must take microseconds."""

    def launched(self, run_id: str, launcher: Launcher | None) -> None:
        """The app is about to be created; None where nobody could find out who asks."""

    def called(self, run_id: str, app_id: str, app_name: str, call: Call) -> None:
        """A function is about to be called; its arguments are known."""

    def container(self, run_id: str, task_id: str, function: str, variables: Mapping[str, Variable]) -> None:
        """A container is about to be started, with this environment."""

    def noted(self, run_id: str, notes: Sequence[Note]) -> None: ...

    def printed(self, run_id: str, task_id: str, lines: Sequence[tuple[float, str]]) -> None:
        """Whole lines of a container's output, with their times."""

    def sampled(self, run_id: str, task_id: str, sample: Sample) -> None: ...

    async def acted(self, run_id: str) -> str:
        """Returns once all was done that what was told so far asks for; the sentence that the run was stopped
        with, empty where it goes on."""

    def ended(self, run_id: str, state: State) -> None:
        """All of its containers have ended, and all that they said was told."""
