"""Builds: everything is counted, nothing is made twice, damage is mended alone, nothing is ever deleted."""

import os

import pytest

from seizure.cache import build, open_index
from seizure.cache.claim import claimed
from seizure.cache.shard import Shard, shard_path
from seizure.errors import CacheError, Fault
from tests.seizure.cache.full_disk import prepare_without_room
from tests.seizure.cache.made import Corpus, contents, noise, prepared


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A whole cache and its corpus; tests copy what they change."""
    corpus = Corpus(tmp_path_factory.mktemp("corpus"))
    folder = tmp_path_factory.mktemp("whole") / "key"
    said = []
    result = corpus.build(folder, announce=lambda *words: said.append(words))
    return corpus, folder, result, said


@pytest.fixture
def copy(built, tmp_path):
    """(corpus, folder) with the same recordings and shards, to change."""
    corpus, folder, _, _ = built
    mine = Corpus(tmp_path / "corpus")
    for ours, theirs in zip(mine.recordings, corpus.recordings, strict=True):
        status = theirs.path.stat()
        os.utime(ours.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    target = tmp_path / "key"
    target.mkdir()
    for name, content in contents(folder).items():
        (target / name).write_bytes(content)
    return mine, target


def test_each_recording_is_announced_once_in_order(built):
    corpus, _, _, said = built
    assert said == [(number, 6, recording) for number, recording in enumerate(corpus.recordings, 1)]


def test_a_build_says_what_it_did(built):
    _, folder, result, _ = built
    assert (result.built, result.reused, result.skipped) == (6, 0, [])
    assert [info.recording_id for info in result.index.shards] == [f"aaaaa{n}_s001_t000" for n in range(6)]
    text = "\n".join(result.lines())
    assert "6 built, 0 there already, 0 left out" in text
    assert "6 seizures of 6 s" in text
    assert "rms error 0.0" in text and "0 of 90000 samples clipped" in text
    assert sorted(contents(folder)) == [f"aaaaa{n}_s001_t000.shard" for n in range(6)]


def test_shards_hold_the_signal_and_the_labels(built):
    _, folder, _, _ = built
    info = open_index(folder)["aaaaa3_s001_t000"]
    assert [(s.start_s, s.stop_s) for s in info.seizures] == [(4, 5)]
    with Shard(info) as shard:
        from seizure.cache.quantise import quantise

        assert (shard.read() == quantise(prepared(noise(5000, 3)), 100)[0]).all()


def test_a_second_build_makes_nothing_and_starts_no_process(copy, monkeypatch):
    corpus, folder = copy
    monkeypatch.setattr("seizure.cache.crew.Worker", None)
    before = contents(folder)
    said = []
    result = corpus.build(folder, announce=lambda *words: said.append(words[0]))
    assert (result.built, result.reused, said) == (0, 6, [1, 2, 3, 4, 5, 6])
    assert contents(folder) == before


@pytest.mark.parametrize("damage", ["header", "cut", "longer", "empty", "gone"])
def test_a_damaged_shard_is_rebuilt_alone(built, copy, damage):
    corpus, folder = copy
    path = shard_path(folder, "aaaaa2_s001_t000")
    content = bytearray(path.read_bytes())
    content[200] ^= 4
    path.write_bytes(
        {"header": content, "cut": content[:-10], "longer": content + b"!", "empty": b"", "gone": b""}[damage]
    )
    if damage == "gone":
        path.unlink()
    times = {one: one.stat().st_mtime_ns for one in folder.iterdir() if one != path}
    result = corpus.build(folder, processes=1)
    assert (result.built, result.reused) == (1, 5)
    assert contents(folder) == contents(built[1])
    assert {one: one.stat().st_mtime_ns for one in times} == times


def test_flipped_samples_are_found_by_a_deep_build(built, copy):
    corpus, folder = copy
    path = shard_path(folder, "aaaaa2_s001_t000")
    content = bytearray(path.read_bytes())
    content[-5000] ^= 4
    path.write_bytes(content)
    assert corpus.build(folder).built == 0
    result = corpus.build(folder, deep=True, processes=1)
    assert (result.built, result.reused) == (1, 5)
    assert contents(folder) == contents(built[1])


def test_new_annotations_change_the_header_without_preprocessing(copy):
    corpus, folder = copy
    name = "aaaaa1_s001_t000"
    corpus.label(name, [(0.5, 3), (7, 8)])
    with Shard(open_index(folder)[name]) as shard:
        before = shard.read()
    result = corpus.build(folder, prepare=must_not_prepare, processes=1)
    assert (result.built, result.reused, result.relabelled) == (0, 6, 1)
    info = open_index(folder)[name]
    assert [(s.start_s, s.stop_s) for s in info.seizures] == [(0.5, 3), (7, 8)]
    with Shard(info) as shard:
        assert (shard.read() == before).all() and shard.data_crc32() == info.data_crc32


def must_not_prepare(path, settings):
    raise AssertionError(f"{path} was preprocessed")


def test_new_annotations_on_damaged_samples_make_the_shard_anew(copy):
    corpus, folder = copy
    path = shard_path(folder, "aaaaa1_s001_t000")
    content = bytearray(path.read_bytes())
    content[-5000] ^= 4
    path.write_bytes(content)
    corpus.label("aaaaa1_s001_t000", [(0.5, 3)])
    result = corpus.build(folder, processes=1)
    assert (result.built, result.relabelled) == (1, 0)


def test_a_changed_recording_is_rebuilt_and_a_touched_one_is_not(copy):
    corpus, folder = copy
    corpus.recordings[0].path.write_text("noise 9")
    os.utime(corpus.recordings[1].path, (1, 1))
    result = corpus.build(folder, processes=1)
    assert (result.built, result.reused, result.relabelled) == (1, 5, 1)
    assert corpus.build(folder).reused == 6


def test_a_recording_that_changed_within_its_size_and_time_of_day_is_seen_by_its_digest(copy):
    corpus, folder = copy
    path = corpus.recordings[4].path
    path.write_text("noise 7")  # as long as before
    os.utime(path, (1, 1))
    assert corpus.build(folder, processes=1).built == 1


def test_what_cannot_be_used_is_named_and_its_seizures_are_counted(tmp_path):
    corpus = Corpus(tmp_path / "corpus", 1)
    for word, seizures in {"bad": [(1, 4)], "odd": [(1, 2), (3, 4)], "nan": []}.items():
        corpus.add(f"x{word}", word, seizures)
    result = corpus.build(tmp_path / "key", processes=1)
    assert {one.recording_id: one.fault for one in result.skipped} == {
        "xbad": Fault.TRUNCATED,
        "xodd": Fault.FAILED,
        "xnan": Fault.NAN_SIGNAL,
    }
    assert "ZeroDivisionError: nobody thought of this" in result.skipped[-1].detail
    assert (result.built, result.lost_seizures, result.lost_seizure_s) == (1, 3, 5)
    assert "left out: 3 recordings (failed, nan-signal, truncated) with 3 seizures of 5 s" in "\n".join(
        result.lines()
    )
    assert sorted(contents(tmp_path / "key")) == ["aaaaa0_s001_t000.shard"]


def test_a_full_scratch_disk_stops_the_build_and_skips_nothing(tmp_path):
    corpus = Corpus(tmp_path / "corpus", 1)
    corpus.add("xfull", "scratch")
    with pytest.raises(CacheError, match="No space left on device; TMPDIR names a folder with room"):
        corpus.build(tmp_path / "key", processes=1, prepare=prepare_without_room)


def test_a_worker_that_is_killed_is_replaced_and_its_recording_tried_again(tmp_path):
    corpus = Corpus(tmp_path / "corpus", 2)
    corpus.add("x1", "kill-once 5")
    result = corpus.build(tmp_path / "key")
    assert (result.built, result.skipped) == (3, [])


def test_a_recording_that_kills_its_worker_twice_is_reported(tmp_path):
    corpus = Corpus(tmp_path / "corpus", 2)
    corpus.add("x1", "kill", [(1, 2)])
    result = corpus.build(tmp_path / "key", processes=1)
    assert result.built == 2
    assert [(one.recording_id, one.fault) for one in result.skipped] == [("x1", Fault.WORKER_DIED)]
    assert "SIGKILL" in result.skipped[0].detail and result.lost_seizures == 1


def test_workers_that_cannot_start_stop_the_build(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(CacheError, match="end before they begin"):
        Corpus(tmp_path / "corpus", 3).build(tmp_path / "key")


def test_a_worker_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("seizure.cache.crew._limit_s", lambda task: -1.0)
    monkeypatch.setattr(build, "_LOOK_AT_LIMITS_S", 0.0)
    corpus = Corpus(tmp_path / "corpus", 1)
    result = corpus.build(tmp_path / "key", processes=1)
    assert "no result after" in result.skipped[0].detail


def test_a_shard_that_another_build_makes_is_waited_for(copy, monkeypatch):
    corpus, folder = copy
    path = shard_path(folder, "aaaaa0_s001_t000")
    content = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(build, "_ASK_AGAIN_S", 0.01)
    asked = []

    def there(task):
        asked.append(task.recording.recording_id)
        if asked.count("aaaaa0_s001_t000") == 3:  # the other build is done
            path.write_bytes(content)
        return ready(task)

    ready = build._is_there
    monkeypatch.setattr(build, "_is_there", there)
    with claimed(path):
        result = corpus.build(folder, processes=1, prepare=must_not_prepare)
    assert (result.built, result.reused) == (0, 6)


def test_a_build_that_holds_a_shard_for_too_long_is_not_waited_for(built, copy, monkeypatch):
    corpus, folder = copy
    path = shard_path(folder, "aaaaa0_s001_t000")
    path.unlink()
    monkeypatch.setattr(build, "_ASK_AGAIN_S", 0.01)
    monkeypatch.setattr(build, "_OTHERS_MAY_TAKE_S", 0.02)
    with claimed(path):
        assert corpus.build(folder, processes=1).built == 1
    assert contents(folder) == contents(built[1])


def test_recordings_without_annotations_are_a_named_error(tmp_path):
    corpus = Corpus(tmp_path / "corpus", 1)
    corpus.annotations.clear()
    with pytest.raises(CacheError, match="no annotations were given for recording aaaaa0_s001_t000"):
        corpus.build(tmp_path / "key")


def test_a_folder_that_cannot_be_written_is_a_named_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="Not a directory"):
        Corpus(tmp_path / "corpus", 1).build(tmp_path / "file" / "key")
