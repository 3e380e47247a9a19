"""Models as small as they come, of the real classes, with weights that are drawn: fresh ones give zero."""

import torch
from torch import nn

from tiny_cats.dit import Preset, TinyDiT
from tiny_cats.export.graph import WithScaling
from tiny_cats.export.inputs import random_inputs
from tiny_cats.export.source import Source
from tiny_cats.model import ResNet
from tiny_cats.runtime.folder import Description

CLASSES = ("Abyssinian", "Maine Coon", "Schnürhaar")


def drawn(model: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.normal_(0, 0.05, generator=generator)
    return model.eval()


def small_classifier() -> Source:
    about = Description("classifier", "small", 32, 40, CLASSES, 7, config={"name": "made"}, source="0" * 64)
    model = drawn(ResNet((1, 1, 1, 1), len(CLASSES), small_stem=True))
    return Source(about, WithScaling(model).eval(), model.state_dict(), {"random": random_inputs(about)})


def small_tinydit() -> Source:
    about = Description("tinydit", "small", 16, 16, CLASSES, 7, config={"name": "made"}, source="1" * 64)
    model = drawn(TinyDiT(Preset(size=16, patch=4, width=32, depth=2, heads=2), len(CLASSES)))
    return Source(about, model, model.state_dict(), {"random": random_inputs(about)})
