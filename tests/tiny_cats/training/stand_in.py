"""A small task for the loop's tests: it draws from every generator, and takes milliseconds a step."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from tiny_cats.config.schema import Training
from tiny_cats.training.loop import train
from training_kit.devices import Place

CPU = Place(torch.device("cpu"))


SMALL = {
    "steps": 12,
    "batch_size": 8,
    "learning_rate": 0.002,
    "warmup_steps": 2,
    "log_every_steps": 2,
    "validate_every_steps": 4,
    "checkpoint_every_steps": 2,
}


@dataclass(frozen=True)
class StandInBatch:
    x_BCHW: torch.Tensor
    y_B: torch.Tensor


class StandIn:
    """Tells bright pictures from dark ones. Dropout and noise draw from both kinds of generator."""

    name = "stand-in"
    minimised = "val_loss"

    def __init__(self, *, width=16, data="the data", batch_size=8, blow_up_at=None, seed=3):
        torch.manual_seed(seed)
        self.model = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(width * 64, 2),
        )
        self.width, self.data, self.batch_size, self.blow_up_at = width, data, batch_size, blow_up_at
        self.average = [parameter.detach().clone() for parameter in self.model.parameters()]
        self.seen = []  # pictures at a time

    def about(self):
        return {"preset": f"width {self.width}", "classes": ["dark", "bright"]}

    def data_identity(self):
        return self.data

    def batches(self, first):
        number = first
        while True:
            yield self.batch(number)
            number += 1

    def batch(self, number):
        random = torch.Generator().manual_seed(1000 + number)
        y_B = torch.randint(0, 2, (self.batch_size,), generator=random)
        dim = torch.randint(0, 120, (self.batch_size, 3, 8, 8), generator=random)
        return StandInBatch((dim + 40 * y_B[:, None, None, None]).to(torch.uint8), y_B)

    def loss(self, x_BCHW, y_B, generator, step):
        self.seen.append(len(y_B))
        x_BCHW = x_BCHW.float() / 255
        x_BCHW = x_BCHW + 0.01 * torch.randn(x_BCHW.shape, generator=generator, device=x_BCHW.device)
        if step == self.blow_up_at:
            x_BCHW = x_BCHW * float("inf")
        logits_BK = self.model(x_BCHW)
        share = (logits_BK.argmax(1) == y_B).float().mean()
        return functional.cross_entropy(logits_BK.float(), y_B), {"accuracy": share}

    def after_step(self, step):
        for mean, parameter in zip(self.average, self.model.parameters(), strict=True):
            mean.lerp_(parameter.detach(), 0.1)

    def validate(self):
        batch = self.batch(1_000_000)
        logits_BK = self.model(batch.x_BCHW.float() / 255)
        return {"val_loss": float(functional.cross_entropy(logits_BK, batch.y_B))}

    def sample_pictures(self, step, folder):
        folder.mkdir(exist_ok=True)
        (folder / f"step-{step:06d}.txt").write_text("a picture")

    def extra_state(self):
        return {"average": [mean.clone() for mean in self.average]}

    def load_extra_state(self, state):
        self.average = [mean.clone() for mean in state["average"]]


def live(folder, *, resume=False, max_steps=None, say=print, **other):
    """One life of a run in `folder`."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    return train(
        StandIn(), Training(**{**SMALL, **other}), folder, CPU, resume=resume, max_steps=max_steps, say=say
    )
