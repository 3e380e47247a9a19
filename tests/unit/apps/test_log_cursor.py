"""The position in an app's logs as the short text that clients keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.model.errors import InvalidError
from homeport.plan import log_cursor
from homeport.plan.log_cursor import APP_FILE, Cursor, Place

PLACES = st.builds(Place, st.integers(0, 10**12), st.binary(max_size=3), st.binary(max_size=3))


@given(st.integers(0, 10**6), st.dictionaries(st.integers(0, 10**6), PLACES, max_size=5))
def test_what_was_encoded_comes_back(known: int, places: dict[int, Place]) -> None:
    assert log_cursor.decode(log_cursor.encode(Cursor(known, places))) == Cursor(known, places)


def test_files_that_a_cursor_does_not_name() -> None:
    cursor = Cursor(7, {APP_FILE: Place(5), 3: Place(90)})
    assert cursor.place(3) == Place(90)
    assert cursor.place(5) is None  # known, so read to its end
    assert cursor.place(8) == Place(0)  # came later
    assert cursor.place(APP_FILE) == Place(5)
    assert Cursor(7).place(APP_FILE) == Place(0)


@pytest.mark.parametrize("text", ["1", "v1", "v1.x.", "v2.1.", "v1.1.7", "v1.1.7:x", "v1.1.1:2,,", "17-3"])
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="start without one"):
        log_cursor.decode(text)


def test_the_javascript_library_s_word_for_the_beginning() -> None:
    assert log_cursor.decode("0-0") == Cursor()
