"""Configuration files as a container had them, from the folders that its file system is made of."""

import json
from typing import Any

import pytest

from homeport.control.runs.configs import Roots, RunConfigs, VolumeRoot, write_roots
from homeport.model.home import Home
from homeport.record.codec import read_lines
from homeport.record.run import ConfigFile


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    home.create()
    folder = home.tasks / "ta-1"
    (folder / "run").mkdir(parents=True)
    trees = {name: tmp_path / name for name in ("mount", "image", "volume")}
    for tree in (*trees.values(), folder / "upper"):
        (tree / "root").mkdir(parents=True)
    write_roots(
        folder,
        Roots(
            own=str(folder / "upper"),
            mounts=(str(trees["mount"]),),
            image=(str(trees["image"]),),
            volumes=(VolumeRoot("/data", "results", (str(trees["volume"]),)),),
        ),
    )
    return home


def opened(home: Home, *paths: str, how: str = "r") -> list[ConfigFile]:
    lines: list[dict[str, Any]] = [
        {
            "at": 1.0,
            "pid": 2,
            "kind": "open",
            "how": how,
            "path": path,
            "stack": [{"file": "/root/a.py", "line": 3}],
        }
        for path in paths
    ]
    with (home.tasks / "ta-1" / "run" / "notes.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    RunConfigs(home).look("ta-1")
    return read_lines(home.tasks / "ta-1" / "configs.jsonl", ConfigFile)


@pytest.mark.parametrize(
    ("tree", "path", "brought_by"),
    [
        ("mount", "/root/a.yaml", "mount"),
        ("image", "/root/a.yaml", "image"),
        ("volume", "/data/a.yaml", "volume results"),
        ("home/t/ta-1/upper", "/root/a.yaml", "the container itself"),
    ],
)
def test_a_file_is_read_where_it_came_from(home, tree, path, brought_by):
    place = home.root.parent / tree / path.removeprefix("/data").lstrip("/")
    place.write_text("limit: 50\ntoken: abc\n")
    (found,) = opened(home, path)
    assert (found.path, found.text, found.brought_by) == (path, "limit: 50\ntoken: <masked>\n", brought_by)
    assert str(found.opened) == "/root/a.py:3"
    assert len(found.sha256) == 64


def test_what_lies_above_hides_what_lies_below(home):
    for tree, text in (("image", "old"), ("mount", "new")):
        (home.root.parent / tree / "root" / "a.yaml").write_text(text)
    assert [found.text for found in opened(home, "/root/a.yaml")] == ["new"]


def test_a_link_out_of_the_container_is_not_followed(home, tmp_path):
    (tmp_path / "host.yaml").write_text("the host's")
    upper = home.tasks / "ta-1" / "upper" / "root"
    (upper / "a.yaml").symlink_to(tmp_path / "host.yaml")
    (upper / "b.yaml").symlink_to("../../../../../host.yaml")
    assert [
        (found.path, found.sha256, found.text) for found in opened(home, "/root/a.yaml", "/root/b.yaml")
    ] == [
        ("/root/a.yaml", "", ""),
        ("/root/b.yaml", "", ""),
    ]


def test_a_file_is_taken_once_and_as_it_was_first(home):
    place = home.root.parent / "mount" / "root" / "a.yaml"
    place.write_text("first")
    opened(home, "/root/a.yaml")
    place.write_text("second")
    assert [found.text for found in opened(home, "/root/a.yaml")] == ["first"]


def test_what_is_no_text_has_a_digest_only(home):
    (home.root.parent / "mount" / "root" / "a.json").write_bytes(b"\xff\xfe\x00")
    (found,) = opened(home, "/root/a.json")
    assert found.text == "" and found.sha256


def test_long_text_is_cut_and_its_digest_is_of_all(home):
    (home.root.parent / "mount" / "root" / "a.json").write_text("ä" * 100_000)
    (found,) = opened(home, "/root/a.json")
    assert len(found.text.encode()) == 64 * 1024


def test_a_file_that_is_written_is_no_configuration_that_was_read(home):
    assert opened(home, "/root/a.yaml", how="w") == []
