"""TinyDiT's network: what its predecessor had wrong, each by a test that fails where it is wrong again."""

import pytest
import torch
from torch import Tensor, nn

from tiny_cats import dit, flow_matching
from tiny_cats.dit import TinyDiT, count_parameters, patchify, tinydit_32, tinydit_64, tinydit_128, unpatchify

SMALL = dit.Preset(size=16, patch=4, width=32, depth=2, heads=2)


def shaken(preset: dit.Preset = SMALL, num_classes: int = 3) -> TinyDiT:
    """A model all of whose weights count, as after some training; in evaluation mode."""
    torch.manual_seed(0)
    model = TinyDiT(preset, num_classes).eval()
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.2)
    return model.requires_grad_(False)


def pictures(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_tinydit_128_has_about_33_million_parameters() -> None:
    assert 32e6 < count_parameters(tinydit_128()) < 34e6


@pytest.mark.parametrize("make", [tinydit_32, tinydit_64])
def test_a_preset_gives_a_velocity_of_the_pictures_shape(make: type[TinyDiT]) -> None:
    model = make(num_classes=2)
    x = pictures(2, model.size)
    assert model(x, torch.tensor([0.0, 1.0]), torch.tensor([0, 2])).shape == x.shape


def test_positions_tell_all_patches_apart_and_neighbours_lie_nearer() -> None:
    position_NW = dit.positions(8, 64)
    distances = torch.cdist(position_NW, position_NW)
    assert (distances + torch.eye(64)).min() > 0.1
    corner = distances[0]  # patch 1 is its right neighbour, patch 8 the one below
    assert torch.isclose(corner[1], corner[8])
    assert corner[1] < corner[2] < corner[4]


def test_a_picture_with_its_patches_in_another_order_is_another_picture() -> None:
    """Without positions, added or turned by, the output would be the same, in the other order."""
    for without in ((), ("added",), ("turned",)):
        model = shaken()
        forget_positions(model, without)
        assert difference_of_order(model) > 0.1, without
    forget_positions(model, ("added", "turned"))  # and the test sees it: nothing else tells patches apart
    assert difference_of_order(model) < 1e-4


def forget_positions(model: TinyDiT, kinds: tuple[str, ...]) -> None:
    if "added" in kinds:
        model.position_NW.zero_()
    for block in model.blocks if "turned" in kinds else ():
        block.attention.rotary = nn.Identity()


def difference_of_order(model: TinyDiT) -> float:
    """Between what is made of a picture and of the same one with its patches in another order, put back."""
    x = pictures(1, 16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    moved = unpatchify(patchify(x, 4)[:, order], 4)
    t, y = torch.tensor([0.3]), torch.tensor([0])
    expected = unpatchify(patchify(model(x, t, y), 4)[:, order], 4)
    return float((model(moved, t, y) - expected).abs().max())


def test_one_token_fills_one_patch_and_nothing_else() -> None:
    x_BNP = torch.zeros(1, 16, 48)
    x_BNP[0, 6] = 1.0  # second row of patches, third column
    picture = unpatchify(x_BNP, 4)
    assert picture[:, :, 4:8, 8:12].eq(1).all()
    assert picture.sum() == 48


def test_unpatchify_is_the_inverse_of_patchify() -> None:
    x = pictures(2, 32)
    assert patchify(x, 4)[0, 9].equal(x[0, :, 4:8, 4:8].flatten())
    assert unpatchify(patchify(x, 4), 4).equal(x)


def test_times_are_spread_before_the_sines() -> None:
    """In [0, 1] unscaled, the fastest sine turns by a sixth of a circle over all of training."""
    early, late = dit.sines(torch.tensor([0.50])), dit.sines(torch.tensor([0.51]))
    assert (early - late).abs().max() > 1
    turns = dit.sines(torch.linspace(0, 1, 4001))[:, 0].diff().sign().diff().abs().gt(0).sum()
    assert turns > 250  # extrema of the fastest: 1000 / pi


def test_the_velocity_depends_on_time_and_on_class() -> None:
    model, x = (
        shaken(dit.Preset(size=16, patch=4, width=32, depth=2, heads=2, predicts="velocity")),
        pictures(1, 16),
    )
    base = model(x, torch.tensor([0.5]), torch.tensor([0]))
    assert (model(x, torch.tensor([0.52]), torch.tensor([0])) - base).abs().max() > 0.01
    assert (model(x, torch.tensor([0.5]), torch.tensor([3])) - base).abs().max() > 0.01


def test_a_fresh_block_passes_its_input_on() -> None:
    torch.manual_seed(0)
    model = TinyDiT(SMALL, 3)
    x_BNW, c_BW = torch.randn(2, 16, 32), torch.randn(2, 32)
    for block in model.blocks:
        assert block(x_BNW, c_BW).equal(x_BNW)


@pytest.mark.parametrize("predicts", ["image", "velocity"])
def test_a_fresh_model_predicts_zero(predicts: str) -> None:
    preset = dit.Preset(size=16, patch=4, width=32, depth=2, heads=2, predicts=predicts)  # type: ignore[arg-type]
    model, x, t = TinyDiT(preset, 3), pictures(2, 16), torch.tensor([0.25, 0.5])
    expected = torch.zeros_like(x) if predicts == "velocity" else -x / (1 - t[:, None, None, None])
    torch.testing.assert_close(model(x, t, torch.tensor([0, 1])), expected)


def test_every_weight_learns() -> None:
    """A parameter that no output depends on would be an option that does nothing."""
    torch.manual_seed(0)
    model = TinyDiT(SMALL, 3)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.1)
    model(pictures(4, 16), torch.rand(4), torch.arange(4)).square().mean().backward()
    still = [
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()
    ]
    assert still == []


def floor_of(predicts: str) -> float:
    """The least loss that any weights of a narrow head (8 of 48 numbers) can reach on the spot at t = 1/2,
    where all pictures are equal patches of 4 directions: found by least squares, not by training.
    """
    random = torch.Generator().manual_seed(0)
    directions = torch.randn(4, 48, generator=random)
    x1 = torch.randn(4000, 4, generator=random) @ directions
    x0 = torch.randn(4000, 48, generator=random)
    target = x1 if predicts == "image" else x1 - x0
    _, singular, _ = torch.linalg.svd(target, full_matrices=False)
    lost = float(singular[8:].square().sum() / target.numel())
    # a picture's error counts 1 / (1 - t)^2 as a velocity
    return lost * 4 if predicts == "image" else lost


def test_a_narrow_head_that_predicts_velocities_keeps_noise_and_one_that_predicts_pictures_does_not() -> None:
    """The best rank-8 approximation of a patch's velocity loses (48 - 12) / 48 of the noise at least."""
    assert floor_of("velocity") > 0.5
    assert floor_of("image") < 1e-6


def directions_of(model: TinyDiT) -> int:
    """How many directions the model's velocities of patches take."""
    v = model(pictures(64, 16), torch.rand(64), torch.zeros(64).long())
    patches = patchify(v, 8).flatten(0, 1).double()  # 256 patches of 192 numbers
    return int(torch.linalg.matrix_rank(patches - patches.mean(0), rtol=1e-5))


@pytest.mark.parametrize("predicts", ["image", "velocity"])
def test_a_velocity_takes_all_directions_though_the_head_has_fewer(predicts: str) -> None:
    """A picture's velocity holds x_t itself, and the spectrum passes each frequency of it on."""
    preset = dit.Preset(size=16, patch=8, width=32, depth=1, heads=2, predicts=predicts)  # type: ignore[arg-type]
    model = shaken(preset)
    assert directions_of(model) == 192
    if predicts == "velocity":
        model.spectrum = None
        assert directions_of(model) <= 32


def test_the_spectrum_is_of_all_frequencies_and_turns_none_into_another() -> None:
    basis = dit.frequencies(4).double()
    torch.testing.assert_close(basis @ basis.T, torch.eye(48).double(), rtol=0, atol=1e-6)
    even = torch.ones(48).double()  # white all over: brightness, of no frequency
    assert (even @ basis)[0].item() == pytest.approx(48**0.5)
    spectrum = dit.Spectrum(4, 32)
    nn.init.normal_(spectrum.gain[1].weight)
    tokens = basis.T[None].float()  # one of each frequency
    out = (spectrum(tokens, torch.randn(1, 32))[0] @ basis.float()).abs()
    assert out.diagonal().min() > 100 * (out - out.diagonal().diag()).max()


def test_times_beyond_the_last_trained_one_are_answered_and_finite() -> None:
    model, x = shaken(), pictures(2, 16)
    v = model(x, torch.tensor([flow_matching.LAST_TIME, 1.0]), torch.tensor([0, 0]))
    assert v.isfinite().all()


def looks(rotary: dit.Rotary, q_D: Tensor, k_D: Tensor) -> Tensor:
    """What a query at each place has in common with a key at each: NN, both the same numbers everywhere."""
    places = len(rotary.cos_ND)
    return rotary(q_D.expand(places, -1)) @ rotary(k_D.expand(places, -1)).T


def test_how_much_a_query_and_a_key_have_in_common_depends_on_the_way_between_them_alone() -> None:
    """RoFormer, equation 16, by two axes."""
    random = torch.Generator().manual_seed(0)
    q_D, k_D = torch.randn(2, 32, generator=random)
    at = looks(dit.Rotary(8, 32), q_D, k_D).view(8, 8, 8, 8)  # row and column of the query, of the key
    torch.testing.assert_close(at[2, 3, 4, 1], at[3, 5, 5, 3])  # two rows down, two columns to the left
    torch.testing.assert_close(at[0, 0, 0, 0], at[7, 7, 7, 7])
    ways = at[4, 4].flatten()
    assert torch.cdist(ways[:, None], ways[:, None]).add(torch.eye(64)).min() > 1e-4  # and each way tells


def test_a_turn_changes_no_length_and_the_first_place_is_not_turned() -> None:
    x_BHND = torch.randn(2, 3, 16, 8, generator=torch.Generator().manual_seed(0))
    turned = dit.Rotary(4, 8)(x_BHND)
    torch.testing.assert_close(turned.norm(dim=-1), x_BHND.norm(dim=-1))
    assert turned[:, :, 0].equal(x_BHND[:, :, 0]) and not turned[:, :, 1].equal(x_BHND[:, :, 1])


def test_a_turn_is_by_the_angle_that_its_equation_says() -> None:
    """Plane j of a head of 8: rates 1 and 1/10, by the row for j = 0 and 1, by the column for 2 and 3."""
    place = 2 * 4 + 3  # third row, fourth column
    x_ND = torch.zeros(16, 8)
    x_ND[place] = torch.arange(1.0, 9.0)
    a, b = x_ND[place].chunk(2)
    expected = torch.complex(a, b) * torch.polar(torch.ones(4), torch.tensor([2.0, 0.2, 3.0, 0.3]))
    turned = dit.Rotary(4, 8)(x_ND)[place]
    torch.testing.assert_close(turned, torch.cat((expected.real, expected.imag)))


def test_half_precision_stays_half_precision_through_a_turn() -> None:
    assert dit.Rotary(4, 8)(torch.ones(16, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
