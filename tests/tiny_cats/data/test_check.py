"""`data check`: what is in a folder and what is wrong with it, for people and for machines."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_cats.data.pictures import jpeg
from tiny_cats.commands import run
from tiny_cats.config.schema import Data
from tiny_cats.data.dataset import prepare
from tiny_cats.data.survey import survey_folder
from tiny_cats.data.synth import make_pictures
from tiny_cats.errors import DataError


def lay(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(jpeg(number))
    return root


def checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    status = run(["data", "check", str(folder), "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


def test_machines_get_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pictures(tmp_path / "pets", per_class=3, dirt=True)
    status, facts = checked(tmp_path / "pets", capsys)
    assert status == 0 and facts["files"] == 27
    assert facts["counts"] == {"black": 6, "ginger": 5, "grey": 5, "other": 3, "siamese": 4}
    assert facts["formats"] == {"JPEG": 20, "GIF": 1, "PNG": 2}
    assert facts["notes"]["other-format"] == ["ginger/gif_1.jpg", "ginger/png_1.jpg"]
    assert facts["notes"]["turned"] == ["grey/turned_1.jpg"]
    assert facts["notes"]["cmyk"] == ["grey/inks_1.jpg"] and facts["notes"]["alpha"] == [
        "siamese/clear_1.png"
    ]
    assert {entry["path"]: entry["fault"] for entry in facts["left_out"]} == {
        "ginger/truncated_1.jpg": "truncated",
        "siamese/dot_1.png": "too-small",
        "siamese/empty_1.jpg": "empty",
        "siamese/notes.txt": "not-a-picture",
    }
    assert facts["exact_copies"] == [["black/black_1.jpg", "black/copy_1.jpg"]]
    assert facts["alike"][0] == [f"black/{name}_1.jpg" for name in ("again", "black", "copy", "mirrored")]


def test_people_get_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pictures(tmp_path / "pets", per_class=3, dirt=True)
    assert run(["data", "check", str(tmp_path / "pets")]) == 0
    said = capsys.readouterr().out
    assert "23 pictures to use, 4 files left out" in said
    assert "black/black_1.jpg = black/copy_1.jpg" in said
    assert "siamese/dot_1.png: too-small: 1 x 1 pixels, and 16 a side are the least: remove it" in said
    assert "2 other-format" in said


def test_a_check_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(tmp_path / "pets", "a/1.jpg")
    run(["data", "check", str(tmp_path / "pets")])
    assert [path.name for path in tmp_path.rglob("*")] == ["pets", "a", "1.jpg"]


def test_an_empty_class_is_an_error_in_check_and_in_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path, "full/1.jpg", "full/2.jpg")
    (tmp_path / "empty").mkdir()
    assert run(["data", "check", str(tmp_path)]) == 1
    assert "no picture of empty can be used: put some in, or remove the folder" in capsys.readouterr().err
    with pytest.raises(DataError, match="empty has no picture that can be used"):
        prepare(Data(root="", size=32), tmp_path)


def test_one_picture_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has one picture: two are the least"):
        prepare(Data(root="", size=32), lay(tmp_path, "a/1.jpg"))


def test_too_few_to_validate_is_said(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg", "b/2.jpg")
    with pytest.raises(DataError, match="too few pictures to set some aside for validation"):
        prepare(Data(root="", size=32), tmp_path)
    assert len(prepare(Data(root="", size=32, val_share=0), tmp_path).train) == 2


def test_pictures_beside_the_class_folders_are_named(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg", "a/2.jpg", "loose.jpg")
    (tmp_path / "README.md").write_text("about")
    assert [(found.path, found.facts.fault) for found in survey_folder(tmp_path).bad] == [
        ("loose.jpg", "no-class")
    ]


def test_what_is_no_file_or_no_picture_is_not_read(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg")
    os.mkfifo(tmp_path / "a/pipe.jpg")  # nobody writes into it
    with (tmp_path / "a/film.jpg").open("wb") as film:
        film.write(b"\0\0\0\x20ftypisom")
        film.truncate(200 * 2**20)
    with (tmp_path / "a/huge.jpg").open("wb") as huge:
        huge.write(jpeg())
        huge.truncate(300 * 2**20)
    faults = {found.path: (found.facts.fault, found.facts.detail) for found in survey_folder(tmp_path).bad}
    assert faults["a/pipe.jpg"] == ("not-a-picture", "it is no regular file: remove it")
    assert faults["a/film.jpg"][0] == "not-a-picture"
    assert faults["a/huge.jpg"] == (
        "too-large",
        "314,572,800 bytes, and 268,435,456 are the most: make it smaller",
    )


def test_names_may_have_spaces_and_any_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = os.fsdecode(b"Latin-1 \xe9.jpg")  # no UTF-8
    lay(tmp_path, "Großer Kater/ein Bild.jpg", "猫/1.jpg", f"猫/{odd}")
    status, facts = checked(tmp_path, capsys)
    assert status == 0 and facts["counts"] == {"Großer Kater": 1, "猫": 2}
    options = Data(root="", size=32, val_share=0)
    dataset = prepare(options, tmp_path)
    assert dataset.classes == ("Großer Kater", "猫")
    assert len(prepare(options, tmp_path).train) == 3


def test_the_same_bytes_under_two_classes_are_used_for_neither(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg", "b/2.jpg", "b/3.jpg")
    (tmp_path / "a/2.jpg").write_bytes((tmp_path / "b/2.jpg").read_bytes())
    survey = survey_folder(tmp_path)
    assert [found.path for found in survey.good] == ["a/1.jpg", "b/3.jpg"]
    assert [found.facts.detail for found in survey.bad] == [
        "the same picture is under b too: remove the wrong one",
        "the same picture is under a too: remove the wrong one",
    ]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ((), "is not there: bring pictures with `python -m tiny_cats data fetch`"),
        (("1.jpg",), "has no class folders: `python -m tiny_cats data import"),
    ],
)
def test_a_folder_that_is_none_says_how_to_get_one(
    tmp_path: Path, made: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(tmp_path / "pets", *made)
    assert run(["data", "check", str(tmp_path / "pets")]) == 1
    assert says in capsys.readouterr().err


def test_breeds_need_a_breed(tmp_path: Path) -> None:
    lay(tmp_path, "black/1.jpg", "white/2.jpg")
    with pytest.raises(DataError, match=r"no folder is named after one of the 12 breeds .*labels: folders"):
        prepare(Data(root="", size=32, labels="breeds"), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(tmp_path: Path) -> None:
    lay(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg")
    (tmp_path / "a/1.jpg").chmod(0)
    assert [found.facts.fault for found in survey_folder(tmp_path).bad] == ["unreadable"]
    (tmp_path / "b").chmod(0)
    with pytest.raises(DataError, match=r"/b cannot be read \(Permission denied\)"):
        survey_folder(tmp_path)
    (tmp_path / "b").chmod(0o700)


def test_a_memory_that_is_torn_is_forgotten(tmp_path: Path) -> None:
    lay(tmp_path / "pets", "a/1.jpg", "a/2.jpg")
    memory = tmp_path / "known.json"
    whole = survey_folder(tmp_path / "pets", memory=memory).good
    for content in (
        memory.read_bytes()[:-20],
        b"",
        b"[]",
        b'{"version": 3, "files": {"a/1.jpg": [1]}, "facts": 3}',
    ):
        memory.write_bytes(content)
        assert survey_folder(tmp_path / "pets", memory=memory).good == whole


def test_what_a_killed_look_found_out_is_kept(tmp_path: Path) -> None:
    lay(tmp_path / "pets", *(f"a/{number}.jpg" for number in range(12)))
    code = """
import os, signal, sys
from pathlib import Path
from tiny_cats.data import survey
survey.WRITTEN_AFTER = 5
def announce(done, of):
    if done == 8:
        os.kill(os.getpid(), signal.SIGKILL)
survey.survey_folder(Path(sys.argv[1]), memory=Path(sys.argv[2]), threads=1, announce=announce)
"""
    memory = tmp_path / "known.json"
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "pets", memory], check=False)
    assert killed.returncode == -signal.SIGKILL and len(json.loads(memory.read_bytes())["files"]) == 5
    begun: list[int] = []
    survey_folder(tmp_path / "pets", memory=memory, announce=lambda done, of: begun.append(done))
    assert begun[0] == 5 and begun[-1] == 12


def test_names_do_not_move_the_terminal_s_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay(tmp_path, "a/1.jpg", "a/2.jpg")
    (tmp_path / "a/two\nlines\x1b[31m.jpg").write_bytes(b"no picture")
    assert run(["data", "check", str(tmp_path)]) == 0
    assert r"a/two\nlines\x1b[31m.jpg: not-a-picture" in capsys.readouterr().out
