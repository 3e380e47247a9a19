"""Which images a cache that is too large gives up: those that were used the longest ago."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cached:
    """An image, or a layer that no image has (`image_id` is empty); used at, in seconds since the epoch."""

    image_id: str
    used_at: float
    layers: tuple[str, ...]
    is_held: bool = False


def freed(entries: Iterable[Cached], given_up: Sequence[Cached], sizes: Mapping[str, int]) -> list[str]:
    """Layers among `sizes` that nothing else than what is given up has."""
    gone = set(map(id, given_up))
    kept = {name for entry in entries if id(entry) not in gone for name in entry.layers}
    mine = dict.fromkeys(name for entry in given_up for name in entry.layers)
    return [name for name in mine if name in sizes and name not in kept]


def evict(entries: Sequence[Cached], sizes: Mapping[str, int], limit: int) -> list[Cached]:
    """What has to go for the layers in `sizes` (bytes by name) to take `limit`; nothing that is held."""
    holders = Counter(name for entry in entries for name in set(entry.layers))
    total = sum(size for name, size in sizes.items() if holders[name])
    given_up: list[Cached] = []
    for entry in sorted(entries, key=lambda entry: entry.used_at):
        if total <= limit:
            break
        if entry.is_held:
            continue
        given_up.append(entry)
        for name in set(entry.layers):
            holders[name] -= 1
            if not holders[name]:
                total -= sizes.get(name, 0)
    return given_up
