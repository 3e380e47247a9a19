"""Overlays as older kernels make them, whose options must fit into one string."""

import subprocess
import sys
from pathlib import Path

from homeport.runtime import inside
from homeport.runtime.identity import container_uid
from tests.unit.runtime.box import Place, volume, write_tree

SCRIPT = f"""
import errno, os, sys
sys.path.insert(0, {str(Path(inside.__file__).parent.parent)!r})
from inside import host, kernel, mounts

def refused(kind, options, attributes=0):
    if kind == "overlay":
        raise OSError(errno.EINVAL, "no lowerdir+ here")
    return original(kind, options, attributes)

original, kernel.new_filesystem = kernel.new_filesystem, refused
home, upper, work, *lowers = sys.argv[1:]
host.enter_namespaces([home], {container_uid()})
here = host.HostPaths([home])
made = mounts.overlay([here(l) for l in lowers], here(upper), here(work), scratch=host.SCRATCH, volatile=True)
mounts.attach(made, host.NEW_ROOT)
print(sorted(os.listdir(host.NEW_ROOT)))
open(host.NEW_ROOT + "/new", "w").close()
print(os.path.ismount(host.SCRATCH))
"""


def test_layers_are_stacked_without_lowerdir_plus(place: Place) -> None:
    attachment = volume(place, "a", {"x": ""})
    layers = [write_tree(place.home.volumes / "a" / f"layer-{n}", {f"{n:03}": ""}) for n in range(100)]
    assert attachment.upper is not None
    paths = [place.home.volumes, attachment.upper, attachment.work, *layers]
    command = [sys.executable, "-I", "-c", SCRIPT, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str([f"{n:03}" for n in range(100)]), "False"], done.stderr
    assert (attachment.upper / "new").exists()
