"""Commands beside a container's own process: what they see, their streams, their end."""

import asyncio
import os
import re
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from typing import Any

import pytest

from homeport.control import execs as control_execs
from homeport.control.execs import Execs
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError
from homeport.runtime import isolation
from homeport.runtime.engine import ExecEnd, ExecSpec, Terminal
from homeport.runtime.exec_files import ExecOutput, read_end
from tests.unit.runtime.box import Box, Place
from tests.unit.runtime.test_survival import REPOSITORY

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


class Ran:
    """One command in a box's container."""

    def __init__(self, box: Box, task_id: str, spec: ExecSpec) -> None:
        self.box, self.task_id, self.spec = box, task_id, spec
        self.folder = box.sandbox.exec_folder(task_id, spec.exec_id)

    def output(self, stream: int = 1) -> bytes:
        output = ExecOutput(self.folder, stream)
        try:
            return output.read(0, 1 << 24)
        finally:
            output.close()

    async def said(self, text: bytes) -> bytes:
        async with asyncio.timeout(20):
            while text not in self.output():  # noqa: ASYNC110 (a file, not an event)
                await asyncio.sleep(0.005)
        return self.output()

    async def write(self, data: bytes, offset: int = 0, *, is_last: bool = False) -> int:
        written = await self.box.sandbox.write_input(
            self.task_id, self.spec.exec_id, offset, data, is_last=is_last
        )
        return written.offset

    async def end(self) -> ExecEnd:
        async with asyncio.timeout(20):
            while (found := read_end(self.folder)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return found


async def run(box: Box, task_id: str, *command: str, **changes: Any) -> Ran:
    spec = replace(ExecSpec(str(uuid.uuid4()), command), **changes)
    await box.sandbox.exec(task_id, spec)
    return Ran(box, task_id, spec)


def test_it_shares_the_containers_files_processes_and_environment(place: Place) -> None:
    async def check(box: Box) -> None:
        source = "open('/tmp/mine', 'w').write('x\\n'); " + SLEEP
        task_id = await box.start(source, env={**box.spec("").env, "WHO": "container"})
        await box.said(task_id, "up")
        shown = (
            "cat /tmp/mine; id -u; pwd; echo $WHO $MORE; tr '\\0' ' ' < /proc/2/cmdline; echo oh >&2; exit 3"
        )
        ran = await run(box, task_id, "sh", "-c", shown, env={"MORE": "exec"})
        assert (await ran.end()).code == 3
        mine, uid, folder, who, process = ran.output().decode().splitlines()
        assert (mine, uid, folder, who) == ("x", "0", "/root", "container exec")
        assert "python" in process  # the container's own
        assert ran.output(2) == b"oh\n"

    place.run(check)


def test_it_has_the_rights_of_the_containers_own_process_and_no_more(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        await box.said(task_id, "up")
        mount = await run(box, task_id, "mount", "-t", "tmpfs", "none", "/mnt")
        assert (await mount.end()).code != 0
        same = "[ $(readlink /proc/2/ns/user) = $(readlink /proc/self/ns/user) ] && kill -0 2 && "
        same += "ls /proc/self/fd"
        ran = await run(box, task_id, "sh", "-c", same)
        assert (await ran.end()).code == 0
        assert ran.output().split() == [b"0", b"1", b"2", b"3"]  # 3 is the listing's own

    place.run(check)


@pytest.mark.proot_too
def test_a_terminal_controls_its_session(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        await box.said(task_id, "up")
        ran = await run(box, task_id, "sh", terminal=Terminal(31, 97), env={"PS1": "> "})
        sent = b"tty; stty size; ls /dev/pts; exec 2>/dev/null\n"
        await ran.write(sent)
        text = (await ran.said(b"31 97")).decode()
        assert re.search(r"/dev/pts/\d+\r", text)
        offset = len(sent)
        # a program that waits already: one that is just being started may drop what comes then
        line = b"sh -c 'echo as\"\"leep; read line'; echo in''terrupted\n"
        await ran.write(line, offset)
        await ran.said(b"asleep")
        await ran.write(b"\x03", offset + len(line))
        offset += len(line) + 1
        # a shell that was just interrupted throws away what is typed too soon, so it is typed again
        line = b"echo a''live\n"
        async with asyncio.timeout(20):
            while b"alive" not in ran.output():
                await ran.write(line, offset)
                offset += len(line)
                await asyncio.sleep(0.1)
        assert b"interrupted" not in ran.output()
        await ran.write(b"exit 7\n", offset)
        assert (await ran.end()).code == 7

    place.run(check)


def test_input_is_taken_once_by_its_offset(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        ran = await run(box, task_id, "cat")
        assert await ran.write(b"abc") == 3
        assert await ran.write(b"abcdef") == 6  # again, and more
        with pytest.raises(FailedPreconditionError, match="missing"):
            await ran.write(b"x", 9)
        assert await ran.write(b"", 6, is_last=True) == 6
        assert await ran.end() == ExecEnd(0, None, {1: 6, 2: 0})
        assert ran.output() == b"abcdef"
        with pytest.raises(FailedPreconditionError, match="closed"):
            await ran.write(b"more", 6)

    place.run(check)


def test_large_input_and_output_arrive_whole(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        ran = await run(box, task_id, "cat")
        data, offset = os.urandom(3_000_000), 0
        async with asyncio.timeout(20):
            while offset < len(data):
                offset = await ran.write(data[offset : offset + 1_000_000], offset)
        await ran.write(b"", offset, is_last=True)
        assert (await ran.end()).lengths[1] == len(data)
        assert ran.output() == data

    place.run(check)


def test_output_that_nobody_takes_stops_the_command_and_is_freed_once_taken(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        ran = await run(box, task_id, "sh", "-c", "yes | head -c 200000000")
        path = ran.folder / "out"
        limit = 64 << 20
        async with asyncio.timeout(30):
            while path.stat().st_size < limit:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert path.stat().st_size <= limit + 65536
        box.sandbox.exec_taken(task_id, ran.spec.exec_id, 1, limit)
        async with asyncio.timeout(30):
            while path.stat().st_size < limit * 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert path.stat().st_blocks * 512 < limit * 1.3
        output = ExecOutput(ran.folder, 1)
        with pytest.raises(FailedPreconditionError, match="read long ago"):
            output.read(0, 10)
        assert output.read(limit, 4) == b"y\ny\n"
        output.close()

    place.run(check)


def test_what_cannot_be_started_is_said(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        missing = await run(box, task_id, "no-such-command")
        assert (await missing.end()).code == 127
        assert missing.output(2) == b"no-such-command: No such file or directory\n"
        with pytest.raises(InvalidError, match="no folder /nowhere in the container"):
            await run(box, task_id, "true", workdir="/nowhere")
        with pytest.raises(InvalidError, match="no id of a command"):
            await run(box, task_id, "true", exec_id="../../x")
        await box.sandbox.kill(task_id)
        await box.ended(task_id)
        with pytest.raises(NotFoundError, match="does not run"):
            await run(box, task_id, "true")

    place.run(check)


@pytest.mark.proot_too
def test_it_ends_with_the_container_and_its_time(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        limited = await run(box, task_id, "sh", "-c", "sleep 60 & sleep 60", timeout_s=0.2)
        assert (await limited.end()).signal == 9
        left = await run(box, task_id, "sh", "-c", "echo here; sleep 60")
        await left.said(b"here")
        await box.sandbox.kill(task_id)
        await box.ended(task_id)
        assert read_end(left.folder) == ExecEnd(137, 9, {1: 5, 2: 0})

    place.run(check)


def test_a_command_ends_though_another_process_holds_its_output(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        ran = await run(box, task_id, "sh", "-c", "(sleep 0.5; echo late; touch /tmp/late) & echo soon")
        started = time.monotonic()
        assert (await ran.end()).code == 0
        assert time.monotonic() - started < 0.45
        assert ran.output() == b"soon\n"
        seen = await run(box, task_id, "sh", "-c", "until [ -e /tmp/late ]; do sleep 0.05; done")
        assert (await seen.end()).code == 0  # it was not ended by a closed pipe

    place.run(check)


def test_a_client_that_is_gone_hangs_up(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start(SLEEP)
        ran = await run(box, task_id, "sh", "-c", "sleep 60", terminal=Terminal(0, 0))
        box.sandbox.exec_hang_up(task_id, ran.spec.exec_id)
        assert (await ran.end()).signal == 1

    place.run(check)


ENGINE = """
import asyncio, sys
from pathlib import Path
from homeport.runtime import isolation
from homeport.runtime.engine import ContainerEvents, ExecSpec
from tests.unit.runtime.box import Box, existing_place, make_sandbox

async def main():
    isolation.choose(sys.argv[3])
    box = Box(existing_place(Path(sys.argv[1])), None)
    box.sandbox = make_sandbox(box.place.home)
    await box.sandbox.open(ContainerEvents())
    task_id = await box.start(sys.argv[2])
    await box.sandbox.exec(task_id, ExecSpec("e-1", ("sh", "-c", "echo so far; read line; echo got $line")))
    await box.sandbox.write_input(task_id, "e-1", 0, b"i", is_last=False)
    print(task_id, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_it_goes_on_without_its_engine(place: Place) -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(place.home.root), SLEEP, isolation.chosen()],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/src"},
    )
    assert engine.stdout is not None
    with engine.stdout:
        task_id = engine.stdout.readline().strip()
    engine.kill()
    engine.wait()

    async def check(box: Box) -> None:
        ran = Ran(box, task_id, ExecSpec("e-1", ()))
        assert await ran.said(b"so far") == b"so far\n"
        assert await ran.write(b"it\n") == 3  # of which the first byte came before
        assert (await ran.end()).code == 0
        assert ran.output() == b"so far\ngot it\n"

    place.run(check)


def test_a_shell_whose_client_does_not_come_back_is_hung_up_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_execs, "_ABANDONED_S", 0.3)

    async def check(box: Box) -> None:
        execs = Execs(box.sandbox)
        task_id = await box.start(SLEEP)
        spec = ExecSpec("e-1", ("sh",), {"PS1": "> "}, terminal=Terminal(0, 0), ends_with_client=True)
        await execs.start(task_id, spec)
        for _ in range(2):  # a client whose connection broke, and its second one
            reader = execs.output(task_id, "e-1", 1, 0)
            assert await anext(reader)
            await asyncio.sleep(0.4)
            assert execs.poll(task_id, "e-1") is None
            await reader.aclose()
            await asyncio.sleep(0.1)
        assert (await execs.wait(task_id, "e-1")).signal == 1
        kept = replace(spec, exec_id="e-2", ends_with_client=False)
        await execs.start(task_id, kept)
        await asyncio.sleep(0.4)
        assert execs.poll(task_id, "e-2") is None
        execs.close()

    place.run(check)
