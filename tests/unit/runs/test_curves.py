"""A curve has few points for any length of time, and loses no peak of memory."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.record.curves import thinned
from homeport.record.run import Sample


@given(
    st.lists(
        st.builds(Sample, at=st.floats(0, 1e9), cores=st.floats(0, 64), memory_bytes=st.integers(0, 2**40))
    )
)
def test_a_curve_is_thinned_to_its_bound_and_keeps_its_peak_and_its_end(points):
    found = thinned(points, 10)
    assert len(found) <= 10
    assert max((p.memory_bytes for p in found), default=0) == max((p.memory_bytes for p in points), default=0)
    assert [p.at for p in found[-1:]] == [p.at for p in points[-1:]]


def test_a_short_curve_stays_as_it_is():
    points = [Sample(1.0, 0.5, 10), Sample(3.0, 1.5, 20, 0.5)]
    assert thinned(points, 2) == points


def test_neighbours_become_their_mean_use():
    points = [
        Sample(1.0, 0.5, 10, 0.2),
        Sample(3.0, 1.5, 20),
        Sample(5.0, 1.0, 5, 0.4),
        Sample(7.0, 2.0, 1, 0.6),
    ]
    assert thinned(points, 2) == [Sample(3.0, 1.0, 20, 0.2), Sample(7.0, 1.5, 5, 0.5)]
