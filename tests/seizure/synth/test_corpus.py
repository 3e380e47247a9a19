"""A synthetic corpus: TUSZ's layout, the same to the byte, continued after an interruption, never mixed."""

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import seizure
from seizure.commands import run
from seizure.errors import CorpusError
from seizure.synth import Difficulty, Summary, make_corpus

SOURCE = str(Path(seizure.__file__).parents[1])


def make(root: Path, **arguments: int) -> Summary:
    return make_corpus(root, **{"train_files": 5, "dev_files": 2, "eval_files": 2, **arguments}, minutes=1)


def digests(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpora") / "one"
    make(root)
    return root


def test_files_lie_as_in_tusz(corpus: Path) -> None:
    pattern = re.compile(
        r"edf/(train|dev|eval)/([a-z]{8})/(s\d{3})_\d{4}/(01_tcp_ar|02_tcp_le|03_tcp_ar_a)/\2_\3_t\d{3}"
        r"\.(edf|csv|csv_bi)"
    )
    names = [name for name in digests(corpus) if name != "synthetic.json"]
    assert len(names) == 3 * 9
    assert all(pattern.fullmatch(name) for name in names), names


def test_every_partition_holds_a_seizure(corpus: Path) -> None:
    for partition in ("train", "dev", "eval"):
        texts = [path.read_text() for path in (corpus / "edf" / partition).rglob("*.csv_bi")]
        assert any(",seiz," in text for text in texts)


def test_the_number_of_processes_changes_no_byte(corpus: Path, tmp_path: Path) -> None:
    make(tmp_path / "two", processes=2)
    assert digests(tmp_path / "two") == digests(corpus)


def test_the_number_of_blas_threads_changes_no_byte(corpus: Path, tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from seizure.synth import make_corpus;"
        f"make_corpus(Path({str(tmp_path / 'one')!r}), train_files=5, dev_files=2, eval_files=2, minutes=1)"
    )
    environ = {**os.environ, "PYTHONPATH": SOURCE, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", script], env=environ, check=True)
    assert digests(tmp_path / "one") == digests(corpus)


def test_another_seed_is_another_corpus(corpus: Path, tmp_path: Path) -> None:
    make(tmp_path / "two", seed=1)
    assert not set(digests(tmp_path / "two").values()) & set(digests(corpus).values())


def test_a_corpus_is_continued_and_becomes_the_same(corpus: Path, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(done: int, _total: int, _recording_id: str) -> None:
        if done == 4:
            raise KilledError

    sizes = {"train_files": 5, "dev_files": 2, "eval_files": 2}
    with pytest.raises(KilledError):
        make_corpus(tmp_path / "two", **sizes, minutes=1, announce=kill)
    first = next((tmp_path / "two").rglob("*.edf"))
    first.write_bytes(first.read_bytes()[:-2])  # as a crash of the machine may leave it
    (first.parent / f".{first.name}.part").write_bytes(b"half")
    summary = make(tmp_path / "two")
    assert (summary.made, summary.kept) == (6, 3)
    assert digests(tmp_path / "two") == digests(corpus)


def test_other_settings_in_the_same_folder_are_refused_by_name(corpus: Path) -> None:
    with pytest.raises(CorpusError, match=r"other settings \(train_files, seed\)"):
        make(corpus, seed=3, train_files=6)
    with pytest.raises(CorpusError, match=r"other settings \(difficulty\)"):
        make_corpus(
            corpus, train_files=5, dev_files=2, eval_files=2, minutes=1, difficulty=Difficulty(sharpness=0.1)
        )


def test_a_folder_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CorpusError, match="is not empty and no synthetic corpus"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_in_the_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="cannot be written"):
        make(tmp_path / "file" / "corpus")


def test_a_damaged_mark_is_one_sentence(tmp_path: Path) -> None:
    for text in ("{", "[]"):
        (tmp_path / "synthetic.json").write_text(text)
        with pytest.raises(CorpusError, match=r"synthetic\.json"):
            make(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"train_files": -1}, "negative"),
        ({"minutes": 0.1}, "minutes"),
        ({"minutes": float("nan")}, "minutes"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path: Path, arguments: dict[str, int], words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        make_corpus(tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()


def test_a_corpus_larger_than_the_disk_is_refused_before_it_is_begun(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"the corpus takes [\d.]+ GB and the disk of .* has"):
        make_corpus(tmp_path / "none", train_files=20_000, minutes=1440)
    assert not (tmp_path / "none").exists()


def test_a_disk_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "a.edf")

    monkeypatch.setattr("seizure.synth.recording.write_edf", full)
    with pytest.raises(CorpusError, match=r"a\.edf cannot be written \(No space left on device\): repeat"):
        make(tmp_path / "corpus")


def test_no_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no recordings asked for"):
        make_corpus(tmp_path / "none", train_files=0, dev_files=0, eval_files=0)


def test_the_command_makes_one_and_says_what_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "corpus"
    arguments = [
        "synth",
        str(root),
        "--train",
        "2",
        "--dev",
        "1",
        "--eval",
        "1",
        "--short",
        "--processes",
        "1",
    ]
    assert run(arguments) == 0
    said = capsys.readouterr()
    assert re.search(r"train +2 recordings +\d patients +1 seizures in 1 recordings", said.out)
    assert f"python -m seizure validate {root}" in said.out
    assert "4 made and 0 kept" in said.out
    assert said.err.splitlines()[-1].startswith("4/4 recordings: ")
    assert run([*arguments, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["kept"] == 4 and summary["files"] == {"train": 2, "dev": 1, "eval": 1}
    size = sum(path.stat().st_size for path in root.rglob("*.edf"))
    assert summary["size_bytes"] == size


def test_wrong_usage_ends_with_two(tmp_path: Path) -> None:
    assert run(["synth", str(tmp_path / "corpus"), "--seed", "-1"]) == 2
    assert run(["synth"]) == 2
    assert run(["synth", str(tmp_path / "corpus"), "--short", "--minutes", "2"]) == 2
    assert not (tmp_path / "corpus").exists()


def test_ctrl_c_stops_at_once_without_a_traceback_and_the_corpus_goes_on(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    command = [sys.executable, "-m", "seizure", "synth", str(root), "--train", "400", "--short"]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": SOURCE}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 60
        while not list(root.rglob("*.edf")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.decode().strip().endswith("stopped") and b"Traceback" not in said
    assert 0 < len(list(root.rglob("*.edf"))) < 420


def test_a_killed_command_leaves_no_process_behind(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    command = [sys.executable, "-m", "seizure", "synth", str(root), "--train", "4000", "--short"]
    environ = {**os.environ, "PYTHONPATH": SOURCE}
    read, write = os.pipe()  # the workers hold its end; it closes when the last of them is gone
    with subprocess.Popen(
        [*command, "--processes", "2"], env=environ, stdout=write, stderr=write, pass_fds=[write]
    ) as process:
        os.close(write)
        deadline = time.monotonic() + 60
        while not list(root.rglob("*.edf")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
        with os.fdopen(read, "rb") as said:
            said.read()  # returns at the end of the last process
    made = len(list(root.rglob("*.edf")))
    assert 0 < made < 4000
    time.sleep(0.1)
    assert len(list(root.rglob("*.edf"))) == made
