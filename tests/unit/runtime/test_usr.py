"""A machine with mounts below /usr, as WSL and NVIDIA's container toolkit make them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
from tests.support.leaks import adopt_orphans
from tests.unit.runtime.box import make_place

place = make_place(Path(sys.argv[1]))
python = place.home.layers / "base/usr/lib/python3"
python.mkdir(parents=True)
(python / "mine.txt").write_text("mine")

async def check(box):
    source = '''
print(open("/usr/share/doc/driver").read(), end="")
print(open("/usr/lib/python3/mine.txt").read(), os.listdir("/usr/local"))
os.mkdir("/usr/local/lib")
try: open("/usr/share/doc/driver", "w")
except OSError as error: print(error.strerror)
'''
    for _ in range(2):
        print(await box.run(source))

place.run(check)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, to mount below /usr"
)
def test_containers_start_and_see_what_is_mounted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", MOUNTS, "sh", sys.executable, "-c", SCRIPT, str(home)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/src"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("exit_code=0") == 2
    assert done.stdout.count(r"'driver\nmine []\nRead-only file system\n'") == 2
