"""Pickled arguments are read without running anything, whoever made them."""

import io
import os
import pickle
import pickletools
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.control.runs.inert_pickle import Inert, UnreadablePickleError, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_come_out_as_they_were(value: Any, protocol: int) -> None:
    if protocol >= 3 or value != b"":
        assert _plain(read_pickle(pickle.dumps(value, protocol))) == _plain(value)


def _plain(value: Any) -> Any:
    """Protocols below 3 pickle bytes by a function's name, which is not called."""
    if isinstance(value, bytes | Inert):
        return "bytes"
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


class Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_what_a_pickle_calls_is_not_called(tmp_path, protocol):
    trace = tmp_path / "called"
    for hostile in (
        Hostile(os.system, f"touch {trace}"),
        Hostile(eval, f"open({str(trace)!r}, 'w')"),
        Hostile(getattr, object(), "__class__"),
        Hostile(io.open, str(trace), "w"),
    ):
        found = read_pickle(pickle.dumps(([hostile], {}), protocol))
        assert isinstance(found[0][0], Inert)
    assert not trace.exists()


OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
NAMES = [b"os\nsystem\n", b"builtins\neval\n", b"builtins\nexec\n", b"posix\n_exit\n", b"subprocess\nPopen\n"]


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(OPCODES)
        | st.sampled_from([b"c" + name for name in NAMES])
        | st.sampled_from(
            [b"(", b"V41\n", b"X\x04\x00\x00\x00exit", b")", b"R", b"b", b"}", b"s", b"\x81", b"o"]
        )
        | st.binary(max_size=8),
        max_size=30,
    )
)
def test_a_made_up_pickle_gives_a_value_or_one_error(parts: list[bytes]) -> None:
    """`posix._exit` among the names would end this process."""
    try:
        read_pickle(b"".join(parts) + b".")
    except UnreadablePickleError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04]r\xff\xff\xff\x7f.",  # a memo of two thousand million places
        b"(" + b"\x85" * 100_000 + b".",  # nested until hashing it overflows the C stack
        b"\x80\x04}" + b")" + b"\x85" * 50_000 + b"Ks.",
        b"\x80\x04" + b"N" * 300_000 + b".",
        b"",
        b"not a pickle",
        b"\x80\x04\x8a\xff",
    ],
)
def test_what_would_exhaust_this_machine_is_refused(data):
    with pytest.raises(UnreadablePickleError):
        read_pickle(data)


def test_a_path_says_its_text_and_another_class_its_name():
    path, other = read_pickle(pickle.dumps([PurePosixPath("/data/a.yaml"), ValueError("x")], 4))
    assert path.text() == "/data/a.yaml"
    assert (other.label, other.text()) == ("ValueError", None)
