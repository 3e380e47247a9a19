"""Whether a failed attempt is repeated, and after how long.

Two kinds of failure. The user's function raised or ran out of time: the function's own `retries=` decides.
Or the container died under the input: that counts as an attempt too, and where no attempts are left an input
is still tried once more, since a machine may have been short of something for a moment. A deployed app's
inputs are tried until they are cancelled, with growing pauses, as on Modal.
"""

from dataclasses import dataclass

_LONGEST_DELAY_S = 60.0  # Modal's own bound on delays between attempts
_CRASH_BASE_S = 1.0
_CRASHES_OF_EPHEMERAL = 2  # containers that may die under one input before the input fails
_STARTS_OF_EPHEMERAL = 2  # containers in a row that may die before they are ready


@dataclass(frozen=True)
class RetryPolicy:
    """A function's `retries=`; `limit` is the number of repetitions, 0 for none."""

    limit: int = 0
    initial_delay_s: float = 1.0
    backoff: float = 2.0
    longest_delay_s: float = _LONGEST_DELAY_S


def delay_s(policy: RetryPolicy, attempt: int) -> float:
    """Seconds before repetition number `attempt` (the first is 1)."""
    delay = policy.initial_delay_s * policy.backoff ** (attempt - 1)
    return min(delay, policy.longest_delay_s or _LONGEST_DELAY_S, _LONGEST_DELAY_S)


def after_failure(policy: RetryPolicy, failures: int) -> float | None:
    """Seconds until the next attempt when `failures` attempts have failed, None where the failure stands."""
    return delay_s(policy, failures) if failures <= policy.limit else None


def after_crash(
    policy: RetryPolicy, failures: int, crashes: int, *, deployed: bool, out_of_memory: bool
) -> float | None:
    """As after_failure, for an input whose container died; both counts include this time.

    An input that filled its memory limit would fill it again, so that is not tried beyond `retries=`.
    """
    delay = after_failure(policy, failures)
    if delay is not None:
        return delay
    if deployed:
        return crash_backoff_s(crashes)
    return 0.0 if crashes < _CRASHES_OF_EPHEMERAL and not out_of_memory else None


def after_failed_start(
    failures: int, *, deployed: bool, was_said: bool = False, others_run: bool = False
) -> float | None:
    """Seconds before another container is tried when `failures` in a row died before they were ready; None
    where the function's inputs have to fail.

    What the code itself said at its import or in `@enter` (`was_said`) it would say again: its callers get it
    at once, unless other containers of the function got ready and serve the inputs (`others_run`).
    """
    if was_said:
        return crash_backoff_s(failures) if others_run else None
    if deployed:
        return crash_backoff_s(failures)
    return 0.0 if failures < _STARTS_OF_EPHEMERAL else None


def crash_backoff_s(crashes: int) -> float:
    """1, 2, 4 … 60 seconds."""
    return float(min(_CRASH_BASE_S * 2 ** min(crashes - 1, 10), _LONGEST_DELAY_S))
