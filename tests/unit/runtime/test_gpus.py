"""Which of an NVIDIA driver's devices and libraries a container gets, on a machine made up for it.

What CUDA does with them is seen on a machine with a GPU only.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from homeport.model.home import Home
from homeport.runtime import requests
from homeport.runtime.engine import ContainerSpec, ImageView

REPOSITORY = Path(__file__).resolve().parents[3]
DEVICES = """
set -e
new=$1; shift
mkdir "$new"
mount -t tmpfs none "$new"
mkdir "$new/shm" "$new/pts"
show() { touch "$new/$2"; mount --bind "/dev/$1" "$new/$2"; }
for name in null zero full random urandom tty; do show $name $name; done
for name in nvidia0 nvidia3 nvidiactl nvidia-uvm; do show null $name; done
mount --rbind "$new" /dev
exec "$@"
"""
SCRIPT = """
import sys
from pathlib import Path
from tests.unit.runtime.box import make_place

async def check(box):
    source = '''
print([name for name in sorted(os.listdir("/dev")) if "nvidia" in name], os.environ.get("LD_LIBRARY_PATH"))
'''
    for devices in ((), (3,)):
        print(await box.run(source, gpu_devices=devices))

make_place(Path(sys.argv[1])).run(check)
"""


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, to make a /dev of its own"
)
def test_a_container_gets_its_own_devices_and_no_others(tmp_path: Path) -> None:
    in_new_dev = ["unshare", "-m", "--propagation", "private", "sh", "-c", DEVICES, "sh"]
    done = subprocess.run(
        [*in_new_dev, str(tmp_path / "dev"), sys.executable, "-c", SCRIPT, str(tmp_path / "home")],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/src", "CUDA_VISIBLE_DEVICES": "7"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    without, with_one = done.stdout.splitlines()
    assert "[] None" in without
    assert "['nvidia-uvm', 'nvidia3', 'nvidiactl'] None" in with_one


def test_libraries_outside_the_systems_folders_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_DRIVER_LIBRARIES", tmp_path)
    image = ImageView("im-1", (), {}, None, "/usr/bin/python3", host_usr=True)

    def variable(gpus: tuple[int, ...]) -> str | None:
        env = {"LD_LIBRARY_PATH": "/mine"}
        spec = ContainerSpec("ta-1", image, (), env, "/root", b"", gpu_devices=gpus)
        found: str | None = requests.container_request(Home(tmp_path), spec)["spec"]["env"]["LD_LIBRARY_PATH"]
        return found

    assert variable((0,)) == f"/mine:{tmp_path}/lib64:{tmp_path}/lib"
    assert variable(()) == "/mine"
