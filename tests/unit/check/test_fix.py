"""Fixes: files keep what is theirs, edits are made whole or not at all."""

import subprocess
from pathlib import Path

import pytest

from homeport.check import fix
from homeport.check.findings import Edit, Finding
from homeport.check.values import Site


def finding(*edits: Edit, code: str = "HP101") -> Finding:
    return Finding(code, edits[0].site, "something is wrong", "error", fix="mend it", edits=edits)


def replacing(path: Path, line: int, start: int, end: int, text: str) -> Edit:
    return Edit(Site(path, line, start, line, end), text)


def test_a_piece_of_a_line_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("x = 1\ny = 22\n")
    plan = fix.plan([finding(replacing(path, 2, 4, 6, "33"))])
    plan.patches[0].apply()
    assert path.read_text() == "x = 1\ny = 33\n"


def test_columns_are_bytes_of_utf_8_whatever_the_file_is_written_in(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_bytes("# -*- coding: latin-1 -*-\r\nname = 'é'; y = 1\r\n".encode("latin-1"))
    column = len("name = 'é'; y = ".encode())
    fix.plan([finding(replacing(path, 2, column, column + 1, "2"))]).patches[0].apply()
    assert path.read_bytes() == "# -*- coding: latin-1 -*-\r\nname = 'é'; y = 2\r\n".encode("latin-1")


def test_a_byte_order_mark_and_line_ends_stay_and_inserted_lines_end_as_the_others_do(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\ny = 2\r\n")
    fix.plan([finding(Edit(Site(path, 2, 0), "import os\n"))]).patches[0].apply()
    assert path.read_bytes() == b"\xef\xbb\xbfx = 1\r\nimport os\r\ny = 2\r\n"


def test_mode_and_link_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "real.py", tmp_path / "app.py"
    path.write_text("x = 1\n")
    path.chmod(0o755)
    link.symlink_to(path)
    fix.plan([finding(replacing(link, 1, 4, 5, "2"))]).patches[0].apply()
    assert link.is_symlink() and path.read_text() == "x = 2\n" and path.stat().st_mode & 0o777 == 0o755
    assert {place.name for place in tmp_path.iterdir()} == {"app.py", "real.py"}


def test_edits_that_overlap_wait_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("value = 12345\n")
    first, second = replacing(path, 1, 8, 11, "9"), replacing(path, 1, 10, 13, "8")
    plan = fix.plan([finding(first), finding(second, code="HP102")])
    assert [patch.findings[0].code for patch in plan.patches] == ["HP101"]
    assert plan.refused == ((finding(second, code="HP102"), "it overlaps another fix: run --fix again"),)


def test_two_findings_with_the_same_edit_are_mended_by_one(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("value = 1\n")
    plan = fix.plan(
        [finding(replacing(path, 1, 8, 9, "2")), finding(replacing(path, 1, 8, 9, "2"), code="HP102")]
    )
    plan.patches[0].apply()
    assert path.read_text() == "value = 2\n" and not plan.refused and len(plan.patches[0].findings) == 2


def test_all_of_a_findings_edits_or_none(tmp_path: Path) -> None:
    path, other = tmp_path / "app.py", tmp_path / "other.py"
    path.write_text("value = 1\n")
    other.write_text("value = 1\n")
    taken = finding(replacing(path, 1, 8, 9, "2"))
    both = finding(replacing(other, 1, 8, 9, "3"), replacing(path, 1, 8, 9, "3"), code="HP102")
    plan = fix.plan([taken, both])
    assert [patch.source.path for patch in plan.patches] == [path]
    assert len(plan.refused) == 1


def test_what_python_could_not_read_any_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("value = (1)\n")
    plan = fix.plan([finding(replacing(path, 1, 10, 11, ""))])
    assert not plan.patches and "Python could not read" in plan.refused[0][1]


def test_text_that_the_files_encoding_has_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_bytes(b"# coding: latin-1\nvalue = 1\n")
    plan = fix.plan([finding(replacing(path, 2, 8, 9, "'√'"))])
    assert not plan.patches and "encoding" in plan.refused[0][1]


def test_a_file_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("value = 1\n")
    plan = fix.plan([finding(replacing(path, 1, 8, 9, "2"))])
    path.write_text("value = 1  # mine\n")
    with pytest.raises(fix.FixError, match="changed meanwhile"):
        plan.patches[0].apply()
    assert path.read_text() == "value = 1  # mine\n"


def test_a_file_that_cannot_be_read_is_refused_and_the_others_are_mended(tmp_path: Path) -> None:
    path, gone = tmp_path / "app.py", tmp_path / "gone.py"
    path.write_text("value = 1\n")
    plan = fix.plan([finding(replacing(gone, 1, 8, 9, "2")), finding(replacing(path, 1, 8, 9, "2"))])
    assert len(plan.patches) == 1 and "cannot be read" in plan.refused[0][1]


def test_the_diff_is_one_that_patch_takes(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_bytes(b"\xef\xbb\xbfx = 1\r\n\x0cy = 2")
    patch = fix.plan([finding(replacing(path, 2, 5, 6, "3"))]).patches[0]
    said = patch.diff("app.py")
    assert b"No newline at end of file" in said
    (tmp_path / "it.patch").write_bytes(said)
    subprocess.run(["git", "apply", "it.patch"], cwd=tmp_path, check=True, capture_output=True)
    assert path.read_bytes() == b"\xef\xbb\xbfx = 1\r\n\x0cy = 3"
