"""A corpus from a mirror that cuts, lies, changes and refuses: what comes is whole, or it is an error."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import seizure
from seizure.commands import run
from seizure.fetch import SOURCES, plan_corpus
from tests.seizure.fetch.mirror import FILES, Mirror, serving
from tests.training_kit.fetch.heard import Heard
from training_kit.errors import FetchError
from training_kit.fetch import Plan, Report, fetch, fetching
from training_kit.fetch.download import ATTEMPTS, Download
from training_kit.fetch.journal import NAME as JOURNAL
from training_kit.fetch.journal import sole_user

BIG = "chb01/chb01_01.edf"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving() as mirror:
        yield mirror


def plan(
    mirror: Mirror, folder: Path, *patients: str, heard: Heard | None = None, rehash: bool = False
) -> Plan:
    return plan_corpus(
        SOURCES["chbmit"],
        folder,
        patients,
        address=mirror.address,
        observer=heard or Heard(),
        pause_s=0.001,
        rehash=rehash,
    )


def get(
    mirror: Mirror, folder: Path, *patients: str, heard: Heard | None = None, rehash: bool = False
) -> Report:
    heard = heard or Heard()
    found = plan(mirror, folder, *patients, heard=heard, rehash=rehash)
    return fetch(found, observer=heard, pause_s=0.001, parallel=2)


def is_whole(folder: Path, *paths: str) -> bool:
    return all((folder / path).read_bytes() == FILES[path] for path in paths or FILES)


def test_a_whole_corpus_comes_with_its_list(mirror: Mirror, tmp_path: Path) -> None:
    heard = Heard()
    report = get(mirror, tmp_path, heard=heard)
    assert is_whole(tmp_path)
    assert sorted(report.fetched) == sorted(FILES)
    assert report.fetched_bytes == sum(map(len, FILES.values())) == heard.at == heard.total
    assert (tmp_path / "SHA256SUMS.txt").read_text() == mirror.text_of_sums()
    assert not list(tmp_path.rglob("*.part"))


def test_one_patient_brings_the_files_of_no_patient_too(mirror: Mirror, tmp_path: Path) -> None:
    report = get(mirror, tmp_path, "chb01")
    assert report.fetched == ["RECORDS", "chb01/chb01-summary.txt", BIG]
    assert not (tmp_path / "chb02").exists()


def test_an_unknown_patient_is_named_with_those_that_there_are(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="no patient chb99: it has chb01 to chb02"):
        plan(mirror, tmp_path, "chb99")


def test_a_rerun_asks_for_the_list_alone(mirror: Mirror, tmp_path: Path) -> None:
    get(mirror, tmp_path)
    mirror.requests.clear()
    report = get(mirror, tmp_path)
    assert report.fetched == [] and report.here == len(FILES)
    assert mirror.requests == {("GET", "SHA256SUMS.txt"): 1}


def test_a_rerun_hashes_nothing_that_did_not_change(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get(mirror, tmp_path)
    hashed: list[str] = []
    real = fetching.digest_of

    def counted(path: Path, like: str, stop: threading.Event) -> str:
        hashed.append(path.name)
        return real(path, like, stop)

    monkeypatch.setattr(fetching, "digest_of", counted)
    os.utime(tmp_path / "RECORDS", ns=(1, 1))
    get(mirror, tmp_path)
    assert hashed == ["RECORDS"]
    get(mirror, tmp_path, rehash=True)
    assert len(hashed) == 1 + len(FILES)


def test_files_that_another_tool_brought_are_kept(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "chb01").mkdir()
    (tmp_path / BIG).write_bytes(FILES[BIG])
    report = get(mirror, tmp_path)
    assert report.here == 1 and ("GET", BIG) not in mirror.requests


@pytest.mark.parametrize("damage", [b"shorter", FILES[BIG][:-1] + b"?"])
def test_a_damaged_file_is_fetched_again(mirror: Mirror, tmp_path: Path, damage: bytes) -> None:
    get(mirror, tmp_path)
    (tmp_path / BIG).write_bytes(damage)
    report = get(mirror, tmp_path)
    assert report.fetched == [BIG] and is_whole(tmp_path)


def test_damage_that_left_size_and_time_alone_is_found_by_a_check(mirror: Mirror, tmp_path: Path) -> None:
    get(mirror, tmp_path)
    before = (tmp_path / BIG).stat()
    (tmp_path / BIG).write_bytes(FILES[BIG][:-1] + b"?")
    os.utime(tmp_path / BIG, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert get(mirror, tmp_path).fetched == []
    assert get(mirror, tmp_path, rehash=True).fetched == [BIG]
    assert is_whole(tmp_path)


def test_a_cut_connection_is_continued_where_it_was(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at[BIG] = [300_000, 500_000, 1000]
    heard = Heard()
    get(mirror, tmp_path, heard=heard)
    assert is_whole(tmp_path)
    assert mirror.ranges == ["bytes=300000-", "bytes=800000-", "bytes=801000-"]
    assert heard.at == heard.total
    assert any("cut at 300000 of 1024000 bytes" in words for words in heard.words)


def test_many_cuts_that_each_bring_something_are_no_failure(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at[BIG] = [1000] * (3 * ATTEMPTS)
    assert not get(mirror, tmp_path).failed
    assert is_whole(tmp_path)


def test_a_server_that_ignores_ranges_sends_it_whole(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at[BIG], mirror.ignores_ranges = [300_000], True
    heard = Heard()
    get(mirror, tmp_path, heard=heard)
    assert is_whole(tmp_path) and heard.at == heard.total


def test_a_range_from_elsewhere_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at[BIG], mirror.shifted_ranges = [300_000], True
    report = get(mirror, tmp_path)
    assert "asked for the bytes from 300000 on, the server sent those from 1" in report.failed[BIG]
    assert len(report.fetched) == len(FILES) - 1


@pytest.mark.parametrize("has_etags", [True, False])
def test_a_file_that_changed_between_two_runs_is_not_mixed(
    mirror: Mirror, tmp_path: Path, has_etags: bool
) -> None:
    mirror.has_etags = has_etags
    (tmp_path / "chb01").mkdir()
    (tmp_path / f"{BIG}.part").write_bytes(b"old" * 1000)
    mirror.files[BIG] = FILES[BIG]
    get(mirror, tmp_path)
    assert is_whole(tmp_path)


def test_a_file_that_changed_after_its_size_was_asked_for(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at[BIG] = [300_000]
    found = plan(mirror, tmp_path)
    (tmp_path / "chb01").mkdir()
    (tmp_path / f"{BIG}.part").write_bytes(FILES[BIG][:200_000])
    mirror.files[BIG] = b"new and short"
    found = Plan(
        found.address,
        found.folder,
        tuple(
            fetching.Wanted(f.path, hashlib.sha256(mirror.files[f.path]).hexdigest(), f.size_bytes, 0, False)
            for f in found.files
        ),
        found.free_bytes,
    )
    report = fetch(found, observer=Heard(), pause_s=0.001)
    assert not report.failed
    assert (tmp_path / BIG).read_bytes() == b"new and short"


@pytest.mark.parametrize("part_bytes", [1, 300_000, len(FILES[BIG]), len(FILES[BIG]) + 5])
def test_a_part_of_an_earlier_run_is_continued(mirror: Mirror, tmp_path: Path, part_bytes: int) -> None:
    (tmp_path / "chb01").mkdir()
    (tmp_path / f"{BIG}.part").write_bytes((FILES[BIG] + b"extra")[:part_bytes])
    get(mirror, tmp_path)
    assert is_whole(tmp_path)
    if part_bytes < len(FILES[BIG]):
        assert mirror.ranges == [f"bytes={part_bytes}-"]
    elif part_bytes == len(FILES[BIG]):
        assert mirror.requests["GET", BIG] == 0


def test_wrong_bytes_once_are_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.wrong[BIG] = 1
    heard = Heard()
    get(mirror, tmp_path, heard=heard)
    assert is_whole(tmp_path) and heard.at == heard.total
    assert f"{BIG}: its digest is wrong, fetching it again" in heard.words


def test_wrong_bytes_twice_are_an_error_and_leave_no_file(mirror: Mirror, tmp_path: Path) -> None:
    mirror.wrong[BIG] = 2
    report = get(mirror, tmp_path)
    assert "came twice with the digest" in report.failed[BIG]
    assert not (tmp_path / BIG).exists()
    assert is_whole(tmp_path, *(path for path in FILES if path != BIG))
    assert get(mirror, tmp_path).fetched == [BIG]


def test_a_busy_server_is_asked_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.status = {"SHA256SUMS.txt": [503], BIG: [500, 429, 200, 503, 503]}
    assert not get(mirror, tmp_path).failed
    assert is_whole(tmp_path)


def test_a_server_that_stays_busy_is_an_error_that_says_how_to_go_on(mirror: Mirror, tmp_path: Path) -> None:
    mirror.status["SHA256SUMS.txt"] = [503] * ATTEMPTS
    with pytest.raises(FetchError, match=r"503, after 6 attempts: .*the same command goes on"):
        get(mirror, tmp_path)


def test_a_file_that_is_not_there_fails_alone(mirror: Mirror, tmp_path: Path) -> None:
    found = plan(mirror, tmp_path)
    del mirror.files[BIG]
    report = fetch(found, observer=Heard(), pause_s=0.001)
    assert "is not there (404)" in report.failed[BIG]
    assert len(report.fetched) == len(FILES) - 1


def test_a_length_that_is_a_lie_does_not_matter(mirror: Mirror, tmp_path: Path) -> None:
    mirror.head_size = {BIG: 7, "RECORDS": 10_000}
    assert not get(mirror, tmp_path).failed
    assert is_whole(tmp_path)


def test_no_network_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 cannot be reached .* check the network"):
        plan_corpus(
            SOURCES["siena"],
            tmp_path,
            [],
            address="http://127.0.0.1:9",
            observer=Heard(),
            pause_s=0.001,
        )


def test_too_small_a_disk_is_said_before_the_first_byte(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": 1_000_000})
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(FetchError, match=r"0\.00 GB are still to come and the disk of .* has 0\.00 GB"):
        get(mirror, tmp_path)
    assert mirror.requests["GET", BIG] == 0


def test_a_full_disk_stops_the_fetch_and_is_named(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plan(mirror, tmp_path)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Download, "_copy", full)
    report = fetch(found, observer=Heard(), pause_s=0.001, parallel=1)
    words = f"the disk is full at {tmp_path / 'RECORDS'}: make room and repeat the command"
    assert report.failed == {"RECORDS": words}
    assert mirror.requests["GET", BIG] == 0


def test_two_fetches_do_not_share_a_folder(mirror: Mirror, tmp_path: Path) -> None:
    found = plan(mirror, tmp_path)
    with sole_user(tmp_path), pytest.raises(FetchError, match="another fetch is at work"):
        fetch(found, observer=Heard())


def test_a_torn_journal_costs_a_hash_and_nothing_else(mirror: Mirror, tmp_path: Path) -> None:
    get(mirror, tmp_path)
    journal = tmp_path / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9] + b'\n[1]\n{"path": 3}\n\xff\xfe')
    report = get(mirror, tmp_path)
    assert report.here == len(FILES)
    assert get(mirror, tmp_path).fetched == []


def test_ctrl_c_keeps_the_part_and_the_next_run_goes_on(mirror: Mirror, tmp_path: Path) -> None:
    mirror.gate = threading.Event()
    source = str(Path(seizure.__file__).parents[1])
    command = [sys.executable, "-m", "seizure", "fetch", "chbmit", str(tmp_path), "--from", mirror.address]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": source},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert mirror.reached.wait(30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said and said.strip().endswith("stopped")
    assert not (tmp_path / BIG).exists()
    mirror.gate.set()
    mirror.gate = None
    get(mirror, tmp_path)
    assert is_whole(tmp_path)


def test_the_command_fetches_and_says_what_next(
    mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fetch", "chbmit", str(tmp_path), "--from", mirror.address, "--patient", "chb02"]) == 0
    said = capsys.readouterr()
    assert "3 of 3 files are still to come" in said.out
    assert f"python -m seizure validate {tmp_path}" in said.out
    assert "chb02/chb02_01.edf: 768,000 bytes" in said.err


def test_the_command_lists_without_fetching(
    mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chb01").mkdir()
    (tmp_path / f"{BIG}.part").write_bytes(b"123")
    (tmp_path / "RECORDS").write_bytes(FILES["RECORDS"])
    arguments = ["fetch", "chbmit", str(tmp_path), "--from", mirror.address, "--dry-run"]
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    states = {file["path"]: file["state"] for file in found["files"]}
    assert states[BIG] == "part" and states["RECORDS"] == "here" and states["chb02/chb02_01.edf"] == "missing"
    assert found["needed_bytes"] == found["total_bytes"] - len(FILES["RECORDS"]) - 3
    assert not any(path.startswith("chb") for (method, path) in mirror.requests if method == "GET")
    assert run(arguments) == 0
    assert "5 files, 0.00 GB; 4 still to come" in capsys.readouterr().out


def test_the_command_ends_with_one_where_a_file_failed(
    mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.wrong[BIG] = 2
    arguments = ["fetch", "chbmit", str(tmp_path), "--from", mirror.address, "--json"]
    assert run(arguments) == 1
    said = capsys.readouterr()
    assert list(json.loads(said.out)["failed"]) == [BIG]
    assert said.err.splitlines()[-1].startswith(f"error: {BIG}: came twice")
    assert run(arguments) == 0


def test_an_address_of_another_kind_is_wrong_usage(tmp_path: Path) -> None:
    assert run(["fetch", "chbmit", str(tmp_path), "--from", "ftp://example.org"]) == 2
