"""What a cache over its limit gives up."""

from homeport.plan.eviction import Cached, evict, freed

SIZES = {"a": 10, "b": 20, "shared": 30, "lone": 5}
OLD = Cached("im-old", 1.0, ("a", "shared"))
NEW = Cached("im-new", 3.0, ("b", "shared"))
LONE = Cached("", 2.0, ("lone",))


def test_the_oldest_go_first_and_no_more_than_needed() -> None:
    assert evict([NEW, OLD, LONE], SIZES, 65) == []
    assert evict([NEW, OLD, LONE], SIZES, 55) == [OLD]
    assert evict([NEW, OLD, LONE], SIZES, 50) == [OLD, LONE]
    assert evict([NEW, OLD, LONE], SIZES, 0) == [OLD, LONE, NEW]


def test_what_is_held_stays_though_it_is_old() -> None:
    held = Cached("im-held", 0.0, ("a", "shared"), is_held=True)
    assert evict([held, NEW], SIZES, 0) == [NEW]


def test_a_shared_layer_goes_with_its_last_image() -> None:
    assert freed([OLD, NEW, LONE], [OLD], SIZES) == ["a"]
    assert freed([OLD, NEW, LONE], [OLD, NEW], SIZES) == ["a", "shared", "b"]


def test_bases_are_no_part_of_the_cache() -> None:
    based = Cached("im-based", 1.0, ("a", "base"))
    assert freed([based], [based], SIZES) == ["a"]
