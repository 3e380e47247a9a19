"""What Dicts hold."""

import pytest

from homeport.model.errors import NotFoundError

WEEK_S = 7 * 24 * 3600.0
HOUR_S = 3600.0


def test_entries_are_set_read_and_removed(here) -> None:
    d = here.dict_id()
    assert here.dicts.update(d, [(b"a", b"1"), (b"b", b"2")])
    assert here.dicts.update(d, [(b"a", b"3")])
    assert here.dicts.get(d, b"a") == b"3"
    assert here.dicts.get(d, b"c") is None
    assert here.dicts.contains(d, b"b") and not here.dicts.contains(d, b"c")
    assert here.dicts.length(d) == 2
    assert here.dicts.pop(d, b"a") == b"3"
    assert here.dicts.pop(d, b"a") is None
    assert list(here.dicts.contents(d, values=True)) == [(b"b", b"2")]
    here.dicts.clear(d)
    assert here.dicts.length(d) == 0


def test_an_empty_value_is_a_value(here) -> None:
    d = here.dict_id()
    here.dicts.update(d, [(b"", b"")])
    assert here.dicts.get(d, b"") == b""
    assert here.dicts.pop(d, b"") == b""


def test_only_the_first_of_two_that_skip_what_exists_sets_it(here) -> None:
    d = here.dict_id()
    assert here.dicts.update(d, [(b"lock", b"one")], if_not_exists=True)
    assert not here.dicts.update(d, [(b"lock", b"two")], if_not_exists=True)
    assert here.dicts.get(d, b"lock") == b"one"


def test_a_dict_that_does_not_exist_is_named_by_every_request(here) -> None:
    d = here.dict_id()
    here.dict_objects.delete(d)
    for ask in (
        lambda: here.dicts.get(d, b"k"),
        lambda: here.dicts.contains(d, b"k"),
        lambda: here.dicts.length(d),
        lambda: here.dicts.update(d, [(b"k", b"v")]),
        lambda: here.dicts.pop(d, b"k"),
        lambda: here.dicts.clear(d),
        lambda: list(here.dicts.contents(d, values=True)),
    ):
        with pytest.raises(NotFoundError, match=d):
            ask()


def test_a_listing_goes_on_while_entries_come_and_go(here) -> None:
    d = here.dict_id()
    keys = [str(number).encode() for number in range(1000)]
    here.dicts.update(d, [(key, key) for key in keys])
    listing = here.dicts.contents(d, values=True)
    seen = [next(listing) for _ in range(10)]
    here.dicts.pop(d, b"999")
    here.dicts.update(d, [(b"500", b"changed")])
    seen += list(listing)
    assert [key for key, _ in seen] == keys[:-1]
    assert dict(seen)[b"500"] == b"changed"


def test_an_entry_goes_a_week_after_its_last_use(here) -> None:
    d = here.dict_id()
    here.dicts.update(d, [(b"read", b"1"), (b"listed", b"2"), (b"unused", b"3")])
    here.now += WEEK_S - HOUR_S
    assert here.dicts.get(d, b"read") == b"1"
    here.now += 3 * HOUR_S
    assert here.dicts.get(d, b"unused") is None, "gone for readers, though nobody has removed it yet"
    assert here.dicts.length(d) == 1
    assert here.dicts.update(d, [(b"unused", b"new")], if_not_exists=True), "its place is free"
    here.expiry.look()
    assert [key for key, _ in here.dicts.contents(d, values=False)] == [b"read", b"unused"]
    here.now += 2 * WEEK_S
    here.expiry.look()
    assert here.db.one("least_used_dict_entry")["used_at"] is None


def test_no_entry_goes_before_a_week_is_over_though_uses_are_noted_by_the_hour(here) -> None:
    d = here.dict_id()
    here.dicts.update(d, [(b"k", b"v")])
    here.now += HOUR_S - 1
    here.dicts.get(d, b"k")  # too soon to be noted
    here.now += WEEK_S - 1
    here.expiry.look()
    assert here.dicts.get(d, b"k") == b"v"
