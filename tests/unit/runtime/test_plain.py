"""Containers of plain processes: their own files at their own paths, and a machine that is left as it was."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.model.errors import ContainerStartError, FailedPreconditionError
from homeport.runtime import inside, plain_view
from homeport.runtime.engine import ContainerEvents, ExecSpec
from homeport.runtime.inside.plain import ROOT
from homeport.runtime.plain_links import MachineLinks, covered, target
from homeport.runtime.plain_view import Need
from tests.unit.runtime.box import Box, Place, make_sandbox, volume, write_tree

pytestmark = pytest.mark.process_only

AT = f"/tmp/hp-{os.getpid()}"  # a path of containers that every user may make
WAIT = "import time\nprint('up', flush=True)\nwhile not os.path.exists('stop'): time.sleep(0.01)\n"


@pytest.fixture(autouse=True)
def no_link_is_left() -> Iterator[None]:
    yield
    assert not os.path.lexists(AT)


def test_a_containers_files_are_its_own_in_child_processes_too(place: Place) -> None:
    """Where it starts, below ~, and at a path that this machine lacks; two at once see different files."""
    source = (
        f"""
import multiprocessing, subprocess, sys
import helper
def show(*words): return subprocess.run(words, capture_output=True, text=True).stdout
py = sys.executable
print(helper.near(), open("data.txt").read(), os.path.exists(os.path.expanduser("~/data.txt")))
print(open("{AT}/x").read(), os.listdir("{AT}"), show(py, "-c", "print(open('{AT}/x').read(), end='')"))
print(show("sh", "-c", "cat {AT}/x"), show(py, "-m", "helper"))
pool = multiprocessing.get_context("spawn").Pool(1)
print(pool.map(helper.read, ["{AT}/x"]))
pool.close(); pool.join()
open("{AT}/new", "w").close()
open("mine", "w").close()
"""
        + WAIT
    )
    helper = (
        "from pathlib import Path\n"
        "def near(): return (Path(__file__).parent / 'data.txt').read_text()\n"
        "def read(path): return open(path).read()\n"
        "if __name__ == '__main__': print('as a module', end='')\n"
    )
    mounts = [
        place.mount({"root/helper.py": helper, "root/data.txt": f"d{n}", f"{AT[1:]}/x": f"x{n}"})
        for n in (1, 2)
    ]

    async def check(box: Box) -> None:
        tasks = [await box.start(source, overlays=(tree, *place.bundle)) for tree in mounts]
        for n, task in enumerate(tasks, 1):
            await box.said(task, "up")
            lines = box.output(task).splitlines()
            assert lines[0] == f"d{n} d{n} True"
            assert lines[1] == f"x{n} ['x'] x{n}"
            assert lines[2] == f"x{n} as a module"
            assert lines[3] == f"['x{n}']"
            assert (place.home.tasks / task / f"root{AT}/new").exists(), "a copy of its own"
            (place.home.tasks / task / "root/root/stop").touch()
            assert Path(AT).is_symlink() or n == 2
            await box.ended(task)
        assert sorted(path.name for path in (mounts[0] / AT[1:]).iterdir()) == ["x"], "its own"

    place.run(check)


def test_a_linked_folder_shows_below_a_mounts_files(place: Place, tmp_path: Path) -> None:
    linked = volume(place, "a", {}, path=f"{AT}/linked", bind=tmp_path, upper=None, work=None)
    tree = place.mount({f"{AT[1:]}/x": "1"})

    async def check(box: Box) -> None:
        source = f"print(sorted(os.listdir('{AT}'))); open('{AT}/linked/new', 'w').close()"
        _, output = await box.run(source, overlays=(tree, *place.bundle), volumes=(linked,))
        assert output == "['linked', 'x']\n"
        assert (tmp_path / "new").exists()

    place.run(check)


def test_a_volume_is_a_copy_that_a_reload_replaces(place: Place) -> None:
    source = f"""
import time
open("{AT}/own", "w").write("1")
file = open("{AT}/x")
print("open", flush=True)
while not os.path.exists("close"): time.sleep(0.01)
file.close()
print("closed", flush=True)
while not os.path.exists("{AT}/y"): time.sleep(0.01)
print(sorted(os.listdir("{AT}")), open("{AT}/x").read())
"""

    async def check(box: Box) -> None:
        first = volume(place, "a", {"x": "1"}, path=AT)
        task = await box.start(source, volumes=(first,))
        await box.said(task, "open")
        newer = write_tree(place.home.volumes / "a/2", {"x": "2", "y": "2"})
        second = replace(first, lowers=(newer, *first.lowers))
        with pytest.raises(FailedPreconditionError, match="are open"):
            await box.sandbox.remount(task, second)
        (place.home.tasks / task / "root/root/close").touch()
        await box.said(task, "closed")
        await box.sandbox.remount(task, second)
        await box.ended(task)
        assert box.output(task).splitlines()[-1] == "['.keep', 'x', 'y'] 2"
        assert first.upper is not None and first.snapshot is not None and first.snapshot.exists()
        assert (first.upper.parent / "upper.old/own").read_text() == "1", "for a last commit"
        assert (place.home.volumes / "a/1/x").read_text() == "1"

    place.run(check)


def test_what_this_machine_has_is_neither_touched_nor_hidden(place: Place) -> None:
    Path(AT).mkdir()
    try:

        async def check(box: Box) -> None:
            with pytest.raises(ContainerStartError, match=f"vo-a at {AT}/in .* has something at {AT} "):
                await box.start("", volumes=(volume(place, "a", {}, path=f"{AT}/in"),))

        place.run(check)
        assert list(Path(AT).iterdir()) == []
    finally:
        Path(AT).rmdir()


def test_a_file_that_this_machine_has_at_its_path_is_told(tmp_path: Path) -> None:
    """Below /root, where links are a courtesy: code that named it would read another one."""
    tree, same = tmp_path / "tree", tmp_path / "same"
    names = {"data.csv": "1", "app.py": "1", "folder/x": "1"}
    write_tree(tree, {f"{tmp_path}/here/{name}"[1:]: text for name, text in names.items()})
    needs = [Need(f"{tmp_path}/here/{name}", "x", is_own=True) for name in ("data.csv", "app.py", "folder")]
    assert list(covered(needs, [tree], same)) == []
    write_tree(tmp_path / "here", names)
    assert list(covered(needs, [tree], same)) == [], "it is the same"
    write_tree(tmp_path / "here", dict.fromkeys(names, "2"))
    said = list(covered(needs, [tree], Path("/t")))
    assert [line.split()[1] for line in said] == [f"{tmp_path}/here/data.csv", f"{tmp_path}/here/folder"]


def test_a_path_that_cannot_be_made_is_said_with_what_helps(place: Place) -> None:
    links = MachineLinks(place.home)
    (place.home.tasks / "ta-1").mkdir()
    needs = [Need(AT, "x"), Need("/sys/hp", "Volume vo-1 at /sys/hp")]
    with pytest.raises(ContainerStartError) as caught:
        links.take("ta-1", needs)
    said = str(caught.value)
    assert said.startswith("Volume vo-1 at /sys/hp cannot be shown")
    assert "once, as root: ln -s /proc/self" in said
    assert not os.path.lexists(AT), "what was made before goes again"
    (place.home.tasks / "ta-1").rmdir()


def test_a_link_that_somebody_made_once_serves_and_stays(place: Place) -> None:
    Path(AT).symlink_to(target(AT))
    try:

        async def check(box: Box) -> None:
            first = volume(place, "a", {"x": "1"}, path=AT)
            exit, output = await box.run(f"print(open('{AT}/x').read())", volumes=(first,))
            assert (exit.exit_code, output) == (0, "1\n")

        place.run(check)
        assert Path(AT).readlink() == Path(target(AT))
    finally:
        Path(AT).unlink()


def test_what_no_plain_process_can_have_is_refused_by_name(place: Place) -> None:
    rooted = replace(place.image, host_usr=False)
    usr = place.mount({"usr/share/x": ""})
    nested = (volume(place, "a", {}, path=AT), volume(place, "b", {}, path=f"{AT}/b"))
    spec = Box(place, make_sandbox(place.home)).spec("")
    for changed, mounts, words in (
        (replace(spec, image=rooted), [], "root file system of its own"),
        (spec, [usr], "files at /usr/share"),
        (replace(spec, volumes=nested), [], "lies in another one"),
        (replace(spec, keeps_files=True), [], "run_function"),
    ):
        with pytest.raises(ContainerStartError, match=words):
            plain_view.check(changed, mounts)


def test_a_killed_supervisor_takes_processes_and_links_along(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start(
            "import subprocess, time\n"
            "subprocess.Popen(['setsid', 'sleep', '1000'])\nprint('up', flush=True); time.sleep(60)",
            volumes=(volume(place, "a", {}, path=AT),),
        )
        await box.said(task, "up")
        os.kill(int((place.home.tasks / task / "lock").read_text()), signal.SIGKILL)
        assert (await box.ended(task)).reason == "the container's supervisor was killed"
        assert not os.path.lexists(AT)

    place.run(check)  # whose end sees whether a process is left


def test_another_engine_finds_the_container_and_removes_only_what_nobody_needs(place: Place) -> None:
    stale = Path(f"{AT}-stale")

    async def check(box: Box) -> None:
        task = await box.start(WAIT, volumes=(volume(place, "a", {}, path=AT),))
        await box.said(task, "up")
        (place.home.tasks / "ta-ended").mkdir()
        MachineLinks(place.home).take("ta-ended", [Need(str(stale), "x")])
        await box.sandbox.close(kill_containers=False)
        assert os.path.lexists(stale)

        box.sandbox = make_sandbox(place.home)
        await box.sandbox.open(ContainerEvents(box.grown.append, box.note_exit))
        assert box.sandbox.running() == {task}
        assert os.path.lexists(AT) and not os.path.lexists(stale)
        (place.home.tasks / task / "root/root/stop").touch()
        assert (await box.ended(task)).exit_code == 0

    place.run(check)


def test_a_link_that_containers_of_another_home_need_stays(place: Place) -> None:
    other = place.home.root.parent / "other/t/ta-1/root"
    (other / AT[1:]).mkdir(parents=True)
    links = MachineLinks(place.home)
    (place.home.tasks / "ta-1").mkdir()
    links.take("ta-1", [Need(AT, "x")])
    held = os.open(other, os.O_PATH)
    os.dup2(held, ROOT)
    try:
        links.release("ta-1")
        assert Path(AT).is_symlink()
    finally:
        os.close(held)
        os.close(ROOT)
    links.release("ta-1")
    (place.home.tasks / "ta-1").rmdir()


def test_a_command_in_a_container_has_its_folder(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start(WAIT, volumes=(volume(place, "a", {"x": "7"}, path=AT),))
        await box.said(task, "up")
        command = ("sh", "-c", f"(pwd; cat {AT}/x) > said; touch stop")
        await box.sandbox.exec(task, ExecSpec("e1", command, workdir="/root"))
        assert (await box.ended(task)).exit_code == 0
        root = place.home.tasks / task / "root/root"
        assert (root / "said").read_text().splitlines() == [str(root), "7"]

    place.run(check)


PYTHONS = [*sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3")), Path("/usr/bin/python3")]


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.parents[1].name)
def test_each_python_keeps_the_folder_open_in_what_it_starts(python: Path, tmp_path: Path) -> None:
    """From 3.13 on subprocess has another call for it."""
    asked = [python, "-c", "import sys; print(sys.version_info >= (3, 9))"]
    if subprocess.run(asked, capture_output=True).stdout != b"True\n":
        pytest.skip("containers need Python 3.9")
    (tmp_path / "sitecustomize.py").symlink_to(Path(inside.__file__).with_name("plain_site.py"))
    look = f"import os; print(os.path.samefile('/proc/self/fd/{ROOT}', {str(tmp_path)!r}))"
    source = f"""
import multiprocessing, os, subprocess, sys
print(subprocess.run([sys.executable, "-c", {look!r}], stdout=-1).stdout)
print(subprocess.run([sys.executable, "-c", {look!r}], stdout=-1, cwd="/").stdout)
if __name__ == "__main__":
    for way in ("spawn", "forkserver", "fork"):
        with multiprocessing.get_context(way).Pool(1) as pool:
            print(pool.map(os.listdir, ["/proc/self/fd/{ROOT}"]))
"""
    held = os.open(tmp_path, os.O_PATH)
    os.dup2(held, ROOT)
    try:
        done = subprocess.run(
            [python, "-c", source],
            pass_fds=(ROOT,),
            env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
    finally:
        os.close(held)
        os.close(ROOT)
    assert done.stdout.splitlines() == ["b'True\\n'"] * 2 + ["[['sitecustomize.py']]"] * 3, done.stderr


def test_an_images_programs_run_where_its_copy_lies(tmp_path: Path) -> None:
    final, tree = tmp_path / ("long" * 40), tmp_path / "tree"
    python = "#!/usr/local/bin/python3"
    scripts = {"plain": python, "flags": f"{python} -I", "shell": "#!/bin/sh"}
    for name, head in scripts.items():
        write_tree(tree, {f"usr/local/bin/{name}": f"{head}\n" + "print('it ran')\n" * (name != "shell")})
        (tree / "usr/local/bin" / name).chmod(0o755)
    (tree / "usr/local/bin/python3").symlink_to("/usr/bin/python3")
    plain_view.finish_programs(tree, final)
    assert (tree / "usr/local/bin/shell").read_text() == "#!/bin/sh\n"
    tree.rename(final)
    for name in ("plain", "flags"):
        said = subprocess.run([final / "usr/local/bin" / name], capture_output=True, text=True)
        assert said.stdout == "it ran\n", said.stderr
    (final / "usr/local").chmod(0o755)
    (final / "usr/local/bin").chmod(0o755)


def test_paths_that_every_linux_has_are_looked_into(place: Place) -> None:
    tree = place.mount({"app/a/b": "", "opt/tool/x": "", "root/x.py": "", "var/lib/own/x": "", "etc/own": ""})
    spec = Box(place, make_sandbox(place.home)).spec("")
    spec = replace(spec, volumes=(volume(place, "a", {}, path="/mnt/deep/data"),))
    found = {need.path: need for need in plain_view.needs(spec, [tree])}
    assert set(found) == {"/app", "/opt/tool", "/root/x.py", "/var/lib/own", "/etc/own", "/mnt/deep"}
    assert found["/root/x.py"].is_own and not found["/app"].is_own and found["/mnt/deep"].is_volume
