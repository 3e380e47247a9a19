"""A folder of pictures, dirt and all, becomes a data set: divided by groups, cached, the same every time."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_cats.config.schema import Data
from tiny_cats.data.batches import in_order, open_batches
from tiny_cats.data.dataset import prepare
from tiny_cats.data.synth import COATS, make_pictures
from tiny_cats.dataset import cats_dataloader
from tiny_cats.errors import DataError

OPTIONS = Data(root="", size=32)


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pets") / "pets", per_class=8, size=48, dirt=True)


def test_the_classes_are_the_folders_and_other_comes_last(pets: Path) -> None:
    dataset = prepare(OPTIONS, pets)
    assert dataset.classes == ("black", "ginger", "grey", "siamese", "other")
    assert len(dataset.train) + len(dataset.val) + len(dataset.test) == 8 * len(COATS) + 8
    assert all(min(view.counts.values()) >= 1 for view in (dataset.train, dataset.val, dataset.test))


def test_what_cannot_be_used_is_left_out_and_said(pets: Path) -> None:
    said: list[str] = []
    left_out = prepare(OPTIONS, pets, said.append).left_out
    faults = {Path(found.path).name: found.facts.fault for found in left_out}
    assert faults == {
        "truncated_1.jpg": "truncated",
        "dot_1.png": "too-small",
        "notes.txt": "not-a-picture",
        "empty_1.jpg": "empty",
    }
    assert said[0].startswith(
        "4 of 52 files are left out (1 empty, 1 not-a-picture, 1 too-small, 1 truncated)"
    )


def test_copies_of_a_picture_are_on_one_side_of_every_split(pets: Path) -> None:
    for seed in range(8):
        dataset = prepare(Data(root="", size=32, seed=seed, val_share=0.3, test_share=0.3), pets)
        for view in (dataset.train, dataset.val, dataset.test):
            copies = {"black_1", "copy_1", "again_1", "mirrored_1"} & {Path(path).stem for path in view.paths}
            assert len(copies) in (0, 4)


def test_a_second_time_nothing_is_decoded(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(OPTIONS, pets)
    monkeypatch.setattr("tiny_cats.data.shards.open_picture", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr("tiny_cats.data.survey.examine", lambda *_: pytest.fail("examined"))
    again = prepare(OPTIONS, pets)
    assert np.array_equal(again.train.pictures(), first.train.pictures())


def test_a_batch_is_a_function_of_the_seed_and_its_number(pets: Path) -> None:
    view = prepare(OPTIONS, pets).train
    whole = [batch for batch, _ in zip(open_batches(view, batch_size=7, seed=3), range(20), strict=False)]
    resumed = next(open_batches(view, batch_size=7, seed=3, start_step=13))
    assert torch.equal(resumed.x_BCHW, whole[13].x_BCHW) and torch.equal(resumed.y_B, whole[13].y_B)
    assert not torch.equal(next(open_batches(view, batch_size=7, seed=4)).x_BCHW, whole[0].x_BCHW)
    assert whole[0].x_BCHW.shape == (7, 3, 32, 32) and whole[0].x_BCHW.is_contiguous()


def test_an_epoch_has_every_picture_once_on_all_ranks_together(pets: Path) -> None:
    view = prepare(OPTIONS, pets).train
    n = len(view)
    from tiny_cats.data.batches import drawn

    steps = [drawn(n, 4, 0, step, rank, 2) for step in range(n) for rank in range(2)]
    row = np.concatenate(steps)
    for epoch in range(3):
        assert sorted(row[epoch * n : (epoch + 1) * n]) == list(range(n))
    assert list(row[:n]) != list(row[n : 2 * n])


def test_validation_goes_once_through_in_order(pets: Path) -> None:
    view = prepare(OPTIONS, pets).val
    batches = list(in_order(view, 4))
    assert torch.cat([batch.y_B for batch in batches]).tolist() == view.labels_N.tolist()
    assert torch.equal(
        torch.cat([batch.x_BCHW for batch in batches]), torch.from_numpy(view.pictures()).permute(0, 3, 1, 2)
    )


def test_a_limit_takes_pictures_of_all_classes(pets: Path) -> None:
    dataset = prepare(Data(root="", size=32, limit_images=15), pets)
    counts = [
        dataset.train.counts[name] + dataset.val.counts[name] + dataset.test.counts[name]
        for name in dataset.classes
    ]
    assert counts == [3] * 5


def test_drawn_pictures_need_no_folder(tmp_path: Path) -> None:
    dataset = prepare(Data(synthetic=4, size=32), tmp_path)
    assert dataset.size == 32 and len(dataset.train) == 20 - len(dataset.val) - len(dataset.test)


def test_the_loader_gives_floats(pets: Path) -> None:
    x_BCHW, y_B = next(cats_dataloader(pets, batch_size=6, size=32))
    assert x_BCHW.shape == (6, 3, 32, 32) and x_BCHW.dtype == torch.float32 and y_B.dtype == torch.int64
    assert -1 <= x_BCHW.min() < -0.5 and 0.5 < x_BCHW.max() <= 1
    assert sum(len(y) for _, y in cats_dataloader(pets, "val", size=32)) > 0


def test_a_split_that_does_not_exist_is_named(pets: Path) -> None:
    with pytest.raises(DataError, match="no split 'valid': it is train, val or test"):
        cats_dataloader(pets, "valid")


def test_looking_for_pictures_makes_no_folder_of_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone is not there: bring pictures with"):
        prepare(Data(root="gone"), tmp_path)
    assert not (tmp_path / "gone").exists()
