"""What files said is kept while they stay as they are, and no longer."""

import os
from pathlib import Path

from homeport.control.runs.reads import Reads


def test_a_file_is_read_again_once_it_was_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    read: list[str] = []

    def text(path: Path) -> str:
        read.append(path.name)
        return path.read_text()

    reads = Reads(1000)
    file.write_text("one")
    assert [reads.file(file, text) for _ in range(3)] == ["one"] * 3
    assert len(read) == 1
    file.write_text("two")
    os.utime(file, ns=(1, 1))  # whatever the clock's grain
    assert reads.file(file, text) == "two"
    replaced = tmp_path / "b"
    replaced.write_text("thr")
    os.utime(replaced, ns=(1, 1))
    replaced.replace(file)
    assert reads.file(file, text) == "thr", "of the same size and time, but another file"


def test_no_more_is_kept_than_may_be_and_the_latest_stays(tmp_path: Path) -> None:
    read: list[str] = []

    def text(path: Path) -> str:
        read.append(path.name)
        return path.read_text()

    for name in "abc":
        (tmp_path / name).write_text("x" * 40)
    (tmp_path / "large").write_text("x" * 400)
    reads = Reads(100)
    for name in ("a", "b", "a", "c", "a", "large", "a", "b"):
        assert reads.file(tmp_path / name, text)
    assert read == ["a", "b", "c", "large", "b"]
    assert reads.file(tmp_path / "large", text) and read[-1] == "large"


def test_nothing_is_kept_where_nothing_may_be(tmp_path: Path) -> None:
    made = iter(range(9))
    reads = Reads()
    assert [reads.lasting("key", lambda: next(made)) for _ in range(2)] == [0, 1]
