"""Modal's limits of Dicts and Queues."""

import pytest

from homeport.model.errors import InvalidError
from homeport.plan import stored_limits as limits

MIB = 1024 * 1024


def test_an_update_has_10_000_entries_of_100_mib_at_most() -> None:
    limits.check_updates([1] * 10_000, if_not_exists=False)
    limits.check_updates([100 * MIB], if_not_exists=True)
    with pytest.raises(InvalidError, match="10001"):
        limits.check_updates([1] * 10_001, if_not_exists=False)
    with pytest.raises(InvalidError, match="Volume"):
        limits.check_updates([1, 100 * MIB + 1], if_not_exists=False)


def test_only_a_single_entry_can_be_skipped_where_it_exists() -> None:
    for sizes in ([], [1, 1]):
        with pytest.raises(InvalidError, match="one by one"):
            limits.check_updates(sizes, if_not_exists=True)


def test_an_item_has_1_mib_at_most_and_a_partition_64() -> None:
    limits.check_items([MIB] * 64)
    limits.check_items([1] * 5000)
    with pytest.raises(InvalidError, match="Item 1 has 1048577 bytes"):
        limits.check_items([1, MIB + 1])
    with pytest.raises(InvalidError, match="never fit"):
        limits.check_items([1] * 5001)
    with pytest.raises(InvalidError, match="never fit"):
        limits.check_items([MIB] * 64 + [1])


def test_room_is_counted_by_items_and_by_bytes() -> None:
    assert limits.has_room(4999, 0, [1])
    assert not limits.has_room(5000, 0, [1])
    assert limits.has_room(1, 63 * MIB, [MIB])
    assert not limits.has_room(1, 63 * MIB + 1, [MIB])


def test_a_partition_is_kept_a_day_at_most() -> None:
    assert limits.partition_ttl_s(0) == 24 * 3600
    assert limits.partition_ttl_s(5) == 5
    for asked_s in (-1, 24 * 3600 + 1):
        with pytest.raises(InvalidError, match="partition_ttl"):
            limits.partition_ttl_s(asked_s)


def test_a_put_that_may_not_block_is_answered_at_once_one_that_blocks_waits_within_its_time() -> None:
    assert limits.put_patience_s(None, was_refused=False) == 0
    assert limits.put_patience_s(None, was_refused=True) == 50
    assert limits.put_patience_s(5.0, was_refused=False) == 4.75
    assert limits.put_patience_s(600.0, was_refused=False) == 50
    # the client says 2 s also where it has less, and then fails at its first refusal anyway
    assert limits.put_patience_s(2.0, was_refused=False) == 0
