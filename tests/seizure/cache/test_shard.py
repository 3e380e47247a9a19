"""A shard's file: what is written is read, windows are cut from anywhere, damage is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.cache.index import open_index
from seizure.cache.quantise import quantise
from seizure.cache.shard import BLOCK_SAMPLES, DamagedShardError, Shard, read_info, shard_path
from seizure.errors import CacheError
from tests.seizure.cache.made import CHANNELS, noise, prepared, put


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    x_CT = noise(20_000)
    info = put(tmp_path_factory.mktemp("cache"), "aaaaagxr_s018_t000", x_CT, [(1, 3.5), (20, 30)])
    return info, quantise(prepared(x_CT), 100)[0]


def test_a_header_says_what_was_written(written):
    info = read_info(written[0].path)
    assert (info.recording_id, info.patient) == ("aaaaagxr_s018_t000", "aaaaagxr")
    assert (info.channels, info.rate_hz, info.n_samples) == (CHANNELS, 256, 20_000)
    assert [(s.start_s, s.stop_s) for s in info.seizures] == [(1, 3.5), (20, 30)]
    assert info.clip_sigma == 100 and 0 < info.rms_error_uv < info.max_error_uv < 0.1
    assert info.path.stat().st_size == info.size_bytes


def test_reading_gives_the_quantised_samples(written):
    info, q_CT = written
    with Shard(read_info(info.path)) as shard:
        np.testing.assert_array_equal(shard.read(), q_CT)


@given(start=st.integers(0, 19_999), length=st.integers(0, 6000))
@settings(max_examples=200)
def test_a_window_from_anywhere(written, start, length):
    info, q_CT = written
    with Shard(read_info(info.path)) as shard:
        window_CT = shard.window(start, length)
    assert window_CT.shape == (3, length)
    there = min(length, 20_000 - start)
    np.testing.assert_array_equal(window_CT[:, :there], q_CT[:, start : start + there])
    assert not window_CT[:, there:].any()


def test_labels_are_the_intervals(written):
    y_T = written[0].label_mask()
    assert y_T.dtype == np.uint8 and y_T.size == 20_000
    expected = np.zeros(20_000, np.uint8)
    expected[256 : 3 * 256 + 128] = expected[20 * 256 : 30 * 256] = 1
    np.testing.assert_array_equal(y_T, expected)
    np.testing.assert_array_equal(written[0].label_mask(300, 600), expected[300:900])


@pytest.mark.parametrize("start_s", [0.0, 1.0015, 2.0, (3000 - 0.1) / 256])
def test_no_seizure_is_too_short_for_a_sample(tmp_path, start_s):
    info = put(tmp_path, "a_b", noise(3000), [(start_s, start_s + 0.0003)])
    assert info.label_mask().sum() == 1


def test_equal_recordings_give_equal_bytes(tmp_path):
    one = put(tmp_path / "one", "a_b", noise(3000), [(1, 2)])
    two = put(tmp_path / "two", "a_b", noise(3000), [(1, 2)])
    assert one.path.read_bytes() == two.path.read_bytes()


@pytest.mark.parametrize("samples", [1, BLOCK_SAMPLES - 1, BLOCK_SAMPLES, BLOCK_SAMPLES + 1])
def test_recordings_of_any_length(tmp_path, samples):
    x_CT = noise(samples)
    info = put(tmp_path, "short", x_CT)
    with Shard(info := read_info(info.path)) as shard:
        np.testing.assert_array_equal(shard.read(), quantise(prepared(x_CT), 100)[0])


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=150)
def test_a_flipped_bit_in_the_header_is_seen(written, tmp_path_factory, place, bit):
    good = written[0].path.read_bytes()
    end = good.index(b"\0")
    bad = bytearray(good)
    bad[place % end] ^= 1 << bit
    path = tmp_path_factory.mktemp("bad") / "x.shard"
    path.write_bytes(bad)
    with pytest.raises(DamagedShardError):
        read_info(path)


@pytest.mark.parametrize("length", [0, 10, 79, 80, 500, -1])
def test_a_shard_cut_short_is_damaged(written, tmp_path, length):
    path = tmp_path / "x.shard"
    path.write_bytes(written[0].path.read_bytes()[:length])
    with pytest.raises(DamagedShardError, match="shard alone will be remade"):
        read_info(path)


def test_a_shard_that_changed_after_its_header_was_read_is_not_mapped(tmp_path):
    info = put(tmp_path, "a", noise(3000))
    put(tmp_path, "a", noise(3000), [(1, 2)])
    with pytest.raises(DamagedShardError, match="changed"):
        Shard(info)
    info = read_info(info.path)
    info.path.write_bytes(info.path.read_bytes()[:5000])
    with pytest.raises(DamagedShardError, match="changed"):
        Shard(info)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300))
@settings(max_examples=100)
def test_any_id_becomes_a_file_in_the_folder(tmp_path_factory, recording_id):
    folder = tmp_path_factory.getbasetemp()
    path = shard_path(folder, recording_id)
    assert path.parent == folder and len(path.name.encode()) < 240 and not path.name.startswith(".")


def test_a_closed_shard_gives_nothing(written):
    with Shard(written[0]) as shard:
        pass
    with pytest.raises(AssertionError, match="closed"):
        shard.window(0, 10)


def test_an_index_is_what_the_shards_say(tmp_path):
    for name in ("b", "a", "c"):
        put(tmp_path, name, noise(2000))
    (tmp_path / "d.shard").write_bytes(b"rubbish")
    (tmp_path / "copy.shard").write_bytes((tmp_path / "a.shard").read_bytes())
    (tmp_path / "e.shard.part").write_bytes(b"unfinished")
    index = open_index(tmp_path)
    assert [info.recording_id for info in index.shards] == ["a", "b", "c"]
    assert [damaged.path.name for damaged in index.damaged] == ["copy.shard", "d.shard"]
    assert [info.recording_id for info in index.only(["c", "a"]).shards] == ["c", "a"]
    with pytest.raises(CacheError, match=r"2 of 3 recordings are not in the cache \(x, y\)"):
        index.only(["a", "x", "y"])


def test_the_index_of_a_folder_that_is_not_there_is_empty(tmp_path):
    assert open_index(tmp_path / "nothing").shards == ()
