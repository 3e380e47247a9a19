"""Sampling on ONNX Runtime: the same pictures as on PyTorch, from the same noise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_cats.export.sources import CLASSES
from tiny_cats import sampling
from tiny_cats.commands import run
from tiny_cats.export.torch_models import torch_sampler
from tiny_cats.runtime.draw import draw, noise, to_uint8
from tiny_cats.runtime.models import open_sampler

DRAWN = [0, 2, 1, 0, 2]


@pytest.mark.parametrize("solver", ["euler", "heun", "midpoint"])
@pytest.mark.parametrize("guidance", [1.0, 2.5])
def test_the_same_pictures_as_pytorchs_sampler(tinydit_source, tinydit_folder, solver, guidance) -> None:
    x0 = torch.from_numpy(noise(range(5), 16, seed=3))
    flow = sampling.guided(tinydit_source.module, torch.tensor(DRAWN), guidance)
    with torch.inference_mode():
        there = sampling.to_uint8(sampling.integrate(flow, x0, steps=6, solver=solver)).numpy()
    how = {"steps": 6, "solver": solver, "guidance": guidance, "seed": 3, "batch_size": 2}
    here = draw(open_sampler(tinydit_folder), DRAWN, **how)
    assert here.std() > 5
    # a rounding apart where a value lies between two bytes
    assert np.abs(here.astype(int) - there).max() <= 1 and (here != there).mean() < 0.001


def test_a_run_on_pytorch_draws_what_its_export_draws(tinydit_source, tinydit_folder) -> None:
    how = {"steps": 4, "solver": "heun", "guidance": 1.5, "seed": 0, "batch_size": 4}
    there = draw(torch_sampler(tinydit_source), DRAWN, **how)
    here = draw(open_sampler(tinydit_folder), DRAWN, **how)
    assert np.abs(here.astype(int) - there).max() <= 1


def test_bytes_are_rounded_and_cut_as_pytorchs() -> None:
    x = np.linspace(-1.5, 1.5, 3001, dtype=np.float32)
    assert np.array_equal(to_uint8(x), sampling.to_uint8(torch.from_numpy(x)).numpy())


def typed(*arguments: object) -> int:
    return run([str(argument) for argument in arguments])


def test_a_grid_says_what_it_was_drawn_with(tinydit_folder, tmp_path: Path, capsys) -> None:
    out = tmp_path / "grid.png"
    options = ("--count", 5, "--steps", 2, "--seed", 9, "--out", out)
    assert typed("sample", "--model", tinydit_folder, "--breed", "maine coon", *options) == 0
    assert "5 pictures of 16 px" in capsys.readouterr().out
    with Image.open(out) as grid:
        assert grid.size == (3 * 18 - 2, 2 * 18 - 2)
        assert grid.info["seed"] == "9" and grid.info["classes"] == ", ".join(["Maine Coon"] * 5)
    again = out.read_bytes()
    assert typed("sample", "--model", tinydit_folder, "--breed", "Maine_Coon", *options) == 0
    assert out.read_bytes() == again


def test_one_file_each_with_all_breeds_in_turn(tinydit_folder, tmp_path: Path) -> None:
    options = ("--count", 4, "--steps", 1, "--out", tmp_path / "cats")
    assert typed("sample", "--model", tinydit_folder, *options) == 0
    names = sorted(path.stem for path in (tmp_path / "cats").iterdir())
    assert names == ["Abyssinian-0000", "Abyssinian-0003", "Maine Coon-0001", "Schnürhaar-0002"]


def test_an_unknown_breed_names_the_nearest(tinydit_folder, tmp_path: Path, capsys) -> None:
    out = tmp_path / "grid.png"
    assert typed("sample", "--model", tinydit_folder, "--breed", "Abysinian", "--out", out) == 1
    assert (
        "--breed Abysinian: this model does not know it: did you mean Abyssinian?" in capsys.readouterr().err
    )
    assert typed("sample", "--model", tinydit_folder, "--breed", "Dog", "--out", out) == 1
    assert f"it knows {', '.join(CLASSES)}" in capsys.readouterr().err
    assert not out.exists()
