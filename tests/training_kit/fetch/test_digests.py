"""Older sources state MD5: a digest's length says what made it."""

import hashlib
import threading
from pathlib import Path

import pytest

from tests.seizure.fetch.mirror import FILES, Mirror, serving
from tests.training_kit.fetch.heard import Heard
from training_kit.errors import FetchError
from training_kit.fetch import fetch, plan_fetch
from training_kit.fetch.download import digest_of

PATH = "chb01/chb01_01.edf"


def plan(mirror: Mirror, folder: Path, digest: str):
    return plan_fetch(mirror.address, folder, {PATH: digest}, observer=Heard(), pause_s=0.001)


def test_a_file_is_held_to_its_md5(tmp_path: Path) -> None:
    digest = hashlib.md5(FILES[PATH], usedforsecurity=False).hexdigest()
    with serving() as mirror:
        assert fetch(plan(mirror, tmp_path, digest), observer=Heard()).fetched == [PATH]
        assert digest_of(tmp_path / PATH, digest, threading.Event()) == digest
        assert plan(mirror, tmp_path, digest).missing == ()


def test_another_md5_is_refused_and_leaves_no_file(tmp_path: Path) -> None:
    with serving() as mirror:
        report = fetch(plan(mirror, tmp_path, "0" * 32), observer=Heard(), pause_s=0.001)
    assert "came twice with the digest" in report.failed[PATH] and not (tmp_path / PATH).exists()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot be reached"):
        plan_fetch("http://127.0.0.1:9/", tmp_path, {"a": "0" * 64}, observer=Heard(), pause_s=0.001)
