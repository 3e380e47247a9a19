"""Comments that take findings back."""

from pathlib import Path

import pytest

from homeport.check.findings import Finding
from homeport.check.ignores import ignores_of, taken_back, unused
from homeport.check.values import Site

APP = Path("/x/app.py")


def takes(text: str, code: str, line: int, end_line: int = 0, path: Path = APP) -> bool:
    """Whether a comment in the text takes back a finding of that code at that line."""
    finding = Finding(code, Site(path, line, 0, end_line, 5), "wrong", "error")
    return any(taken_back([finding], ignores_of(path, text)).values())


def test_at_the_end_of_a_line_it_is_about_that_line_and_that_code() -> None:
    text = "x = 1\ny = 2  # homeport: ignore[HP101]\nz = 3\n"
    assert takes(text, "HP101", 2)
    assert not takes(text, "HP102", 2)
    assert not takes(text, "HP101", 1) and not takes(text, "HP101", 3)


@pytest.mark.parametrize(
    "comment",
    [
        "# homeport: ignore",
        "#homeport:ignore[HP1]",
        "# homeport: ignore[HP300, hp101]",
        "# homeport: ignore  # why",
    ],
)
def test_its_forms(comment: str) -> None:
    assert takes(f"x = 1  {comment}\n", "HP101", 1)


def test_alone_on_its_line_it_is_about_the_next() -> None:
    text = "x = 1\n# homeport: ignore[HP101]\ny = 2\nz = 3\n"
    assert takes(text, "HP101", 3) and not takes(text, "HP101", 4)


def test_it_may_stand_on_any_line_of_what_is_found() -> None:
    text = "f(\n    1,\n)  # homeport: ignore[HP101]\n"
    assert takes(text, "HP101", 1, 3)


def test_a_file_is_taken_back_as_a_whole() -> None:
    text = "# homeport: ignore-file[HP3]\nx = 1\n"
    assert takes(text, "HP301", 2) and takes(text, "HP302", 1) and not takes(text, "HP101", 2)


def test_what_is_in_a_string_is_no_comment() -> None:
    assert not takes('x = "# homeport: ignore"\n', "HP101", 1)


def test_files_of_other_kinds_have_them_too() -> None:
    path = Path("/x/ci.yml")
    assert takes("jobs:\n  a: 1 # homeport: ignore[HP4]\n", "HP401", 2, path=path)


def test_up_to_where_a_broken_file_can_be_read() -> None:
    assert takes("x = 1  # homeport: ignore\ny = (\n", "HP101", 1)


def test_one_that_takes_nothing_back_is_a_note_and_its_removal_the_fix() -> None:
    (ignore,) = ignores_of(APP, "x = 1  # homeport: ignore[HP101]\n")
    note = unused(ignore, set(), lambda code: True)
    assert note is not None and note.severity == "note" and "HP101" in note.message
    assert note.edits[0].site == Site(APP, 1, 5, 1, 32) and note.edits[0].text == ""
    assert unused(ignore, {"HP101"}, lambda code: True) is None


def test_a_code_whose_rule_was_not_applied_is_not_held_against_it() -> None:
    (ignore,) = ignores_of(APP, "x = 1  # homeport: ignore[HP101]\n")
    assert unused(ignore, set(), lambda code: False) is None


def test_of_two_codes_the_idle_one_is_named() -> None:
    (ignore,) = ignores_of(APP, "x = 1  # homeport: ignore[HP101, HP102]\n")
    note = unused(ignore, {"HP101"}, lambda code: True)
    assert note is not None and "HP102" in note.message and "HP101" not in note.message and not note.edits
