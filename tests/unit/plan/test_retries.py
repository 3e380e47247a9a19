"""When a failed attempt is repeated."""

from homeport.plan.retries import RetryPolicy, after_crash, after_failed_start, after_failure

THREE = RetryPolicy(limit=3, initial_delay_s=1.0, backoff=2.0, longest_delay_s=60.0)


def test_without_retries_a_failure_stands() -> None:
    assert after_failure(RetryPolicy(), 1) is None


def test_delays_grow_by_the_coefficient() -> None:
    assert [after_failure(THREE, failures) for failures in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]


def test_delays_end_at_max_delay() -> None:
    policy = RetryPolicy(limit=9, initial_delay_s=10.0, backoff=10.0, longest_delay_s=30.0)
    assert after_failure(policy, 5) == 30.0


def test_a_fixed_interval() -> None:
    assert after_failure(RetryPolicy(limit=5, initial_delay_s=0.0, backoff=1.0), 3) == 0.0


def test_a_crash_counts_as_an_attempt() -> None:
    assert after_crash(THREE, 2, 1, deployed=False, out_of_memory=False) == 2.0


def test_an_ephemeral_app_tries_an_input_that_kills_its_container_once_more() -> None:
    def crash(n: int) -> float | None:
        return after_crash(RetryPolicy(), n, n, deployed=False, out_of_memory=False)

    assert crash(1) == 0.0
    assert crash(2) is None


def test_an_input_that_fills_its_memory_is_not_tried_again_unasked() -> None:
    assert after_crash(RetryPolicy(), 1, 1, deployed=False, out_of_memory=True) is None
    assert after_crash(THREE, 1, 1, deployed=False, out_of_memory=True) == 1.0


def test_a_deployed_app_tries_for_ever_with_growing_pauses() -> None:
    pauses = [
        after_crash(RetryPolicy(), n, n, deployed=True, out_of_memory=True) for n in (1, 2, 3, 10, 1000)
    ]
    assert pauses == [1.0, 2.0, 4.0, 60.0, 60.0]


def test_starts_that_fail() -> None:
    assert after_failed_start(1, deployed=False) == 0.0
    assert after_failed_start(2, deployed=False) is None
    assert after_failed_start(3, deployed=True) == 4.0
