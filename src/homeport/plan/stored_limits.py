"""What Dicts and Queues may hold, and for how long: Modal's limits, as checks of values.

Whether a partition has room at this moment is told by `has_room`; what can never fit is refused here.
"""

from collections.abc import Sequence
from typing import Final

from homeport.model.errors import InvalidError

_MIB: Final = 1024 * 1024
MAX_ENTRIES_AN_UPDATE: Final = 10_000
MAX_VALUE_BYTES: Final = 100 * _MIB  # of a Dict's value, with its key
MAX_LENGTH_TOLD: Final = 100_000  # of a Dict
ENTRY_KEPT_S: Final = 7 * 24 * 3600.0  # after its last use
USE_NOTED_EVERY_S: Final = 3600.0  # a read writes nothing where the last use that was noted is younger

MAX_PARTITIONS: Final = 100_000
MAX_ITEMS: Final = 5_000  # of a partition
MAX_ITEM_BYTES: Final = 1 * _MIB
MAX_PARTITION_BYTES: Final = 64 * _MIB
MAX_PARTITION_KEY_BYTES: Final = 64
MAX_PARTITION_TTL_S: Final = 24 * 3600

_LONGEST_HOLD_S: Final = 50.0  # a connection without traffic for longer is taken for dead by some
_MARGIN_S: Final = 0.25  # before the client's time is over: its own end of it is another error
_SHORTEST_TIMEOUT_S: Final = 2.0  # what the client says where it has less


def alive_since(now: float) -> float:
    """Entries used after this are still there. Never too early, since uses are noted by the hour."""
    return now - ENTRY_KEPT_S - USE_NOTED_EVERY_S


def check_updates(sizes_bytes: Sequence[int], *, if_not_exists: bool) -> None:
    """Checks one update of a Dict, by the sizes of its keys with their values. Raises InvalidError."""
    if len(sizes_bytes) > MAX_ENTRIES_AN_UPDATE:
        raise InvalidError(
            f"A Dict takes {MAX_ENTRIES_AN_UPDATE} entries an update, and this one has {len(sizes_bytes)}: "
            "split it into several."
        )
    if max(sizes_bytes, default=0) > MAX_VALUE_BYTES:
        raise InvalidError(
            f"An entry of {max(sizes_bytes)} bytes is too large for a Dict, which takes {MAX_VALUE_BYTES}: "
            "keep it in a Volume, and its path in the Dict."
        )
    if if_not_exists and len(sizes_bytes) != 1:
        raise InvalidError("A Dict can skip what exists for one entry at a time; put them one by one.")


def check_items(sizes_bytes: Sequence[int]) -> None:
    """Checks items that are put into a Queue together, by their sizes. Raises InvalidError for those that no
    waiting makes room for."""
    for number, size_bytes in enumerate(sizes_bytes):
        if size_bytes > MAX_ITEM_BYTES:
            raise InvalidError(
                f"Item {number} has {size_bytes} bytes, and a Queue takes {MAX_ITEM_BYTES} an item: keep it "
                "in a Volume, and its path in the Queue."
            )
    if len(sizes_bytes) > MAX_ITEMS or sum(sizes_bytes) > MAX_PARTITION_BYTES:
        raise InvalidError(
            f"{len(sizes_bytes)} items of {sum(sizes_bytes)} bytes together can never fit into a partition, "
            f"which holds {MAX_ITEMS} items and {MAX_PARTITION_BYTES} bytes: put fewer at a time."
        )


def has_room(items: int, size_bytes: int, more: Sequence[int]) -> bool:
    """Whether a partition that holds so much has room for items of these sizes."""
    return items + len(more) <= MAX_ITEMS and size_bytes + sum(more) <= MAX_PARTITION_BYTES


def check_partition_key(key: bytes) -> None:
    """Raises InvalidError."""
    if len(key) > MAX_PARTITION_KEY_BYTES:
        raise InvalidError(
            f"A partition's key of {len(key)} bytes is too long: it may have {MAX_PARTITION_KEY_BYTES}."
        )


def partition_ttl_s(asked_s: int) -> float:
    """How long after a put its partition is kept; 0 asks for Modal's 24 hours. Raises InvalidError."""
    if not 0 <= asked_s <= MAX_PARTITION_TTL_S:
        raise InvalidError(
            f"A partition is kept between 1 and {MAX_PARTITION_TTL_S} seconds after its last put; "
            f"partition_ttl={asked_s} is outside."
        )
    return float(asked_s or MAX_PARTITION_TTL_S)


def put_patience_s(timeout_s: float | None, *, was_refused: bool) -> float:
    """How long a put into a full partition may be held before it is refused.

    A put that does not block looks like one that blocks for ever, and both are answered at once. Only the
    latter comes again after that (`was_refused`), and only one that has a time limit tells it (`timeout_s`,
    what is left; the client says 2 seconds also where it has less, and is then answered at once too).
    """
    if timeout_s is None:
        return _LONGEST_HOLD_S if was_refused else 0.0
    if timeout_s <= _SHORTEST_TIMEOUT_S:
        return 0.0
    return min(_LONGEST_HOLD_S, timeout_s - _MARGIN_S)
