"""Bad input the whole way, as a user types it: each kind ends in one sentence of what, where and what next.

Nothing that was there is overwritten, no folder is made of what is none, and no traceback is shown.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tiny_cats.commands import run
from training_kit.checkpoint import read_checkpoint, write_checkpoint

CONFIGS = Path(__file__).parents[2] / "configs"
NOBODY = 65534
# one step of the smallest model, judged by no gate
QUICK = (
    "data.synthetic=null,data.root=pets,data.size=32,data.val_share=0.2,data.test_share=0.2,model.stem=small,"
    "training.batch_size=4,training.warmup_steps=0,tracking.tensorboard=false"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """The data folder's pictures: two classes of six."""
    for name in ("a", "b"):
        pictures(tmp_path / "data/pets" / name, 6)
    return tmp_path / "data/pets"


def pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = np.random.default_rng([number, *folder.name.encode()]).integers(
            0, 256, (48, 40, 3), np.uint8
        )
        Image.fromarray(pixels).save(folder / f"{number}.png")


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    """Types a command; all that it said, its errors, and its exit status."""

    def typed(*arguments: object) -> SimpleNamespace:
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        said = out + err
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in said
        return SimpleNamespace(status=status, said=said, errors=errors)

    return typed


@pytest.fixture
def train(tmp_path: Path, typed) -> Callable[..., SimpleNamespace]:
    def train(*more: object, settings: str = QUICK) -> SimpleNamespace:
        where = ("--data", tmp_path / "data", "--results", tmp_path / "results", "--set", settings)
        return typed("train", CONFIGS / "classifier_smoke.yaml", *where, "--max-steps", 1, *more)

    return train


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of one step's training on `pets`, whose pictures are the same each time."""
    folder = tmp_path_factory.mktemp("one_run")
    for name in ("a", "b"):
        pictures(folder / "data/pets" / name, 6)
    where = ("--data", folder / "data", "--results", folder / "results", "--max-steps", 1, "--set", QUICK)
    status = run(["train", *map(str, (CONFIGS / "classifier_smoke.yaml", *where))])
    assert status == 0
    return folder / "results"


@pytest.fixture
def trained(one_run: Path, tmp_path: Path) -> Callable[[], Path]:
    """Puts that run into this test's results folder, and gives its own."""

    def trained() -> Path:
        shutil.copytree(one_run, tmp_path / "results")
        (folder,) = (tmp_path / "results/runs").iterdir()
        return folder

    return trained


def only(done: SimpleNamespace, *words: str) -> None:
    """It failed by one sentence with these words."""
    assert done.status == 1, done.said
    (error,) = done.errors
    assert all(one in error for one in words), error


def listed(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_class(pets: Path, train, typed) -> None:
    (pets / "none").mkdir()
    only(typed("data", "check", pets), "no picture of none can be used: put some in, or remove the folder")
    only(train(), f"{pets}/none has no picture that can be used: put some in, or remove the folder")


def test_one_picture(pets: Path, train) -> None:
    for path in [*pets.rglob("*.png")][1:]:
        path.unlink()
    for folder in pets.iterdir():
        if not any(folder.iterdir()):
            folder.rmdir()
    only(train(), f"{pets} has one picture: two are the least")


def test_one_class(pets: Path, train) -> None:
    for path in (pets / "b").iterdir():
        path.unlink()
    (pets / "b").rmdir()
    only(train(), "all pictures are of one class, a,", "put a folder of another class beside it")


def test_a_class_of_one_picture_cannot_be_judged(pets: Path, train) -> None:
    for path in [*(pets / "b").iterdir()][1:]:
        path.unlink()
    only(train(), "the pictures of the split test are all of a", "put in more pictures of the others")


def test_classes_with_spaces_and_beyond_ascii(tmp_path: Path, train, typed) -> None:
    for name in ("Maine Coon", "Schnürhaar", "猫"):
        pictures(tmp_path / "data/pets" / name, 6)
    done = train()
    assert done.status == 0, done.said
    assert " Maine Coon, " in done.said and " 猫)" in done.said
    (folder,) = (tmp_path / "results/runs").iterdir()
    said = typed("predict", tmp_path / "data/pets/猫/0.png", "--model", folder, "--format", "json")
    assert said.status == 0 and '"Schnürhaar": ' in said.said and '"猫": ' in said.said


def test_no_such_folder_stays_none(tmp_path: Path, train, typed) -> None:
    only(train(), f"{tmp_path}/data/pets is not there: bring pictures with", "data fetch")
    only(typed("data", "check", tmp_path / "data/pets"), "is not there")
    assert not (tmp_path / "data").exists()


def test_a_folder_without_classes(tmp_path: Path, train) -> None:
    pictures(tmp_path / "data/pets", 3)
    only(train(), f"{tmp_path}/data/pets has no class folders: `python -m tiny_cats data import")
    assert len(listed(tmp_path / "data")) == 3


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may read everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("closed", ["pets", "pets/b"])
def test_an_unreadable_folder(closed: str, typed) -> None:
    with tempfile.TemporaryDirectory(prefix="cats-") as base:  # pytest's folders are root's alone
        data = Path(base)
        data.chmod(0o777)
        for name in ("a", "b"):
            pictures(data / "pets" / name, 6)
        (data / closed).chmod(0)
        with as_ordinary_user():
            only(typed("data", "check", data / "pets"), f"{data}/{closed} cannot be read (Permission denied)")
        (data / closed).chmod(0o755)


def test_an_unreadable_picture_is_left_out_and_named(pets: Path, typed) -> None:
    picture = pets / "a/0.png"
    picture.unlink()
    picture.symlink_to(pets / "gone.png")
    done = typed("data", "check", pets)
    assert "a/0.png: unreadable: " in done.said and "11 pictures to use" in done.said


def test_pictures_too_small_and_too_large_are_left_out_and_named(pets: Path, train, typed) -> None:
    Image.new("RGB", (1, 1)).save(pets / "a/dot.png")
    Image.new("1", (20_000, 20_000)).save(pets / "b/wall.png")
    before = listed(pets)
    done = typed("data", "check", pets)
    assert done.status == 0
    assert "a/dot.png: too-small: 1 x 1 pixels" in done.said
    assert "b/wall.png: too-large: 20000 x 20000 pixels" in done.said
    done = train()
    assert done.status == 0 and "2 of 14 files are left out (1 too-large, 1 too-small)" in done.said, (
        done.said
    )
    assert {name: content for name, content in listed(pets).items() if name in before} == before


def test_a_checkpoint_of_another_preset_is_not_resumed(pets: Path, train, trained) -> None:
    folder = trained()
    before = listed(folder / "checkpoints")
    done = train("--resume", "--max-steps", 2, settings=f"{QUICK},model.preset=resnet34")
    only(done, "model.preset")
    assert listed(folder / "checkpoints") == before
    # the same by hand: the configuration says what the checkpoint does not hold
    content = read_checkpoint(folder / "checkpoints/step-000001.pt", "tiny_cats 1")
    about = {**content["about"], "preset": "resnet34"}
    write_checkpoint(folder / "checkpoints/step-000001.pt", {**content, "about": about})
    only(train("--resume", "--max-steps", 2), "step-000001.pt: of another training", "preset was")


@pytest.mark.parametrize("command", ["resume", "export", "predict", "evaluate"])
def test_a_damaged_checkpoint(pets: Path, tmp_path: Path, trained, train, typed, command: str) -> None:
    folder = trained()
    for path in (folder / "checkpoints").iterdir():
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    before = listed(folder / "checkpoints")
    if command == "resume":
        only(train("--resume", "--max-steps", 2), "no checkpoint there is sound")
    elif command == "export":
        only(typed("export", folder, "--out", tmp_path / "out"), "best.pt: damaged")
        assert not (tmp_path / "out").exists()
    elif command == "predict":
        only(typed("predict", pets / "a/0.png", "--model", folder), "best.pt: damaged")
    else:
        only(typed("evaluate", folder, "--data", tmp_path / "data"), "best.pt: damaged")
    assert listed(folder / "checkpoints") == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.stepz=5", ("training.stepz", "training.steps")),
        ("model.preset=resnet99", ("model.preset", "resnet18")),
        ("training.batch_size=0", ("training.batch_size", "greater than 0")),
        ("model.weights=imagenet,model.stem=small", ("stem",)),
        ("augment.crop=2", ("augment.crop",)),
    ],
)
def test_a_configuration_that_cannot_be_used(pets: Path, tmp_path: Path, train, setting: str, words) -> None:
    done = train(settings=f"{QUICK},{setting}")
    assert done.status == 1 and all(word in done.said for word in words), done.said
    assert not (tmp_path / "results/cache").exists()


def test_an_unknown_key_of_a_file_names_its_line(tmp_path: Path, typed) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("name: mine\ndata:\n  sise: 32\n")
    only(typed("train", config, "--results", tmp_path), f"{config}:3", "data.sise", "data.size")


def test_nothing_is_overwritten(pets: Path, tinydit_folder: Path, tmp_path: Path, typed) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/photo.png").write_text("mine")
    only(typed("data", "import", pets, tmp_path / "mine"), f"{tmp_path}/mine holds something already")
    sample = ("sample", "--model", tinydit_folder, "--count", 1, "--steps", 1)
    only(typed(*sample, "--out", tmp_path / "mine/photo.png/grid.png"), "photo.png", "cannot be written")
    assert listed(tmp_path / "mine") == {"photo.png": b"mine"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "cats", disk], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk(pets: Path, small_disk: Path, tmp_path: Path, typed, classifier_source) -> None:
    from tiny_cats.errors import CatsError
    from tiny_cats.export.write import export

    with pytest.raises(CatsError, match=f"the disk is full at {small_disk}/out: make room"):
        export(classifier_source, small_disk / "out", "safetensors")
    assert list(small_disk.iterdir()) == []
    where = ("--data", tmp_path / "data", "--results", small_disk, "--max-steps", 1)
    settings = f"{QUICK},data.cache={tmp_path}/cache"
    done = typed("train", CONFIGS / "classifier_smoke.yaml", *where, "--set", settings)
    only(done, "cannot be written: No space left on device; is there room on the disk?")
    assert not list(small_disk.glob("runs/*/checkpoints/*.pt"))


def test_a_full_disk_under_the_cache(pets: Path, small_disk: Path, train) -> None:
    only(train(settings=f"{QUICK},data.stored_size=512,data.cache={small_disk}"), str(small_disk), "room")


@pytest.mark.parametrize("words", ["[enforce fail] can't allocate memory", "could not create a primitive"])
def test_out_of_memory_says_what_fits(pets: Path, train, monkeypatch, words: str) -> None:
    """Words of PyTorch's allocator and of oneDNN. The limit is made up: under a real one libraries crash."""
    from tiny_cats.model import ResNet

    forward = ResNet.forward

    def limited(self, x_BCHW):
        if len(x_BCHW) > 2:
            raise RuntimeError(words)
        return forward(self, x_BCHW)

    monkeypatch.setattr(ResNet, "forward", limited)
    only(train(), "out of memory with 4 pictures at a time", "2 fit: --set training.micro_batch_size=2")
