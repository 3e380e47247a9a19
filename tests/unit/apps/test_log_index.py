"""Marks in log files: reading from one gives what reading from the start gives."""

from pathlib import Path

from homeport.control import log_files
from homeport.control.log_files import Line, Selection, Source
from homeport.control.log_index import LogIndex
from homeport.plan.log_records import STDERR, STDOUT, encode

BEGIN_S = 1_700_000_000.0
END_S = BEGIN_S + 1e6


def source(path: Path, *, is_final: bool = False) -> Source:
    return Source(path, 1, "ta-1", "fu-1", 0.0, is_final)


def write(path: Path, count: int, *, first: int = 0, data: bytes = b"line %d of many, %s\n") -> None:
    with path.open("ab") as file:
        for n in range(first, first + count):
            stream = STDERR if n % 5 == 0 else STDOUT
            file.write(encode(BEGIN_S + n, stream, data.replace(b"%d", b"%d" % n).replace(b"%s", b"x" * 80)))


def read(
    path: Path, index: LogIndex, since_s: float, until_s: float, limit: int = 0, text: str = ""
) -> list[Line]:
    selection = Selection(text=text)
    if limit:
        return log_files.newest([source(path)], index, selection, since_s, until_s, limit)
    return list(log_files.history([source(path)], index, selection, since_s, until_s))


def test_marks_are_made_between_lines_and_as_the_file_grows(tmp_path: Path) -> None:
    path, index = tmp_path / "ta-1.log", LogIndex()
    write(path, 8_000)
    first = index.parts(path)
    write(path, 8_000, first=8_000)
    second = index.parts(path)
    assert 3 <= len(first) < len(second) and second[: len(first)] == first
    raw = path.read_bytes()
    assert all(raw[mark - 1 : mark] == b"\n" for mark in second[1:])
    assert LogIndex().parts(path) == second


def test_a_range_is_the_same_with_marks_as_without(tmp_path: Path) -> None:
    path, index = tmp_path / "ta-1.log", LogIndex()
    write(path, 20_000)
    for first, last in ((0, 30_000), (5_000.5, 5_100), (19_990, END_S), (-10, 1), (50_000, 60_000)):
        since, until = BEGIN_S + first, BEGIN_S + last
        numbers = [n for n in range(20_000) if first <= n < last]
        got = read(path, index, since, until)
        assert [int(line.text.split()[1]) for line in got] == numbers
        assert read(path, index, since, until, limit=70) == got[-70:]
        assert (
            read(path, index, since, until, limit=9, text="7 of") == [x for x in got if "7 of" in x.text][-9:]
        )


def test_only_the_end_is_read_for_the_last_lines(tmp_path: Path) -> None:
    path, index = tmp_path / "ta-1.log", LogIndex()
    write(path, 20_000)
    index.parts(path)
    damaged = bytearray(path.read_bytes())
    damaged[1000:2000] = b"?" * 1000
    path.write_bytes(damaged)  # the same file: what lies there must not be looked at
    assert [line.text.split()[1] for line in read(path, index, 0, END_S, limit=2)] == ["19998", "19999"]


def test_output_without_newlines_has_no_marks_and_stays_whole(tmp_path: Path) -> None:
    path, index = tmp_path / "ta-1.log", LogIndex()
    write(path, 5_000, data="\r%d € %s".encode())
    assert index.parts(path) == [0]
    assert "�" not in "".join(line.text for line in read(path, index, 0, END_S, limit=50))


def test_a_file_that_was_replaced_gets_new_marks(tmp_path: Path) -> None:
    path, index = tmp_path / "ta-1.log", LogIndex()
    write(path, 8_000)
    index.parts(path)
    path.unlink()
    assert index.parts(path) == [0]
    write(path, 10)
    assert index.parts(path) == [0]
    assert len(read(path, index, 0, END_S)) == 10


def test_marks_end_at_damage_and_reading_goes_past_it(tmp_path: Path) -> None:
    path, index = tmp_path / "ta-1.log", LogIndex()
    write(path, 8_000)
    marks = index.parts(path)
    with path.open("ab") as file:
        file.write(b"\0" * 100 + b"\n")
    write(path, 8_000, first=8_000)
    assert index.parts(path) == marks
    lines = read(path, index, 0, END_S)
    assert len(lines) == 16_001 and lines[-1].text.startswith("line 15999")
    assert read(path, index, 0, END_S, limit=3) == lines[-3:]
