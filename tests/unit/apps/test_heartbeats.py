"""Which apps are overdue, with a clock and a timer of the test's own."""

from collections.abc import Callable
from dataclasses import dataclass

from homeport.control.heartbeats import Heartbeats


@dataclass
class FakeTimer:
    due: float
    call: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeLoop:
    """Time passes when the test says so. At most one timer may be set at any time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[FakeTimer] = []
        self.fired = 0

    def call_later(self, delay_s: float, call: Callable[[], None]) -> FakeTimer:
        assert not self.pending(), "one timer serves all apps"
        self.timers.append(FakeTimer(self.now + delay_s, call))
        return self.timers[-1]

    def pending(self) -> list[FakeTimer]:
        return [timer for timer in self.timers if not timer.is_cancelled]

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self.pending() if timer.due <= end]:
            self.timers.remove(due[0])
            self.now = max(self.now, due[0].due)
            self.fired += 1
            due[0].call()
        self.now = end


def watched(limit_s: float = 60.0) -> tuple[FakeLoop, Heartbeats, list[str]]:
    loop, overdue = FakeLoop(), list[str]()
    return loop, Heartbeats(limit_s, overdue.append, loop.call_later, lambda: loop.now), overdue


def test_a_silent_app_is_overdue_after_the_limit_and_told_once() -> None:
    loop, beats, overdue = watched()
    beats.beat("ap-1")
    loop.pass_time(59.9)
    assert overdue == []
    loop.pass_time(0.2)
    assert overdue == ["ap-1"]
    loop.pass_time(500)
    assert overdue == ["ap-1"]
    assert not loop.pending()


def test_beats_keep_an_app_alive_and_another_is_seen_in_time() -> None:
    loop, beats, overdue = watched()
    beats.beat("ap-1")
    loop.pass_time(10)
    beats.beat("ap-2")
    for _ in range(20):
        loop.pass_time(15)
        beats.beat("ap-1")
    assert overdue == ["ap-2"]
    loop.pass_time(61)
    assert overdue == ["ap-2", "ap-1"]


def test_the_timer_fires_once_a_limit_not_once_a_beat() -> None:
    loop, beats, _ = watched()
    for _ in range(400):
        beats.beat("ap-1")
        loop.pass_time(1)
    assert loop.fired <= 8


def test_a_forgotten_app_leaves_no_timer() -> None:
    loop, beats, overdue = watched()
    beats.beat("ap-1")
    beats.forget("ap-1")
    assert not loop.pending()
    loop.pass_time(100)
    assert overdue == []
