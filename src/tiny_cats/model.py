"""The classifier's network: ResNet-18 and ResNet-34 (He et al. 2015, arXiv 1512.03385, table 1).

The names in the state dict are torchvision's, so weights trained there, or by timm, fit. Legend of shape
letters: B pictures, C channels, H and W pixels, K classes.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tiny_cats.errors import ModelError

Name = Literal["resnet18", "resnet34"]

BLOCKS: dict[str, tuple[int, int, int, int]] = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)

# of ImageNet's training pictures, in [0, 1]: what pretrained weights expect, and as good a unit as any
MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)


def cats_model(
    name: str = "resnet18", num_classes: int = 13, weights: str = "scratch", stem: str = "imagenet"
) -> "ResNet":
    """A ResNet that gives logits of `num_classes` classes.

    `weights`: "scratch" (drawn by PyTorch's generator) or "imagenet" (timm's, downloaded; the last layer is
    new). `stem`: "imagenet" (7x7, stride 2, pooled) or "small" (3x3, stride 1: for pictures under about
    100 px). Raises ModelError where a name is unknown, and where the weights cannot be had: it never falls
    back on others.
    """
    if name not in BLOCKS:
        raise ModelError(f"{name} is no network of this project: take one of {', '.join(BLOCKS)}")
    if weights not in ("scratch", "imagenet"):
        raise ModelError(f"weights: {weights!r} is not known: take scratch or imagenet")
    if stem not in ("imagenet", "small"):
        raise ModelError(f"stem: {stem!r} is not known: take imagenet or small")
    if num_classes < 2:
        raise ModelError(f"{num_classes} classes: a classifier tells two apart at least")
    if weights == "imagenet" and stem == "small":
        raise ModelError("weights: imagenet were trained with the stem of 7x7: take stem: imagenet with them")
    model = ResNet(BLOCKS[name], num_classes, small_stem=stem == "small")
    if weights == "imagenet":
        put_backbone(model, imagenet_weights(name))
    return model


def normalise(x_BCHW: Tensor) -> Tensor:
    """What the network takes, from RGB pictures of 0 to 255 (uint8 or float)."""
    x_BCHW = x_BCHW.float() / 255.0
    mean_C11, std_C11 = (x_BCHW.new_tensor(values).view(3, 1, 1) for values in (MEAN_RGB, STD_RGB))
    return (x_BCHW - mean_C11) / std_C11


class ResNet(nn.Module):
    """x_BCHW, normalised, of 32 px or more a side -> logits_BK."""

    def __init__(
        self, blocks: tuple[int, int, int, int], num_classes: int, *, small_stem: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = (
            nn.Conv2d(3, 64, 3, padding=1, bias=False)
            if small_stem
            else nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        )
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool: nn.Module = nn.Identity() if small_stem else nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(64, WIDTHS[0], blocks[0], stride=1)
        self.layer2 = _stage(WIDTHS[0], WIDTHS[1], blocks[1], stride=2)
        self.layer3 = _stage(WIDTHS[1], WIDTHS[2], blocks[2], stride=2)
        self.layer4 = _stage(WIDTHS[2], WIDTHS[3], blocks[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(WIDTHS[3], num_classes)
        self.apply(_draw)
        for module in self.modules():
            if isinstance(module, BasicBlock):
                # each block begins as the identity: 0.2 to 0.3 points on ImageNet (Goyal et al. 2017, 5.1)
                nn.init.zeros_(module.bn2.weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        logits_BK: Tensor = self.fc(self.features(x_BCHW))
        return logits_BK

    def features(self, x_BCHW: Tensor) -> Tensor:
        """features_BD, D = 512: what the last layer sees."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x_BCHW))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return torch.flatten(self.avgpool(x), 1)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside the identity (or a 1x1 convolution, where the shape changes)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(y + beside)
        return out


def _stage(c_in: int, c_out: int, blocks: int, stride: int) -> nn.Sequential:
    rest = (BasicBlock(c_out, c_out, 1) for _ in range(blocks - 1))
    return nn.Sequential(BasicBlock(c_in, c_out, stride), *rest)


def _draw(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


INSTEAD = (
    "install timm where its weights can be downloaded, or train from scratch: --set model.weights=scratch"
)


def import_timm(how: Callable[[], Any] = lambda: import_module("timm")) -> Any:
    """timm. Raises ModelError where it cannot be imported: it needs torchvision, which may not fit."""
    try:
        return how()
    except Exception as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"weights: imagenet need timm, which cannot be imported ({words}): {INSTEAD}"
        ) from None


def imagenet_weights(name: str, timm: Any = None) -> dict[str, Tensor]:
    """timm's ImageNet weights of `name`. Raises ModelError where timm or its download is not to be had."""
    timm = timm or import_timm()
    try:
        state: dict[str, Tensor] = timm.create_model(name, pretrained=True).state_dict()
    except Exception as error:  # whatever a failing download makes its libraries raise
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"the ImageNet weights of {name} cannot be had ({words}): {INSTEAD}") from None
    return state


def put_backbone(model: ResNet, weights: Mapping[str, Tensor]) -> None:
    """Puts all but the last layer of `weights` into `model`. Raises ModelError where any does not fit."""
    own = model.state_dict()
    backbone = {key: value for key, value in weights.items() if not key.startswith("fc.")}
    missing = sorted(key for key in own if not key.startswith("fc.") and key not in backbone)
    unknown = sorted(key for key in backbone if key not in own)
    other = sorted(key for key in backbone if key in own and own[key].shape != backbone[key].shape)
    wrong = [*missing, *unknown, *other]
    if wrong:
        raise ModelError(
            f"{len(wrong)} of the pretrained weights do not fit this network, the first is {wrong[0]}: "
            "they are of another one"
        )
    model.load_state_dict({**own, **backbone})
