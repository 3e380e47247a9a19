"""TensorBoard and Weights & Biases, where they are wished for and there. A failing one never stops a run."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

Say = Callable[[str], None]


class Tracker(Protocol):
    name: str

    def log(self, step: int, values: Mapping[str, float]) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    name = "TensorBoard"

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # purge_step: hides what an earlier life of the run logged after its last checkpoint
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    name = "Weights & Biases"

    def __init__(self, folder: Path, project: str, config: BaseModel) -> None:
        import wandb

        self._run: Any = wandb.init(
            project=project,
            name=folder.name,
            id=folder.name,  # a resumed run continues its own record
            resume="allow",
            dir=str(folder),
            config=config.model_dump(mode="json"),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class Trackers:
    """All trackers that work. One that fails is named in a line, and left out from then on."""

    def __init__(self, makers: Mapping[str, Callable[[], Tracker]], say: Say) -> None:
        self._say = say
        self._working: list[Tracker] = []
        for name, make in makers.items():
            self._try(name, lambda make=make: self._working.append(make()))  # type: ignore[misc]

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._each(lambda tracker: tracker.log(step, values))

    def close(self) -> None:
        self._each(lambda tracker: tracker.close())

    def _each(self, do: Callable[[Tracker], None]) -> None:
        self._working = [each for each in self._working if self._try(each.name, lambda each=each: do(each))]  # type: ignore[misc]

    def _try(self, name: str, do: Callable[[], None]) -> bool:
        try:
            do()
        except Exception as error:  # whatever it is: a record of a run is worth less than the run
            self._say(f"[TRACK] {name} is off: {type(error).__name__}: {error}")
            return False
        return True


class Wishes(Protocol):
    """The section of a configuration that says which trackers are wished for."""

    @property
    def tensorboard(self) -> bool: ...
    @property
    def wandb_project(self) -> str: ...


def wished_trackers(wishes: Wishes, config: BaseModel, folder: Path, first_step: int, say: Say) -> Trackers:
    """The trackers that `wishes` names; Weights & Biases needs its key in the environment too."""
    makers: dict[str, Callable[[], Tracker]] = {}
    if wishes.tensorboard:
        makers[TensorBoard.name] = lambda: TensorBoard(folder, first_step)
    if wishes.wandb_project and os.environ.get("WANDB_API_KEY"):
        makers[WeightsAndBiases.name] = lambda: WeightsAndBiases(folder, wishes.wandb_project, config)
    elif wishes.wandb_project:
        say(f"[TRACK] {WeightsAndBiases.name} is off: tracking.wandb_project is set, WANDB_API_KEY is not")
    return Trackers(makers, say)
