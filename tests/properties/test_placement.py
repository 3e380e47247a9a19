"""Starting containers, for any demand: bounds hold, and nobody waits for ever."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from homeport.plan.placement import Capacity, Demand, exceeds, keeps, starts, wanted

counts = st.integers(0, 12)


@st.composite
def demands(draw: st.DrawFn) -> list[Demand]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        live = draw(counts)
        found.append(
            Demand(
                f"f{number}",
                waiting=draw(counts),
                running=draw(counts),
                live=live,
                blocked=draw(st.integers(0, live)),
                concurrency=draw(st.integers(1, 4)),
                min_containers=draw(st.integers(0, 4)),
                max_containers=draw(st.sampled_from([0, 0, 4, 8])),
                buffer_containers=draw(st.integers(0, 3)),
                cores=draw(st.sampled_from([0.05, 0.125, 1.0, 2.0])),
                memory_mib=draw(st.sampled_from([128, 1000, 4000])),
                gpu_count=draw(st.sampled_from([0, 0, 1, 2])),
            )
        )
    return found


capacities = st.builds(
    Capacity,
    cores=st.sampled_from([-1.0, 0.0, 0.5, 2.0, 16.0]),
    memory_mib=st.sampled_from([0, 500, 8000]),
    free_gpus=st.integers(0, 4),
)


@given(demands(), capacities)
def test_no_function_gets_more_than_it_wants_and_nothing_more_than_there_is(
    asked: list[Demand], room: Capacity
) -> None:
    chosen = Counter(starts(asked, room))
    firsts = [d for d in asked if d.live - d.blocked <= 0 and chosen[d.function_id]]
    for demand in asked:
        assert chosen[demand.function_id] <= max(0, wanted(demand) - demand.live)
    assert sum(d.gpu_count * chosen[d.function_id] for d in asked) <= room.free_gpus
    memory = sum(d.memory_mib * chosen[d.function_id] for d in asked)
    assert memory <= max(0, room.memory_mib) + sum(d.memory_mib * (d.blocked - d.live + 1) for d in firsts), (
        "only a function without a container at work may go beyond it"
    )


@given(demands(), capacities)
def test_whoever_has_inputs_and_no_container_at_work_gets_one(asked: list[Demand], room: Capacity) -> None:
    chosen = Counter(starts(asked, room))
    for demand in asked:
        stuck = demand.live - demand.blocked <= 0 and wanted(demand) > demand.live
        assert not stuck or chosen[demand.function_id] or demand.gpu_count


@given(demands())
def test_a_machine_that_is_large_enough_gives_everything_at_once(asked: list[Demand]) -> None:
    chosen = Counter(starts(asked, Capacity(cores=1e6, memory_mib=10**9, free_gpus=10**6)))
    assert all(chosen[d.function_id] == max(0, wanted(d) - d.live) for d in asked)


@given(demands())
def test_what_is_kept_would_be_started_again_and_what_exceeds_is_not_kept(asked: list[Demand]) -> None:
    for demand in asked:
        if demand.live:
            one_less = Demand(**{**vars(demand), "live": demand.live - 1})
            assert keeps(demand) == (wanted(one_less) > one_less.live)
        assert not (exceeds(demand) and keeps(demand))
