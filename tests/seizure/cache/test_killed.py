"""Builds that are killed, and builds that run at the same time: the shards come out the same to the byte."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seizure.cache import scan_cache
from tests.seizure.cache.made import Corpus, contents

COUNT = 20

SCRIPT = """
import sys
from pathlib import Path
from tests.seizure.cache.made import Corpus
result = Corpus(Path(sys.argv[1]), int(sys.argv[3])).build(Path(sys.argv[2]))
print(result.built, result.reused, len(result.skipped))
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    corpus = tmp_path_factory.mktemp("corpus")
    folder = tmp_path_factory.mktemp("whole") / "key"
    Corpus(corpus, COUNT).build(folder)
    return corpus, contents(folder)


def start(corpus: Path, folder: Path) -> "subprocess.Popen[str]":
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, str(corpus), str(folder), str(COUNT)]
    return subprocess.Popen(
        command, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0
    )


def wait_until(is_so, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def shards(folder: Path) -> int:
    return len(list(folder.glob("*.shard")))


def workers_of(process) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        return [int(pid) for pid in children.read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_build_killed_at_random_moments_goes_on_to_the_same_bytes(undisturbed, tmp_path):
    corpus, expected = undisturbed
    folder = tmp_path / "key"
    moments = random.Random(7)
    for _ in range(3):
        before = shards(folder)
        with start(corpus, folder) as process:
            wanted = before + moments.randint(1, 5)
            wait_until(lambda wanted=wanted: shards(folder) >= wanted)
            time.sleep(moments.random() * 0.02)
            workers = workers_of(process)
            process.kill()
        wait_until(lambda workers=workers: not any(map(is_alive, workers)))
        # a quick machine may be done with all of them by then
        assert scan_cache(folder).state == ("complete" if shards(folder) == COUNT else "incomplete")
    with start(corpus, folder) as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    built, reused, skipped = map(int, said.split())
    assert built + reused == COUNT and reused >= 3 and skipped == 0
    assert contents(folder) == expected
    assert scan_cache(folder, deep=True).state == "complete"


def test_workers_killed_at_random_moments_are_made_up_for(undisturbed, tmp_path):
    corpus, expected = undisturbed
    folder = tmp_path / "key"
    with start(corpus, folder) as process:
        for wanted in (2, 7, 13):
            wait_until(lambda wanted=wanted: shards(folder) >= wanted)
            for pid in workers_of(process)[:1]:
                os.kill(pid, signal.SIGKILL)
        said, errors = process.communicate(timeout=60)
    built, found, skipped = map(int, said.split())
    assert (built + found, skipped, errors) == (COUNT, 0, "")
    assert found <= 3, "only a worker killed between a shard and its answer leaves one to be found"
    assert contents(folder) == expected


def test_builds_at_the_same_time_share_the_work(undisturbed, tmp_path):
    corpus, expected = undisturbed
    folder = tmp_path / "key"
    with start(corpus, folder) as one, start(corpus, folder) as two:
        said = [process.communicate(timeout=60)[0].split() for process in (one, two)]
    built = [int(words[0]) for words in said]
    assert sum(built) == COUNT, "no recording was made twice"
    assert all(int(words[0]) + int(words[1]) == COUNT for words in said)
    assert contents(folder) == expected


def test_interrupting_a_build_ends_its_workers(undisturbed, tmp_path):
    corpus, _ = undisturbed
    folder = tmp_path / "key"
    with start(corpus, folder) as process:
        wait_until(lambda: shards(folder) >= 2)
        workers = workers_of(process)
        assert workers
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors and "Worker" not in errors
    wait_until(lambda: not any(map(is_alive, workers)))
    assert scan_cache(folder).damaged == ()


def test_a_scan_during_a_build_says_how_far_it_is(undisturbed, tmp_path):
    corpus, _ = undisturbed
    folder = tmp_path / "key"
    with start(corpus, folder) as process:
        wait_until(lambda: shards(folder) >= 3)
        part = scan_cache(folder).parts[0]
        assert 3 <= part.there <= COUNT and part.words() == f"{part.there}/{COUNT} train"
        process.communicate(timeout=60)
    assert scan_cache(folder).parts[0].words() == f"{COUNT}/{COUNT} train"
