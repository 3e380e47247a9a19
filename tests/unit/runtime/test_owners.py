"""Owners that a container cannot have: answered as done, in build steps and in containers."""

import asyncio

import pytest

from homeport.runtime.commands import CommandSpec, run_command
from homeport.runtime.inside import owners
from tests.unit.runtime.box import ENV, Box, Place

GIVE_AWAY = """
import os
open("f", "w").close()
os.symlink("nowhere", "link")
os.chown("f", 1000, 1000)
os.chown("f", 33, -1)
os.chown("f", -1, 42)
os.lchown("link", 1, 0)
handle = os.open("f", os.O_RDONLY)
os.fchown(handle, 7, 7)
os.chown("f", 1000, 1000, dir_fd=os.open(".", os.O_RDONLY))
found = os.stat("f")
print(found.st_uid, found.st_gid)
for path, uid in (("missing", 0), ("/proc/version", 0)):  # what the kernel may answer, it does
    try:
        os.chown(path, uid, uid)
    except OSError as error:
        print(type(error).__name__)
"""
BECOME = """
import os, stat
os.setgroups([5, 6])
os.setresgid(100, 100, 100)
os.setregid(100, 100)
os.setgid(100)
os.setresuid(100, 100, -1)
os.setreuid(100, 100)
os.setuid(100)
print(os.getuid(), os.getgid())
os.mknod("null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
os.mkfifo("pipe")
print(sorted(os.listdir(".")))
"""


def run(place: Place, source: str, remarks: set[str] | None = None) -> tuple[int, str]:
    argv = (place.image.python, "-c", source)
    spec = CommandSpec(argv, place.image.layers, place.home.layers / "new", ENV, "/root", host_usr=True)
    output: list[bytes] = []
    return asyncio.run(run_command(spec, output.append, remarks)), b"".join(output).decode()


def test_a_build_step_gives_files_away(place: Place) -> None:
    assert run(place, GIVE_AWAY) == (0, "0 0\nFileNotFoundError\nPermissionError\n")


def test_a_build_step_in_which_files_were_given_away_is_known(place: Place) -> None:
    remarks: set[str] = set()
    run(place, "import os; open('f', 'w').close(); os.chown('f', 0, 0); os.chown('f', -1, -1)", remarks)
    assert remarks == set()
    run(place, "import os; open('f', 'w').close(); [os.chown('f', 7, 7) for _ in range(1000)]", remarks)
    assert remarks == {"chown to other users was emulated: all files are the image's root's"}


def test_a_build_step_becomes_another_user_and_makes_devices(place: Place) -> None:
    assert run(place, BECOME) == (0, "0 0\n['pipe']\n")


@pytest.mark.parametrize("command", [False, True], ids=["warm parent", "command"])
def test_a_container_gives_files_away_and_stays_who_it_is(place: Place, command: bool) -> None:
    source = GIVE_AWAY + "try:\n    os.setuid(100)\nexcept OSError:\n    print('stays')\n"

    async def check(box: Box) -> None:
        as_command = {"command": (place.image.python, "-c", source)} if command else {}
        exit, output = await box.run(source, **as_command)
        assert output == "0 0\nFileNotFoundError\nPermissionError\nstays\n"
        assert exit.exit_code == 0

    place.run(check)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64"])
@pytest.mark.parametrize("is_build_step", [False, True])
def test_the_filter_ends_within_itself(machine: str, is_build_step: bool) -> None:
    """Every jump leads to an instruction, and every way to a verdict."""
    program = owners._program(machine, is_build_step)
    code = [program[at : at + 8] for at in range(0, len(program), 8)]
    assert 0 < len(code) < 256
    for at, instruction in enumerate(code):
        if instruction[0] == owners._JUMP_IF_EQUAL:
            assert at + 1 + max(instruction[2], instruction[3]) < len(code)
    assert code[-1][0] == owners._RETURN


def test_a_machine_whose_calls_are_not_known_has_no_filter() -> None:
    assert owners._program("s390x", True) == b""
