"""TinyDiT as a task of the loop: its loss, the average that samples come from, what is measured and drawn.

Shapes: B pictures, C colours (3), H = W their sides.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tiny_cats import augment
from tiny_cats.config.schema import DitConfig
from tiny_cats.data.batches import Batch, open_batches, take
from tiny_cats.data.dataset import Dataset, View
from tiny_cats.dit import NETWORK, build_model
from tiny_cats.errors import ModelError
from tiny_cats.flow_matching import EMA, FlowMatchingLoss, spread_times, velocity_errors
from tiny_cats.runtime.grid import write_grid
from tiny_cats.sampling import sample
from training_kit.checkpoint import Content
from training_kit.devices import Place

VALIDATION_PICTURES = 1024
"""At most so many pictures of each split are looked at on the way."""
VALIDATION_SEED = 20_26


class DitTask:
    """Makes the model, from torch's global generator, on the place's device."""

    name = "tinydit"
    minimised = "val_loss"

    def __init__(self, config: DitConfig, dataset: Dataset, place: Place) -> None:
        flow = config.flow
        self.config, self.dataset, self.place = config, dataset, place
        net = build_model(config.model.preset, len(dataset.classes))
        self.net = net.to(place.device)
        self.model: nn.Module = self.net
        self.ema = EMA(self.net, flow.ema_decay, every=flow.ema_every_steps)
        self.loss_of = FlowMatchingLoss(
            label_dropout=flow.label_dropout,
            time_mean=flow.time_mean,
            time_deviation=flow.time_deviation,
        )

    def about(self) -> dict[str, Any]:
        return {
            "network": NETWORK,
            "preset": self.config.model.preset,
            "size": self.net.size,
            "classes": list(self.dataset.classes),
            "flow": self.config.flow.model_dump(),
        }

    def data_identity(self) -> str:
        digests = (*self.dataset.train.digests, "", *self.dataset.val.digests)
        return hashlib.sha256("\n".join(digests).encode()).hexdigest()

    def batches(self, first: int) -> Iterator[Batch]:
        settings = self.config.training
        return open_batches(
            self.dataset.train,
            batch_size=settings.batch_size,
            seed=settings.seed,
            start_step=first,
            rank=self.place.rank,
            world=self.place.world,
        )

    def loss(
        self, x_BCHW: Tensor, y_B: Tensor, generator: torch.Generator, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures as they are, or in a mirror: any other change would come out of the samples."""
        x1_BCHW = augment.to_float(augment.centre_crop(x_BCHW, self.net.size))
        if self.config.flow.mirror:
            x1_BCHW = augment.flip(x1_BCHW, generator)
        # the network compiled, where the loop has compiled it
        return self.loss_of(self.model, x1_BCHW, y_B, generator, null_token=self.net.null_token), {}

    def after_step(self, step: int) -> None:
        self.ema.update(self.net)

    def validate(self) -> dict[str, float]:
        """Velocity losses of the same noise and times: held out and trained on, averaged weights and raw.

        train_loss_ema far below val_loss says that pictures are learned by heart.
        """
        average = self.ema.model
        return {
            "val_loss": self._mean_error(average, self.dataset.val),
            "val_loss_raw": self._mean_error(self.net.forward, self.dataset.val),
            "train_loss_ema": self._mean_error(average, self.dataset.train),
        }

    def sample_pictures(self, step: int, folder: Path) -> None:
        """A grid of samples of the average, from the same noise each time, the classes in turn."""
        drawing = self.config.sampling
        y_B = torch.arange(drawing.count, device=self.place.device) % len(self.dataset.classes)
        settings = {"steps": drawing.steps, "solver": drawing.solver, "guidance": drawing.guidance}
        pictures = sample(
            self.ema.model,
            y_B,
            steps=drawing.steps,
            solver=drawing.solver,
            guidance=drawing.guidance,
            size=self.net.size,
            generator=torch.Generator().manual_seed(VALIDATION_SEED),
        )
        write_grid(folder / f"step-{step:06d}.png", pictures.cpu().numpy(), {"step": step, **settings})

    def extra_state(self) -> dict[str, Any]:
        return {"ema": self.ema.state_dict()}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self.ema.load_state_dict(state["ema"])

    def _mean_error(self, velocity: Any, view: View) -> float:
        """The mean velocity loss over a view's pictures, at times spread as training draws them."""
        flow, device = self.config.flow, self.place.device
        generator = torch.Generator().manual_seed(VALIDATION_SEED)
        count = min(len(view), VALIDATION_PICTURES)
        places = np.linspace(0, len(view) - 1, count).round().astype(np.int64)  # of all classes
        t_B = spread_times(count, mean=flow.time_mean, deviation=flow.time_deviation)
        t_B = t_B[torch.randperm(count, generator=generator)]
        total = torch.zeros((), device=device)
        size = self.config.training.micro_batch_size or self.config.training.batch_size
        for first in range(0, count, size):
            x_BCHW, y_B = take(view, places[first : first + size])
            x1_BCHW = augment.to_float(augment.centre_crop(x_BCHW, self.net.size)).to(device)
            x0_BCHW = torch.randn(x1_BCHW.shape, generator=generator).to(device)
            t = t_B[first : first + size].to(device)
            total += velocity_errors(velocity, x0_BCHW, x1_BCHW, t, y_B.to(device)).sum()
        return total.item() / max(1, count)


def sampler_of(content: Content, *, averaged: bool = True) -> Any:
    """A checkpoint's TinyDiT, in evaluation mode on the CPU: its average, or its raw weights.

    Raises ModelError where the weights, though they may fit, are of another network.
    """
    about = content["about"]
    if (network := about.get("network", 1)) != NETWORK:
        raise ModelError(f"its network is version {network}, here it is version {NETWORK}")
    model = build_model(about["preset"], len(about["classes"]))
    model.load_state_dict(content["extra"]["ema"]["weights"] if averaged else content["model"])
    return model.eval().requires_grad_(False)
