"""The model's promises: a logit a sample, two sizes of one code, and a reach that covers the window."""

import pytest
import torch

from seizure.errors import ConfigError
from seizure.model import PRESETS, build_model
from seizure.model.network import compress, positions


@pytest.fixture(autouse=True)
def _two_threads():
    torch.set_num_threads(2)
    torch.manual_seed(0)


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("channels", [18, 19])
def test_base_is_as_large_as_the_model_it_follows(channels):
    with torch.device("meta"):  # no memory, no drawing of 41 M numbers
        assert 38e6 <= size(build_model("base", channels)) <= 44e6


def test_tiny_has_a_million_parameters_at_most():
    assert size(build_model("tiny", 19)) <= 1e6


def test_base_runs_forward_and_backward():
    model = build_model("base", 19)
    logits_BT = model(torch.randn(1, 19, 1024))
    assert logits_BT.shape == (1, 1024)
    logits_BT.square().mean().backward()
    idle = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert not idle


def test_tiny_gives_a_logit_a_sample_of_60_s():
    model = build_model("tiny", 18)
    logits_BT = model(torch.randn(2, 18, 15360))
    assert logits_BT.shape == (2, 15360)
    logits_BT.square().mean().backward()
    assert all(value.grad is not None and value.grad.any() for value in model.parameters())


@pytest.mark.parametrize("preset", PRESETS)
def test_any_multiple_of_the_stride_gives_as_many_logits(preset):
    model = build_model(preset, 2).eval()
    with torch.no_grad():
        for tokens in (1, 3):
            samples = tokens * model.stride
            assert model(torch.randn(1, 2, samples)).shape == (1, samples)


def test_each_sample_may_depend_on_the_whole_window():
    model = build_model("tiny", 2).eval()
    x_BCT = torch.randn(1, 2, 15360, requires_grad=True)
    model(x_BCT)[0, 100].backward()
    assert x_BCT.grad[0, :, -200:].abs().max() > 0


def test_logits_stay_finite_at_the_cache_s_bound():
    model = build_model("tiny", 19).eval()
    with torch.no_grad():
        assert model(torch.full((1, 19, 1280), 40.0)).isfinite().all()
        assert model(torch.zeros(1, 19, 1280)).isfinite().all()


def test_compression_is_odd_and_keeps_order():
    x = torch.linspace(-40, 40, 1001)
    y = compress(x)
    assert torch.allclose(compress(-x), -y) and (y.diff() > 0).all()
    assert y.max() < 4
    assert compress(torch.tensor(0.01)) == pytest.approx(0.01, rel=0.01)


def test_positions_are_all_different():
    p_NW = positions(torch.zeros(1, 120, 96))
    assert p_NW.shape == (120, 96)
    assert torch.cdist(p_NW, p_NW).fill_diagonal_(1).min() > 0.1


def test_an_unknown_preset_is_named():
    with pytest.raises(ConfigError, match="huge is none of base, tiny"):
        build_model("huge", 19)
