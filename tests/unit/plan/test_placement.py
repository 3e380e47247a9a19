"""How many containers a function gets, and which start first."""

from homeport.plan.placement import Capacity, Demand, exceeds, keeps, starts, wanted

ROOM = Capacity(cores=2.0, memory_mib=8000, free_gpus=0)


def demand(name: str = "f", **facts: int | float) -> Demand:
    return Demand(name, **{"waiting": 0, "running": 0, "live": 0, **facts})  # type: ignore[arg-type]


def test_nothing_waits_nothing_starts() -> None:
    assert starts([demand()], ROOM) == []


def test_map_runs_as_wide_as_the_machine_has_cores() -> None:
    assert starts([demand(waiting=2000)], ROOM) == ["f", "f"]


def test_one_input_starts_one_container() -> None:
    assert starts([demand(waiting=1)], ROOM) == ["f"]


def test_containers_that_start_already_count() -> None:
    assert starts([demand(waiting=1, live=1, starting=1)], ROOM) == []


def test_max_containers_holds_where_the_machine_has_more() -> None:
    assert starts([demand(waiting=50, max_containers=1)], ROOM) == ["f"]


def test_concurrent_inputs_share_a_container() -> None:
    assert wanted(demand(waiting=20, concurrency=10)) == 2


def test_min_containers_start_without_inputs() -> None:
    assert starts([demand(min_containers=1)], ROOM) == ["f"]
    assert keeps(demand(live=1, min_containers=1))
    assert not keeps(demand(live=2, min_containers=1))


def test_containers_that_are_kept_without_inputs_take_no_cores_but_memory() -> None:
    assert starts([demand(min_containers=5)], ROOM) == ["f"] * 5
    assert starts([demand(min_containers=5, memory_mib=3000)], ROOM) == ["f"] * 2
    assert starts([demand(waiting=1, buffer_containers=3)], ROOM) == ["f"] * 4
    # inputs beyond those containers need cores again
    assert starts([demand(waiting=9, min_containers=3)], ROOM) == ["f"] * 5
    # and what is kept for later does not come before what inputs wait for
    busy = Capacity(cores=0.0, memory_mib=8000, free_gpus=0)
    assert starts([demand(waiting=1, running=1, live=1, buffer_containers=3)], busy) == []


def test_a_buffer_that_was_idle_for_its_window_stays_while_the_function_is_active() -> None:
    assert keeps(demand(running=1, live=3, buffer_containers=2))
    assert not keeps(demand(running=0, live=3, buffer_containers=2))
    assert not keeps(demand(running=1, live=4, buffer_containers=2))


def test_containers_beyond_a_lowered_bound_end() -> None:
    assert exceeds(demand(live=3, max_containers=2))
    assert not exceeds(demand(live=2, max_containers=2))
    assert not exceeds(demand(live=50))


def test_twenty_containers_of_a_twentieth_of_two_cores() -> None:
    assert starts([demand(waiting=30, cores=0.1)], ROOM) == ["f"] * 20


def test_buffer_containers_only_while_the_function_is_active() -> None:
    assert wanted(demand(buffer_containers=2)) == 0
    assert wanted(demand(waiting=1, buffer_containers=2)) == 3


def test_each_function_gets_a_container_on_a_full_machine() -> None:
    full = Capacity(cores=-1.0, memory_mib=0, free_gpus=0)
    assert starts([demand("a", waiting=3), demand("b", waiting=1, live=1)], full) == ["a"]


def test_a_function_that_calls_itself_gets_on_though_all_its_containers_wait() -> None:
    full = Capacity(cores=0.0, memory_mib=0, free_gpus=0)
    assert starts([demand(waiting=1, running=2, live=2, blocked=2)], full) == ["f"]


def test_functions_take_turns() -> None:
    assert starts([demand("a", waiting=9), demand("b", waiting=9)], Capacity(4.0, 8000, 0)) == [
        *("a", "b", "a", "b")
    ]


def test_a_reservation_of_cores_is_respected() -> None:
    assert starts([demand(waiting=9, cores=2.0)], Capacity(5.0, 8000, 0)) == ["f", "f"]


def test_memory_bounds_the_number_of_containers() -> None:
    assert starts([demand(waiting=9, memory_mib=1000)], Capacity(16.0, 2500, 0)) == ["f", "f"]


def test_gpus_are_exclusive_even_for_a_first_container() -> None:
    one = Capacity(cores=8.0, memory_mib=8000, free_gpus=1)
    assert starts([demand("a", waiting=1, gpu_count=1), demand("b", waiting=1, gpu_count=1)], one) == ["a"]
