"""A cache over its limit gives up enough, no more than needed, and nothing that is held."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.plan.eviction import Cached, evict, freed

NAMES = [f"layer{number}" for number in range(8)]
entries = st.lists(
    st.builds(
        Cached,
        image_id=st.sampled_from(["im-1", "im-2", ""]),
        used_at=st.floats(0, 100),
        layers=st.lists(st.sampled_from(NAMES), max_size=4, unique=True).map(tuple),
        is_held=st.booleans(),
    ),
    max_size=8,
)
sizes = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 100), max_size=8)


def taken(kept: list[Cached], known: dict[str, int]) -> int:
    return sum(known.get(name, 0) for name in {name for entry in kept for name in entry.layers})


@given(entries, sizes, st.integers(0, 300))
def test_what_is_given_up(found: list[Cached], known: dict[str, int], limit: int) -> None:
    given_up = evict(found, known, limit)
    ids = {id(entry) for entry in given_up}
    kept = [entry for entry in found if id(entry) not in ids]
    assert not any(entry.is_held for entry in given_up)
    assert taken(kept, known) <= limit or all(entry.is_held for entry in kept)
    if given_up:
        assert taken([*kept, given_up[-1]], known) > limit, "the last one had to go, too"
        newest = max(entry.used_at for entry in given_up)
        assert all(entry.used_at >= newest for entry in kept if not entry.is_held)
    before, after = taken(found, known), taken(kept, known)
    assert before - after == sum(known[name] for name in freed(found, given_up, known))
