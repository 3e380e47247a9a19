"""Drawn pictures: the same for the same seed, told apart by class, with dirt on request."""

from pathlib import Path

import numpy as np
import pytest

from tiny_cats.commands import run
from tiny_cats.data.decode import open_picture
from tiny_cats.data.synth import COATS, make_pictures
from tiny_cats.errors import DataError


def content(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_seed_gives_the_same_pictures(tmp_path: Path) -> None:
    first = make_pictures(tmp_path / "a", per_class=2, seed=1, dirt=True)
    assert content(first) == content(make_pictures(tmp_path / "b", per_class=2, seed=1, dirt=True))
    other = content(make_pictures(tmp_path / "c", per_class=2, seed=2))
    assert not set(other.values()) & set(content(first).values())


def test_more_pictures_begin_with_the_same(tmp_path: Path) -> None:
    few = content(make_pictures(tmp_path / "a", per_class=2))
    many = content(make_pictures(tmp_path / "b", per_class=4))
    few.pop("synthetic.json")
    assert few.items() <= many.items()


def test_classes_can_be_told_apart_by_colour(tmp_path: Path) -> None:
    root = make_pictures(tmp_path / "a", per_class=12)
    means = {
        name: np.mean(
            [open_picture(path, 32).pixels_HWC[12:24, 10:22] for path in (root / name).iterdir()], (0, 1, 2)
        )
        for name in COATS
    }
    for name, mean in means.items():
        others = [np.linalg.norm(mean - other) for key, other in means.items() if key != name]
        assert min(others) > 10, name


def test_a_folder_made_before_is_found_and_another_refused(tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in make_pictures(tmp_path / "a", per_class=1).rglob("*")}
    make_pictures(tmp_path / "a", per_class=1)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*")} == before
    with pytest.raises(DataError, match="holds something already"):
        make_pictures(tmp_path / "a", per_class=2)


def test_the_command_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "synth", str(tmp_path / "a"), "--per-class", "2", "--dirt"]) == 0
    assert "10 pictures of 5 classes" in capsys.readouterr().out
    assert run(["data", "synth", str(tmp_path / "a"), "--per-class", "0"]) == 2
