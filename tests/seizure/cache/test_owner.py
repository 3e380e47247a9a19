"""Whose cache a folder is, and what was asked for: notes that may be missing without any loss."""

import json

import pytest
from click.testing import CliRunner

from seizure.cache import claim_cache, scan_cache
from seizure.cache.owner import OWNER, PARTS
from seizure.cache.shard import shard_path
from seizure.commands.scan_cache import command
from seizure.corpus.skipped import Skipped
from seizure.errors import CacheError, Fault
from tests.seizure.cache.made import Corpus, contents


@pytest.fixture
def cache(tmp_path):
    claim_cache(tmp_path / "cache", "smoke", "smoke")
    corpus = Corpus(tmp_path / "corpus", 3)
    corpus.build(tmp_path / "cache" / "key", kind="smoke", processes=1)
    return tmp_path / "cache"


def test_smoke_and_full_never_share_a_folder(cache):
    with pytest.raises(CacheError, match=r"belongs to smoke runs \(smoke\) and this is a full run"):
        claim_cache(cache, "full", "tusz")
    claim_cache(cache, "smoke", "smoke-2")
    assert json.loads((cache / OWNER).read_text()) == {"kind": "smoke", "names": ["smoke", "smoke-2"]}


@pytest.mark.parametrize("note", [None, "", "{", "[]", '{"kind": 3}'])
def test_a_lost_or_spoilt_note_is_written_again_from_the_shards_and_nothing_is_deleted(cache, note):
    before = contents(cache / "key")
    (cache / OWNER).unlink()
    (cache / "key" / PARTS).unlink()
    if note is not None:
        (cache / OWNER).write_text(note)
        (cache / "key" / PARTS).write_text(note)
    with pytest.raises(CacheError, match=r"belongs to smoke runs \(by its shards\)"):
        claim_cache(cache, "full", "tusz")
    claim_cache(cache, "smoke", "smoke")
    assert json.loads((cache / OWNER).read_text()) == {"kind": "smoke", "names": ["smoke"]}
    assert scan_cache(cache).parts[0].words() == "3"
    assert contents(cache / "key") == before


def test_scanning_says_missing_damaged_and_left_out(cache, tmp_path):
    assert scan_cache(cache).state == "complete"
    path = shard_path(cache / "key", "aaaaa1_s001_t000")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    scan = scan_cache(cache)
    assert (scan.state, scan.parts[0].words()) == ("damaged", "2/3 train")
    assert any("bytes where the header says" in line for line in scan.lines())
    path.unlink()
    assert scan_cache(cache).state == "incomplete"
    corpus = Corpus(tmp_path / "corpus", 3)
    corpus.add("x1", "bad", [(1, 2)])
    left_out = [Skipped("x0", tmp_path, Fault.NO_ANNOTATIONS, "none")]
    corpus.build(cache / "key", processes=1, left_out=left_out)
    scan = scan_cache(cache)
    assert (scan.state, scan.parts[0].words()) == ("complete", "3/5 train (2 left out)")


@pytest.mark.parametrize("place", [-5000, "padding"])
def test_a_deep_scan_finds_flipped_bytes(cache, place):
    path = shard_path(cache / "key", "aaaaa1_s001_t000")
    content = bytearray(path.read_bytes())
    content[content.index(b"\0") + 5 if place == "padding" else place] ^= 1
    path.write_bytes(content)
    assert scan_cache(cache).state == "complete"
    assert [one.path for one in scan_cache(cache, deep=True).damaged] == [path]


def test_parts_are_counted_apart(cache, tmp_path):
    corpus = Corpus(tmp_path / "corpus", 4)
    corpus.recordings = corpus.recordings[3:]
    corpus.build(cache / "key", part="val", processes=1)
    assert [part.words() for part in scan_cache(cache).parts] == ["3/3 train", "1/1 val"]


def test_the_command_says_the_count_and_its_status(cache, tmp_path):
    run = CliRunner().invoke
    done = run(command, [str(cache)], standalone_mode=False)
    assert done.return_value == 0 and done.output.startswith("3/3 train  ")
    done = run(command, [str(cache), "--expect", "3734"], standalone_mode=False)
    assert done.return_value == 1 and done.output.startswith("3/3734  ")
    done = run(command, [str(cache), "--json", "--deep"], standalone_mode=False)
    assert json.loads(done.output)["parts"][0]["there"] == 3
    (cache / "key" / PARTS).unlink()
    done = run(command, [str(cache)], standalone_mode=False)
    assert done.return_value == 1 and "give --expect N" in done.output
    with pytest.raises(CacheError, match="no cache is here"):
        run(command, [str(tmp_path / "nothing")], standalone_mode=False, catch_exceptions=False)
