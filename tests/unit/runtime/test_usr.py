"""A machine with mounts below /usr, as WSL and NVIDIA's container toolkit make them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.account import open_account

REPOSITORY = Path(__file__).resolve().parents[3]
MOUNTS = """
set -e
mount -t tmpfs none /usr/share/doc
echo driver > /usr/share/doc/driver
library=$(find /usr/lib -name 'libc.so.6' | head -1)
mount --bind "$library" "$library"
exec "$@"
"""
SCRIPT = """
import asyncio, sys
from pathlib import Path
from homeport.runtime.identity import own
from tests.unit.runtime.box import make_place

place = make_place(Path(sys.argv[1]))
python = place.home.layers / "base/usr/lib/python3"
python.mkdir(parents=True)
(python / "mine.txt").write_text("mine")
if sys.argv[2:]:  # only root can put files beside the mounts
    (place.home.layers / "base/usr/share").mkdir()
    (place.home.layers / "base/usr/share/words").write_text("words")
    own(place.home.layers / "base")

async def check(box):
    source = '''
print(open("/usr/share/doc/driver").read(), end="")
print(open("/usr/lib/python3/mine.txt").read(), os.listdir("/usr/local"))
os.mkdir("/usr/local/lib")
try: open("/usr/share/doc/driver", "w")
except OSError as error: print(error.strerror)
'''
    if sys.argv[2:]:
        source += 'print(open("/usr/share/words").read(), open("/usr/share/new", "w").write("new"))'
    for _ in range(2):
        print(await box.run(source))

place.run(check)
"""


pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, to mount below /usr"
)
SEEN = "driver\\nmine []\\nRead-only file system\\n"


def test_containers_start_and_see_what_is_mounted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "home"), "as root"]
    env = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/src"}
    output = _run(command, cwd=REPOSITORY, env=env)
    assert output.count("exit_code=0") == 2
    assert output.count(f"'{SEEN}words 3\\n'") == 2


def test_the_same_as_an_ordinary_user() -> None:
    try:
        account = open_account("user")
    except LookupError as error:
        pytest.skip(str(error))
    try:
        home = account.make_folder(account.tmp / "home").relative_to("/")
        launch = account.launch([sys.executable, "-c", SCRIPT, f"/{home}"], cwd=REPOSITORY)
        env = {**account.environment(), "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/src"}
        change = ["setpriv", f"--reuid={account.uid}", f"--regid={account.uid}", "--clear-groups"]
        as_user = change if "user" in launch else []
        output = _run([*as_user, *launch["args"]], cwd=launch.get("cwd"), env=env)
        assert output.count("exit_code=0") == 2
        assert output.count(f"'{SEEN}'") == 2
    finally:
        account.remove()


def _run(command: list[str], **started: Any) -> str:
    made = ["unshare", "-m", "--propagation", "private", "sh", "-c", MOUNTS, "sh"]
    done = subprocess.run([*made, *command], **started, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)
