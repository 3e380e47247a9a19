"""Images with a /usr of their own: nothing of this machine's shows in them, the rest is alike."""

import asyncio
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.runtime.commands import CommandSpec, run_command
from homeport.runtime.identity import own
from homeport.runtime.inside import gpu
from tests.unit.runtime.box import ENV, Box, Place, system_python

_PROGRAMS = ("sh", "cat", "ls", "mkdir", "rm", "rmdir")


@pytest.fixture
def place(place: Place) -> Place:
    """A place whose image holds a Python and a few programs with their libraries, copied from here."""
    python = system_python()
    tree = place.home.layers / "whole"
    for folder in ("root", "tmp", "etc", "usr/bin", "usr/lib"):
        (tree / folder).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (tree / name).symlink_to("usr/" + name)
    library = Path(python).name.replace("bin", "lib")
    left_out = shutil.ignore_patterns("test", "idlelib", "config-*", "__pycache__", "*-packages")
    shutil.copytree(Path("/usr/lib") / library, tree / "usr/lib" / library, ignore=left_out)
    modules = [str(path) for path in Path("/usr/lib", library, "lib-dynload").glob("*.so")]
    programs = [python, *(str(shutil.which(name, path="/usr/bin:/bin")) for name in _PROGRAMS)]
    for path in programs:
        shutil.copy(path, tree / "usr/bin" / Path(path).name)
    for path in _libraries([*programs, *modules]):
        target = tree / str(path).removeprefix("/").replace("lib", "usr/lib", not path.startswith("/usr"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    own(tree)
    image = replace(place.image, layers=(tree,), host_usr=False)
    return replace(place, image=image)


def _libraries(files: list[str]) -> set[str]:
    listed = subprocess.run(["ldd", *files], capture_output=True, text=True).stdout
    return {word for word in listed.split() if word.startswith("/") and ".so" in word and word[-1] != ":"}


def run(place: Place, script: str, *layers: Path, name: str = "new") -> tuple[int, str]:
    spec = CommandSpec(
        ("/bin/sh", "-ec", script), (*layers, *place.image.layers), place.home.layers / name, ENV
    )
    output: list[bytes] = []
    status = asyncio.run(run_command(spec, output.append))
    return status, b"".join(output).decode()


def test_a_step_may_change_anything_below_usr(place: Place) -> None:
    script = "echo 1 > /usr/lib/one; mkdir -p /usr/share/two; rm /usr/bin/rmdir; ls /usr/sbin || echo none"
    status, output = run(place, script)
    assert status == 0 and output.endswith("none\n")
    layer = place.home.layers / "new"
    assert (layer / "usr/lib/one").read_text() == "1\n" and (layer / "usr/share/two").is_dir()
    assert (layer / "usr/bin/rmdir").is_char_device()
    assert {path.name for path in place.home.layers.iterdir()} == {"base", "bundle", "whole", "new"}
    status, output = run(place, "ls /usr/lib/one; rmdir /x || echo gone", layer, name="next")
    assert (status, output.splitlines()[0]) == (0, "/usr/lib/one") and output.endswith("gone\n")


def test_a_layer_may_be_continued_and_lie_on_nothing(place: Place) -> None:
    """How a root file system is made: begun as a folder, finished inside of it."""
    tree = place.image.layers[0]
    status, _ = run(replace(place, image=replace(place.image, layers=())), "echo x > /usr/x", name=tree.name)
    assert status == 0
    assert (tree / "usr/x").read_text() == "x\n"


def test_a_container_with_and_without_a_warm_parent(place: Place) -> None:
    source = "print(os.path.exists('/usr/share'), sorted(os.listdir('/usr'))); open('/usr/lib/x', 'w')"

    async def check(box: Box) -> None:
        exit, output = await box.run(source)
        assert (exit.exit_code, output) == (0, "False ['bin', 'lib', 'lib64']\n")
        exit, output = await box.run("", command=("/bin/sh", "-c", "ls /usr"))
        assert (exit.exit_code, output) == (0, "bin\nlib\nlib64\n")

    place.run(check)


def test_the_drivers_files_are_those_that_links_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An absolute link is this machine's, though the root is the container's already."""
    folder = tmp_path / "usr/lib64"
    folder.mkdir(parents=True)
    (tmp_path / "etc/alternatives").mkdir(parents=True)
    for name in ("libcuda.so.535", "libother.so"):
        (folder / name).touch()
    (folder / "libcuda.so.1").symlink_to("/etc/alternatives/cuda")
    (tmp_path / "etc/alternatives/cuda").symlink_to("/usr/lib64/libcuda.so.535")
    (folder / "libnvidia-ml.so.1").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    named = {Path(target).name: source for source, target in gpu.driver_files()}
    real = "usr/lib64/libcuda.so.535"
    assert named == {"libcuda.so.1": real, "libcuda.so.535": real}
