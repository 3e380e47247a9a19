"""Real photographs in ../shared/data/cats: Oxford's pets and cat faces. Skipped where there are none."""

from pathlib import Path

import pytest

from tiny_cats.config.schema import Data
from tiny_cats.data.dataset import prepare
from tiny_cats.data.importing import import_pictures
from tiny_cats.data.survey import survey_folder

ROOT = Path(__file__).parents[3] / "../shared/data/cats"
PETS, EXTRA, FACES = ROOT / "oxford_pets", ROOT / "oxford_pets_extra", ROOT / "catfaces_6000.tar"

needs_pets = pytest.mark.skipif(not PETS.is_dir(), reason=f"no {PETS.name} in ../shared/data/cats")
needs_extra = pytest.mark.skipif(not EXTRA.is_dir(), reason=f"no {EXTRA.name} in ../shared/data/cats")
needs_faces = pytest.mark.skipif(not FACES.is_file(), reason=f"no {FACES.name} in ../shared/data/cats")


@needs_pets
def test_oxford_s_sample_is_twelve_breeds_and_other(tmp_path: Path) -> None:
    import_pictures(PETS, tmp_path / "pets", by="names")
    dataset = prepare(Data(root="pets", labels="breeds", size=64), tmp_path)
    assert len(dataset.classes) == 13 and dataset.classes[-1] == "other"
    assert dataset.train.counts["Bengal"] == 8 and dataset.train.counts["other"] == 200
    assert dataset.val.counts["Bengal"] == 1 and not dataset.left_out
    species = prepare(Data(root="pets", labels="species", size=64), tmp_path)
    assert species.train.counts == {"cat": 96, "dog": 200}


@needs_extra
def test_a_gif_and_a_png_under_the_name_of_jpegs_and_matlab_s_files(tmp_path: Path) -> None:
    done = import_pictures(EXTRA, tmp_path / "extra")
    assert done.counts == {"Abyssinian": 107, "Bengal": 110}
    assert done.skipped == tuple(f"Abyssinian_{number}.mat" for number in (100, 101, 102))
    looked = survey_folder(tmp_path / "extra")
    odd = {
        Path(found.path).name: found.facts.format for found in looked.good if "other-format" in found.notes
    }
    assert odd == {"Abyssinian_34.jpg": "GIF", "Abyssinian_5.jpg": "PNG"} and not looked.bad
    assert all(len({path.partition("/")[0] for path in group}) == 1 for group in looked.near)


@pytest.mark.slow
@needs_faces
def test_copies_among_the_faces_are_on_one_side(tmp_path: Path) -> None:
    assert import_pictures(FACES, tmp_path / "faces").counts == {"cat": 6000}
    dataset = prepare(Data(root="faces", size=32), tmp_path)
    views = (dataset.train, dataset.val, dataset.test)
    assert sum(map(len, views)) == 6000 and 590 <= len(dataset.val) <= 610
    groups = [set(view.groups_N.tolist()) for view in views]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]
    assert len(set.union(*groups)) < 5300  # of 6,000: the rest are copies
