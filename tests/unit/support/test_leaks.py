"""The search for leftovers finds each kind that it promises to find."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.account import Account
from tests.support.leaks import left_behind
from tests.support.waiting import wait_until

ZOMBIE_MAKER = "import os, time; os.fork() or os._exit(0); time.sleep(60)"


def account_at(folder: Path) -> Account:
    account = Account("user", os.geteuid(), folder)
    account.tmp.mkdir(parents=True)
    return account


def test_a_clean_account_has_nothing_left(tmp_path):
    assert left_behind(account_at(tmp_path)) == []


def test_a_zombie_of_a_descendant_is_found(tmp_path):
    account = account_at(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ZOMBIE_MAKER]) as parent:
        try:
            found = wait_until(lambda: left_behind(account))
        finally:
            parent.kill()
    assert found[0].startswith("zombie: ")


def test_a_process_in_a_pid_namespace_is_found(tmp_path):
    account = account_at(tmp_path)
    command = ["unshare", "--user", "--map-root-user", "--pid", "--kill-child", "--fork", "sleep", "60"]
    with subprocess.Popen(command) as container:
        try:
            found = wait_until(lambda: left_behind(account))
        finally:
            container.kill()
    assert found[0].startswith("container process: ")


def test_task_folders_and_temporary_files_are_found(tmp_path):
    account = account_at(tmp_path)
    (account.engine_home / "t" / "ta-1").mkdir(parents=True)
    (account.tmp / "forgotten").touch()
    assert sorted(line.split(":")[0] for line in left_behind(account)) == ["task folder", "temporary file"]
