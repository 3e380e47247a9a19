"""How a supervisor puts what comes from two pipes into the order of a log."""

from homeport.runtime.inside.supervisor import Supervisor

OUT, ERR = 10, 11  # pipes


class Recorded(Supervisor):
    """A supervisor without a container: what it would write to its log."""

    def __init__(self) -> None:
        self.outputs = {OUT: 1, ERR: 2}
        self.tails: dict[int, tuple[bytes, float]] = {}
        self.records: list[tuple[int, bytes]] = []

    def _record(self, number: int, data: bytes) -> None:
        self.records.append((number, data))

    def hears(self, pipe: int, data: bytes) -> None:
        self._take(pipe, data)


def test_a_progress_bar_that_waits_for_its_end_comes_before_a_later_line_of_the_other_stream() -> None:
    supervisor = Recorded()
    supervisor.hears(ERR, b"\r 5%")
    assert supervisor.records == [], "a moment for the rest of its line"
    supervisor.hears(OUT, b"step 1\n")
    assert supervisor.records == [(2, b"\r 5%"), (1, b"step 1\n")]


def test_any_other_line_is_kept_whole() -> None:
    supervisor = Recorded()
    supervisor.hears(ERR, b"half a li")
    supervisor.hears(OUT, b"step 1\n")
    supervisor.hears(ERR, b"ne\n")
    assert supervisor.records == [(1, b"step 1\n"), (2, b"half a line\n")]
