"""SHA256SUMS.txt: every line is a digest and a path below the folder, or the file is refused."""

import hashlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.fetch import SOURCES
from seizure.fetch.sums import parse_sums
from training_kit.errors import FetchError

DIGEST = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("between", [" ", "  ", " *", " ./"])
def test_each_form_of_a_line(between: str) -> None:
    assert parse_sums(f"{DIGEST.upper()}{between}chb01/chb01_01.edf\n\n") == {"chb01/chb01_01.edf": DIGEST}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x", "a/../../x", ".fetched.jsonl", "a\\b", "a//b", "a/./b", ".", "a\x07"]
)
def test_a_path_that_leads_away_is_refused(path: str) -> None:
    with pytest.raises(FetchError, match=r"line 1, names .* outside"):
        parse_sums(f"{DIGEST} {path}")


@pytest.mark.parametrize("text", ["", "\n \n", "<html>not found</html>", f"{DIGEST[:-1]} x", f"{DIGEST}x"])
def test_a_file_that_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(FetchError, match="is the address right"):
        parse_sums(text)


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_an_error(text: str) -> None:
    try:
        paths = parse_sums(text)
    except FetchError:
        return
    assert all(".." not in PurePosixPath(path).parts for path in paths)


@given(st.text(alphabet="ab./\\ \t", min_size=1, max_size=20))
def test_no_path_leaves_the_folder(path: str) -> None:
    try:
        (found,) = parse_sums(f"{DIGEST}  {path}")
    except FetchError:
        return
    place = (PurePosixPath("/corpus") / found).parts
    assert place[:2] == ("/", "corpus") and ".." not in place and not found.startswith((".", "/"))


def test_patients_are_folders_of_the_corpus_own_form() -> None:
    paths = ["RECORDS", "chb01/a.edf", "chb24/b.edf", "notes/c.txt", "chb1/d.edf"]
    assert SOURCES["chbmit"].patients(paths) == ["chb01", "chb24"]
    assert SOURCES["chbmit"].select(paths, ["chb24"]) == [
        "RECORDS",
        "chb1/d.edf",
        "chb24/b.edf",
        "notes/c.txt",
    ]
    assert SOURCES["siena"].patients(["PN00/PN00-1.edf", "subject_info.csv"]) == ["PN00"]
