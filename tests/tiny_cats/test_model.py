"""The classifier's network: torchvision's names and sizes, and never other weights than those asked for."""

import types

import pytest
import torch

from tiny_cats.errors import ModelError
from tiny_cats.model import cats_model, imagenet_weights, import_timm, normalise, put_backbone


@pytest.mark.parametrize(("name", "weights"), [("resnet18", 11_689_512), ("resnet34", 21_797_672)])
def test_as_many_weights_as_torchvision_s(name, weights):
    """Its documentation's numbers, for ImageNet's 1000 classes."""
    assert sum(parameter.numel() for parameter in cats_model(name, 1000).parameters()) == weights


def test_torchvision_s_names():
    names = set(cats_model("resnet18").state_dict())
    assert len(names) == 122  # torchvision.models.resnet18().state_dict()
    assert {"conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "fc.bias"} <= names
    assert {"layer2.0.downsample.0.weight", "layer4.1.bn2.num_batches_tracked"} <= names
    assert not any(name.startswith("layer1.0.downsample") for name in names)


@pytest.mark.parametrize("stem", ["imagenet", "small"])
@pytest.mark.parametrize("size", [32, 70])
def test_pictures_of_several_sizes(stem, size):
    model = cats_model("resnet18", 3, stem=stem)
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 3)
    assert model.features(torch.zeros(2, 3, size, size)).shape == (2, 512)


def test_it_fits_a_few_pictures():
    torch.manual_seed(0)
    model = cats_model("resnet18", 2)
    x_BCHW, y_B = normalise(torch.randint(0, 256, (8, 3, 32, 32))), torch.arange(8) % 2
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(12):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x_BCHW), y_B)
        loss.backward()
        optimiser.step()
    assert loss < 0.1


def test_normalised_pictures_have_about_unit_scale():
    x_BCHW = normalise(torch.tensor([124, 116, 104], dtype=torch.uint8).view(1, 3, 1, 1))
    assert x_BCHW.abs().max() < 0.01  # ImageNet's mean
    assert normalise(torch.full((1, 3, 1, 1), 255)).max() < 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "resnet50"}, "resnet50 is no network of this project: take one of resnet18, resnet34"),
        ({"weights": "pretrained"}, "weights: 'pretrained' is not known"),
        ({"stem": "tiny"}, "stem: 'tiny' is not known"),
        ({"num_classes": 1}, "1 classes"),
        ({"weights": "imagenet", "stem": "small"}, "take stem: imagenet with them"),
    ],
)
def test_what_is_not_served_is_refused_by_name(arguments, words):
    with pytest.raises(ModelError, match=words):
        cats_model(**arguments)


# pretrained weights, of a timm that stands in


def timm_with(create_model):
    return types.SimpleNamespace(create_model=create_model)


def test_pretrained_weights_are_put_in_and_the_last_layer_is_new():
    theirs = cats_model("resnet18", 1000)
    weights = imagenet_weights("resnet18", timm_with(lambda name, pretrained: theirs))
    model = cats_model("resnet18", 13)
    last = model.fc.weight.detach().clone()
    put_backbone(model, weights)
    assert torch.equal(model.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    assert torch.equal(model.fc.weight, last)


def test_without_timm_it_says_so_and_takes_nothing_else():
    def broken():
        raise RuntimeError("operator torchvision::nms does not exist")

    words = (
        r"need timm, which cannot be imported \(operator.*or train from scratch: --set model\.weights=scratch"
    )
    with pytest.raises(ModelError, match=words):
        import_timm(broken)


def test_a_download_that_fails_is_said():
    def offline(name, pretrained):
        raise OSError("no route to host")

    with pytest.raises(ModelError, match=r"weights of resnet18 cannot be had \(no route to host\)"):
        imagenet_weights("resnet18", timm_with(offline))


def test_weights_of_another_network_are_refused():
    with pytest.raises(ModelError, match=r"do not fit this network, the first is layer1\.2\.bn1\.bias"):
        put_backbone(cats_model("resnet18"), cats_model("resnet34").state_dict())
