"""A classifier and a sampler computed by PyTorch, as the same functions of arrays that ONNX Runtime gives."""

import torch

from tiny_cats.export.source import Source
from tiny_cats.runtime.models import Bytes, Classes, Classifier, Floats, Sampler


def torch_classifier(source: Source) -> Classifier:
    @torch.inference_mode()
    def logits(images: Bytes) -> Floats:
        array: Floats = source.module(torch.from_numpy(images)).numpy()
        return array

    return Classifier(source.about, logits)


def torch_sampler(source: Source) -> Sampler:
    @torch.inference_mode()
    def velocity(x: Floats, t: Floats, y: Classes) -> Floats:
        array: Floats = source.module(torch.from_numpy(x), torch.from_numpy(t), torch.from_numpy(y)).numpy()
        return array

    return Sampler(source.about, velocity)
