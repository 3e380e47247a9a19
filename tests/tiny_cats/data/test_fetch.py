"""Oxford-IIIT Pet from a mirror that cuts and lies: the data folder is complete, or it is not there."""

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.seizure.fetch.mirror import Mirror, serving
from tests.tiny_cats.data.pictures import jpeg
from tests.training_kit.fetch.heard import Heard
from tiny_cats.commands import run
from tiny_cats.config.schema import Data
from tiny_cats.data import oxford
from tiny_cats.data.dataset import prepare
from tiny_cats.data.oxford import ANNOTATIONS, IMAGES, Fetched, fetch_pets
from tiny_cats.errors import CatsError, DataError
from training_kit.errors import FetchError

LIST = b"""#Image CLASS-ID SPECIES BREED ID
#ID: 1:37 Class ids
Abyssinian_1 1 1 1
Abyssinian_2 1 1 1
american_bulldog_1 2 2 1
"""


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    names = ("Abyssinian_1.jpg", "Abyssinian_2.jpg", "american_bulldog_1.jpg")
    images = {f"images/{name}": jpeg(seed, 400, 300) for seed, name in enumerate(names)}
    with serving() as mirror:
        mirror.files = {
            IMAGES: archive(**images, **{"images/Abyssinian_100.mat": b"MATLAB"}),
            ANNOTATIONS: archive(**{"annotations/list.txt": LIST}),
        }
        yield mirror


def digests(mirror: Mirror) -> dict[str, str]:
    return {path: hashlib.sha256(content).hexdigest() for path, content in mirror.files.items()}


def get(mirror: Mirror, folder: Path) -> Fetched:
    return fetch_pets(folder, Heard(), address=mirror.address, digests=digests(mirror), pause_s=0.001)


def test_the_folder_has_one_folder_a_breed(mirror: Mirror, tmp_path: Path) -> None:
    done = get(mirror, tmp_path / "pets")
    assert done.pictures == 3 and done.breeds == {"Abyssinian": "cat", "american_bulldog": "dog"}
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()) == [
        "pets/Abyssinian/Abyssinian_1.jpg",
        "pets/Abyssinian/Abyssinian_2.jpg",
        "pets/american_bulldog/american_bulldog_1.jpg",
        "pets/species.json",
    ]


def test_what_came_can_be_trained_on_as_breeds_and_as_species(mirror: Mirror, tmp_path: Path) -> None:
    get(mirror, tmp_path / "pets")
    options = Data(root="pets", size=32, val_share=0, test_share=0)
    breeds = prepare(options.model_copy(update={"labels": "breeds"}), tmp_path).train
    assert len(breeds.classes) == 13 and breeds.counts["Abyssinian"] == 2 and breeds.counts["other"] == 1
    assert prepare(options.model_copy(update={"labels": "species"}), tmp_path).train.counts == {
        "cat": 2,
        "dog": 1,
    }


def test_a_cut_download_is_gone_on_with(mirror: Mirror, tmp_path: Path) -> None:
    size = len(mirror.files[IMAGES])
    mirror.cut_at[IMAGES] = [size // 3, size // 3]
    assert get(mirror, tmp_path / "pets").pictures == 3
    assert mirror.ranges == [f"bytes={size // 3}-", f"bytes={2 * (size // 3)}-"]


def test_a_server_without_ranges_sends_it_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_at[IMAGES], mirror.ignores_ranges = [500], True
    assert get(mirror, tmp_path / "pets").pictures == 3


def test_a_server_that_sends_elsewhere_is_followed(mirror: Mirror, tmp_path: Path) -> None:
    """Oxford's does: www.robots.ox.ac.uk answers with the address of another host."""

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(301)
            self.send_header("Location", mirror.address + self.path.rpartition("/")[2])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    mirror.cut_at[IMAGES] = [1000, 1000]  # urllib before Python 3.13 follows HEAD with a GET
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/pets/"
        folder = tmp_path / "pets"
        done = fetch_pets(folder, Heard(), address=address, digests=digests(mirror), pause_s=0.001)
        server.shutdown()
    assert done.pictures == 3 and "bytes=1000-" in mirror.ranges


def test_wrong_bytes_leave_no_folder(mirror: Mirror, tmp_path: Path) -> None:
    mirror.wrong[IMAGES] = 2
    with pytest.raises(FetchError, match=r"images\.tar\.gz: came twice with the digest"):
        get(mirror, tmp_path / "pets")
    assert not (tmp_path / "pets").exists()
    assert get(mirror, tmp_path / "pets").pictures == 3


def test_an_archive_of_the_right_digest_that_is_none_is_said(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files[IMAGES] = b"an error page" * 10
    with pytest.raises(DataError, match="an archive cannot be unpacked"):
        get(mirror, tmp_path / "pets")
    assert not (tmp_path / "pets").exists()


def test_a_breed_without_annotation_is_named(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files[ANNOTATIONS] = archive(**{"annotations/list.txt": b"Abyssinian_1 1 1 1\n"})
    with pytest.raises(DataError, match=r"american_bulldog_1\.jpg is of no breed that"):
        get(mirror, tmp_path / "pets")
    mirror.files[ANNOTATIONS] = archive(**{"annotations/list.txt": b"Abyssinian_1 1 3 1\n"})
    with pytest.raises(DataError, match=r"list\.txt, line 1, is no name, class and species"):
        get(mirror, tmp_path / "others")


def test_a_folder_that_holds_something_is_left_alone(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets/mine.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match="holds something already"):
        get(mirror, tmp_path / "pets")
    assert not mirror.requests and [p.name for p in (tmp_path / "pets").iterdir()] == ["mine.jpg"]


def test_a_full_disk_while_unpacking_keeps_the_archives(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(
            DataError, match=r"the disk is full at .*pets: make room and run the command again"
        ):
            get(mirror, tmp_path / "pets")
    mirror.requests.clear()
    assert not (tmp_path / "pets").exists()
    assert get(mirror, tmp_path / "pets").pictures == 3
    assert ("GET", IMAGES) not in mirror.requests


def test_a_disk_too_small_is_said_before_the_first_byte(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(CatsError, match=r"need 0\.00 GB and the disk of .* has 0\.00 GB: make room"):
        get(mirror, tmp_path / "pets")
    assert ("GET", IMAGES) not in mirror.requests


KILLED = """
import json, os, signal, sys
from pathlib import Path
from tiny_cats.data import oxford
class Killed:
    at = 0
    def begin(self, words, total): self.words = words
    def advance(self, amount):
        self.at += 1
        if self.words == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)
    def done(self, path, size_bytes): pass
    def say(self, words): pass
oxford.fetch_pets(Path(sys.argv[1]), Killed(), address=sys.argv[2], digests=json.loads(sys.argv[4]))
"""


@pytest.mark.parametrize("moment", ["fetching", "unpacking"])
def test_killed_there_is_no_folder_and_the_next_fetch_works(
    mirror: Mirror, tmp_path: Path, moment: str
) -> None:
    known = json.dumps(digests(mirror))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "pets", mirror.address, moment, known], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".pets.part"]
    assert get(mirror, tmp_path / "pets").pictures == 3
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_the_command_ends_with_what_to_do_next(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(oxford, "DIGESTS", digests(mirror))
    assert run(["data", "fetch", str(tmp_path / "pets"), "--from", mirror.address]) == 0
    said = capsys.readouterr().out
    assert "3 pictures of 2 breeds, 1 of cats and 1 of dogs" in said and "data check" in said
    assert run(["data", "fetch", str(tmp_path / "pets"), "--from", mirror.address]) == 1
    assert "holds something already" in capsys.readouterr().err
    assert run(["data", "fetch", str(tmp_path / "x"), "--from", "ftp://x"]) == 2
