"""Containers under proot: what they cannot reach, what they leave alone, and what a reload or build takes."""

import asyncio
import os
import platform
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homeport.model.errors import FailedPreconditionError
from homeport.runtime import proot_trees, proot_view
from homeport.runtime.commands import Bind, CommandSpec, run_command
from homeport.runtime.inside import copies
from tests.unit.runtime.box import Box, Place, volume, write_tree

pytestmark = pytest.mark.proot_only


def snapshot(tree: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that a container could change of a tree."""
    found = {}
    for path in sorted(tree.rglob("*")):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(tree))] = (about.st_mode, about.st_mtime_ns, content)
    return found


WRITES = """
import shutil, subprocess
done = []
for name in ("/usr/local/lib/kept", "/usr/local/lib/new", "/opt/kept", "/pkg/modal/__init__.py"):
    for way in ("a", "w", "unlink", "rename", "replace"):
        try:
            if way in "aw": open(name, way).write("x")
            elif way == "unlink": os.unlink(name)
            elif way == "rename": os.rename(name, name + "2")
            else:
                open("/tmp/x", "w").close(); os.rename("/tmp/x", name)
            done.append((name, way))
        except OSError:
            pass
commands = "rm -rf /usr/local/lib /opt/*; chmod 600 /usr/local/lib/kept; sed -i s/k/x/ /opt/kept"
subprocess.run(commands, shell=True, stderr=subprocess.DEVNULL)
open("/root/kept", "w").write("x")
os.makedirs("/etc/own"); os.unlink("/etc/kept"); shutil.rmtree("/var/kept")
print(done)
"""


def image_with(place: Place, files: dict[str, str]) -> Place:
    layer = write_tree(place.home.layers / "layer", files)
    return replace(place, image=replace(place.image, layers=(layer, *place.image.layers)))


KEPT = {f"{folder}/kept": "kept" for folder in ("usr/local/lib", "opt", "etc", "root")} | {"var/kept/a": "1"}


def test_an_images_layers_stay_as_they_are(place: Place) -> None:
    place = image_with(place, KEPT)
    before = snapshot(place.home.layers)

    async def check(box: Box) -> None:
        _, output = await box.run(WRITES)
        assert output == "[]\n"
        assert before.items() <= snapshot(place.home.layers).items()
        _, output = await box.run("print(open('/usr/local/lib/kept').read(), open('/opt/kept').read())")
        assert output == "kept kept\n"

    place.run(check)


def test_without_landlock_each_container_has_a_copy_of_everything(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proot_view, "is_confined", lambda: False)
    monkeypatch.setattr(proot_trees, "is_confined", lambda: False)
    place = image_with(place, KEPT)
    before = snapshot(place.home.layers)

    async def check(box: Box) -> None:
        _, output = await box.run(WRITES)
        assert "('/usr/local/lib/kept', 'w')" in output, "it is its own, and can be written"
        assert before.items() <= snapshot(place.home.layers).items()
        _, output = await box.run("print(open('/usr/local/lib/kept').read(), open('/opt/kept').read())")
        assert output == "kept kept\n"

    place.run(check)


def test_what_proot_does_not_know_does_not_lead_outside(place: Place) -> None:
    secret = place.home.root / "token.json"
    secret.write_text("secret")
    source = f"""
import ctypes, signal
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    return libc.syscall(number, *arguments), ctypes.get_errno()
path = {str(secret)!r}.encode()
how = (ctypes.c_uint64 * 3)()
print(call(437, -100, path, how, 24), call(425, 8, ctypes.create_string_buffer(120)))
outside = {os.getpid()}
for path in (path, f"/proc/{{outside}}/root".encode() + path, f"/proc/{{outside}}/cwd/Makefile".encode()):
    try:
        print(open(path).read())
    except OSError as error:
        print("closed")
try:
    os.kill(outside, signal.SIGCONT)
    print("signalled")
except PermissionError:
    print("not signalled")
"""

    async def check(box: Box) -> None:
        _, output = await box.run(source)
        lines = output.splitlines()
        assert lines[0] == "(-1, 38) (-1, 38)"
        assert lines[1:4] == ["closed"] * 3
        assert lines[4] == "not signalled" or not proot_view.signals_are_confined()

    place.run(check)


def test_a_killed_supervisor_takes_its_processes_along(place: Place) -> None:
    async def check(box: Box) -> None:
        task = await box.start(
            "import subprocess, time\n"
            "subprocess.Popen(['setsid', 'sleep', '1000'])\nprint('up', flush=True); time.sleep(60)"
        )
        await box.said(task, "up")
        lock = box.place.home.tasks / task / "lock"
        os.kill(int(lock.read_text()), signal.SIGKILL)
        exit = await box.ended(task)
        assert exit.reason == "the container's supervisor was killed"

    place.run(check)  # whose end sees whether a process is left


def test_a_reload_shows_the_newer_state_unless_something_is_open(place: Place) -> None:
    source = """
import time
open("/data/own", "w").write("1")
file = open("/data/x")
print("open", flush=True)
while not os.path.exists("/tmp/close"): time.sleep(0.01)
file.close()
print("closed", flush=True)
while not os.path.exists("/data/y"): time.sleep(0.01)
print(sorted(os.listdir("/data")), open("/data/x").read())
"""

    async def check(box: Box) -> None:
        first = volume(place, "a", {"x": "1"})
        task = await box.start(source, volumes=(first,))
        await box.said(task, "open")
        newer = write_tree(place.home.volumes / "a/2", {"x": "2", "y": "2"})
        second = replace(first, lowers=(newer, *first.lowers))
        with pytest.raises(FailedPreconditionError, match="/data are open"):
            await box.sandbox.remount(task, second)
        (place.home.tasks / task / "root/tmp/close").touch()
        await box.said(task, "closed")
        await box.sandbox.remount(task, second)
        await box.ended(task)
        assert box.output(task).splitlines()[-1] == "['.keep', 'x', 'y'] 2"
        assert first.upper is not None
        assert (first.upper.parent / "upper.old/own").read_text() == "1", "for a last commit"
        assert (place.home.volumes / "a/1/x").read_text() == "1"

    place.run(check)


def test_a_container_whose_files_are_kept_leaves_them_as_a_layer(place: Place) -> None:
    place = image_with(place, KEPT)
    source = "os.unlink('/usr/local/lib/kept'); open('/usr/local/lib/new', 'w').write('1'); os.mkdir('/made')"

    async def check(box: Box) -> None:
        spec = box.spec(source, keeps_files=True)
        await box.sandbox.start(spec)
        assert (await box.ended(spec.task_id)).exit_code == 0
        upper = place.home.tasks / spec.task_id / "upper"
        assert sorted(str(path.relative_to(upper)) for path in upper.rglob("*") if not path.is_dir()) == [
            "usr/local/lib/kept",
            "usr/local/lib/new",
        ]
        assert (upper / "usr/local/lib/kept").is_char_device()
        assert (upper / "made").is_dir()

    place.run(check)


def test_what_a_killed_engine_left_of_proot_is_removed(place: Place) -> None:
    ended = next(number for number in range(400_000, 500_000) if not Path(f"/proc/{number}").exists())
    left = Path(f"/tmp/prooted-{ended}-abcdef")
    left.touch()
    other = Path(f"/tmp/prooted-{os.getpid()}-abcdef")
    other.touch()

    async def check(box: Box) -> None:
        assert not left.exists() and other.exists()

    try:
        place.run(check)
    finally:
        other.unlink()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path


def test_open_files_are_found_by_what_they_are_not_by_their_names(folder: Path) -> None:
    (folder / "a").mkdir()
    (folder / "ab").mkdir()
    with (folder / "ab/x").open("w"):
        assert not copies.open_in([os.getpid()], str(folder / "a"))
        assert copies.open_in([os.getpid()], str(folder / "ab"))
    assert not copies.open_in([os.getpid()], str(folder / "ab"))


def test_containers_started_at_once_leave_nothing(place: Place) -> None:
    async def check(box: Box) -> None:
        tasks = await asyncio.gather(*(box.start("print(1)") for _ in range(8)))
        for task in tasks:
            assert (await box.ended(task)).exit_code == 0

    place.run(check)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="its machine code is that of x86-64")
def test_a_mapping_that_looks_like_a_heap_is_made(place: Place) -> None:
    """musl's malloc of 16 MiB looks as what proot makes of a program's brk."""
    source = r"""
import ctypes, mmap
code = "b809000000 31ff be00100001 ba03000000 41ba22000000 49c7c0ffffffff 4531c9 0f05 c3"
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(b"\x90" * 64 + bytes.fromhex(code))
call = ctypes.CFUNCTYPE(ctypes.c_size_t)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
for _ in range(3):
    address = call()
    ctypes.memset(address, 1, (16 << 20) + 4096)
    print("mapped", flush=True)
"""

    async def check(box: Box) -> None:
        exit, output = await box.run(source)
        assert (exit.exit_code, output.splitlines()) == (0, ["mapped"] * 3)

    place.run(check)


def test_programs_that_are_started_at_once_do_not_share_a_heap(place: Place) -> None:
    """posix_spawn, as Rust's and make's: proot takes the heaps of what it starts for one."""
    source = """
import sys
code = "import ast; [ast.parse('x = [' + 'f(1), ' * 2000 + ']') for _ in range(4)]; print('fine')"
for _ in range(2):
    children = [
        os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", code], dict(os.environ))
        for _ in range(4)
    ]
    print([os.waitpid(child, 0)[1] for child in children])
"""

    async def check(box: Box) -> None:
        _, output = await box.run(source)
        lines = output.splitlines()
        assert lines.count("fine") == 8, output
        assert lines.count("[0, 0, 0, 0]") == 2

        for program in (
            "/sbin/ldconfig",
            "/sbin/ldconfig.real",
        ):  # linked statically: it asks for memory itself
            if Path(program).exists():
                exit, output = await box.run("", command=(program, "-C", "/tmp/cache"))
                assert exit.exit_code == 0, output

    place.run(check)


def test_a_steps_copy_is_handed_on_to_the_next_and_to_containers(place: Place) -> None:
    """Each sees what the layers say, though only the first copies them."""
    layers = image_with(place, KEPT).image.layers
    folder = place.home.layers
    scripts = (
        "rm /opt/kept; echo 1 > /opt/one; mkdir /made",
        "cat /opt/one; ls /opt; echo 2 > /opt/two; rmdir /made",
    )
    bound = Bind(place.home.root, "/nowhere/bound")

    async def check() -> None:
        nonlocal layers
        output: list[bytes] = []
        for number, script in enumerate(scripts):
            final = folder / f"step{number}"
            (folder / f"tmp-{number}").mkdir()
            upper = folder / f"tmp-{number}/tree"
            env = {"PATH": "/usr/bin:/bin"}
            spec = CommandSpec(
                ("/bin/sh", "-c", script), layers, upper, env, host_usr=True, binds=(bound,), becomes=final
            )
            assert await run_command(spec, output.append) == 0
            upper.rename(final)
            layers = (final, *layers)
            assert len(list(folder.glob("tmp-work-*"))) == 1
        assert b"".join(output).split() == [b"1", b"one"]
        merged = await proot_trees.MergedTrees(place.home).get(layers, host_usr=True)
        assert not list(folder.glob("tmp-work-*")), "it has become the merged tree"
        assert sorted(path.name for path in (merged / "opt").iterdir()) == ["one", "two"]
        assert not (merged / "made").exists() and not (merged / "nowhere").exists()
        assert (folder / "step0/opt/one").read_text() == "1\n", "a layer keeps its own file"
        assert (folder / "step0/opt/one").stat().st_ino != (merged / "opt/one").stat().st_ino

    asyncio.run(check())


def test_few_merged_trees_are_kept_and_those_that_are_used(place: Place) -> None:
    trees = proot_trees.MergedTrees(place.home)
    task = place.home.tasks / "ta-1"
    task.mkdir()

    async def check() -> None:
        made = []
        for number in range(5):
            layer = write_tree(place.home.layers / f"layer{number}", {"x": str(number)})
            made.append(await trees.get((layer,), host_usr=False, task_id="ta-1" if number == 1 else None))
            os.utime(place.home.layers / f"{made[-1].name}.json", (number, number))
        trees.clear(kept=2)
        assert [tree.is_dir() for tree in made] == [False, True, False, True, True]
        assert (await trees.get((place.home.layers / "layer0",), host_usr=False)).is_dir()

    asyncio.run(check())
    (task / "trees").unlink()
    task.rmdir()
