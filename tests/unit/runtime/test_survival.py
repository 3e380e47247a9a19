"""Engines that die, supervisors that die, warm parents that die."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from homeport.runtime import isolation, requests
from homeport.runtime.engine import ContainerEvents
from tests.support.waiting import wait_until
from tests.unit.runtime.box import Box, Place, make_place, make_sandbox

REPOSITORY = Path(__file__).resolve().parents[3]
COUNT = """
import time
for number in range(20):
    print(number, flush=True)
    time.sleep(0.05)
raise SystemExit(4)
"""
ENGINE = """
import asyncio, sys
from pathlib import Path

from homeport.runtime import isolation
from homeport.runtime.engine import ContainerEvents
from tests.unit.runtime.box import Box, existing_place, make_sandbox

async def main():
    isolation.choose(sys.argv[3])
    box = Box(existing_place(Path(sys.argv[1])), None)
    box.sandbox = make_sandbox(box.place.home)
    await box.sandbox.open(ContainerEvents(on_exit=box.note_exit))
    print(await box.start(sys.argv[2]), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def killed_engine(place: Place, source: str, seen: str) -> str:
    """Starts a container in an engine of its own, kills that engine when `seen` was printed."""
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(place.home.root), source, isolation.chosen()],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/src"},
    )
    assert engine.stdout is not None
    with engine.stdout:
        task_id = engine.stdout.readline().strip()
    box = Box(place, None)  # type: ignore[arg-type]
    wait_until(lambda: seen in box.output(task_id), what="the container has printed something")
    engine.kill()
    engine.wait()
    return task_id


def test_a_container_goes_on_without_its_engine_and_is_found_again(place: Place) -> None:
    task_id = killed_engine(place, COUNT, "2\n")

    async def check(box: Box) -> None:
        assert box.sandbox.running() == {task_id}
        exit = await box.ended(task_id)
        assert exit.exit_code == 4
        assert box.output(task_id).split() == [str(number) for number in range(20)]
        assert task_id in box.grown  # the new engine hears of the log

    place.run(check)


def test_a_container_that_ended_meanwhile_is_reported(place: Place) -> None:
    task_id = killed_engine(place, COUNT, "2\n")
    wait_until((place.home.tasks / task_id / "exit.json").exists)

    async def check(box: Box) -> None:
        assert box.sandbox.running() == set()
        assert box.exits[task_id].exit_code == 4

    place.run(check)


def test_an_adopted_container_can_be_killed(place: Place) -> None:
    task_id = killed_engine(place, "import time; print('up', flush=True); time.sleep(60)", "up")

    async def check(box: Box) -> None:
        await box.sandbox.kill(task_id, reason="the app was stopped")
        exit = await box.ended(task_id)
        assert (exit.signal, exit.reason) == (9, "the app was stopped")

    place.run(check)


def test_a_killed_supervisor_takes_its_container_along(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start("import time; print('up', flush=True); time.sleep(60)")
        await box.said(task_id, "up")
        os.kill(int((place.home.tasks / task_id / "lock").read_text()), signal.SIGKILL)
        exit = await box.ended(task_id)
        assert exit.exit_code == 137 and "supervisor" in exit.reason

    place.run(check)


def test_containers_outlive_their_warm_parent_and_a_new_one_is_made(place: Place) -> None:
    async def check(box: Box) -> None:
        task_id = await box.start("import time; time.sleep(0.5)")
        (launch,) = box.sandbox._parents._launches.values()
        os.kill(launch.result()._process.pid, signal.SIGKILL)
        exit, output = await box.run("print('again')")
        assert (exit.exit_code, output) == (0, "again\n")
        assert (await box.ended(task_id)).exit_code == 0

    place.run(check)


def test_few_warm_parents_are_kept_and_none_for_long(place: Place) -> None:
    async def check(box: Box) -> None:
        for number in range(4):
            await box.run("pass", env={"PATH": "/usr/bin", "PYTHONPATH": "/root:/pkg", "NUMBER": str(number)})
            assert len(box.sandbox._parents._launches) <= 2
        async with asyncio.timeout(10):
            while box.sandbox._parents._launches:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    place.run(check, most=2, idle_s=1.0)


@pytest.mark.parametrize("is_warm", [True, False])
def test_a_start_that_is_cancelled_leaves_nothing(
    place: Place, is_warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_warm:
        monkeypatch.setattr(requests, "fits_parent", lambda home, spec: False)

    async def check(box: Box) -> None:
        await box.run("pass")  # the warm parent is there
        for delay_s in (0.0, 0.005, 0.01, 0.02, 0.04, 0.08):
            starting = asyncio.create_task(box.start("import time; time.sleep(60)"))
            await asyncio.sleep(delay_s)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        for task_id in box.sandbox.running():  # the last may have been quick enough
            await box.sandbox.kill(task_id)
            await box.ended(task_id)

    place.run(check)


def test_fifty_starts_at_once_leave_no_zombie(place: Place) -> None:
    async def check(box: Box) -> None:
        done = await asyncio.gather(*[box.run(f"print({number})") for number in range(50)])
        assert sorted(int(output) for _, output in done) == list(range(50))
        (launch,) = box.sandbox._parents._launches.values()
        zombies = []
        for process in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = process.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # another process of this machine, which ended meanwhile
            if int(fields[1]) == launch.result()._process.pid and fields[0] == "Z":
                zombies.append(process)
        assert zombies == []

    place.run(check)


def test_closing_leaves_containers_unless_told(place: Place) -> None:
    async def whole() -> None:
        box = Box(place, make_sandbox(place.home))
        await box.sandbox.open(ContainerEvents())
        task_id = await box.start("import time; print('up', flush=True); time.sleep(60)")
        await box.sandbox.close(kill_containers=False)

        again = Box(place, make_sandbox(place.home))
        await again.sandbox.open(ContainerEvents(on_exit=again.note_exit))
        assert again.sandbox.running() == {task_id}
        await again.said(task_id, "up")
        started = time.monotonic()
        await again.sandbox.close(kill_containers=True)
        assert time.monotonic() - started < 5
        assert again.exits[task_id].reason == "the engine was stopped"
        await again.sandbox.forget(task_id)

    asyncio.run(whole())


def test_addresses_too_long_for_a_socket_work(place: Place, tmp_path: Path) -> None:
    folder = place.home.root.parent / ("long-" * 16)
    deep = make_place(folder / "home")

    async def check(box: Box) -> None:
        assert len(box.sandbox.api_socket("ta-0000000000000000000000")) < 112
        task_id = await box.start("import time; print('up', flush=True); time.sleep(60)")
        await box.said(task_id, "up")
        await box.sandbox.kill(task_id)
        await box.ended(task_id)

    deep.run(check)


def test_a_full_disk_makes_a_container_wait_and_it_can_be_ended(place: Place) -> None:
    async def check(box: Box) -> None:
        spec = box.spec("print('x' * 200_000, flush=True)")
        (place.home.logs / f"{spec.task_id}.log").symlink_to("/dev/full")
        await box.sandbox.start(spec)
        await asyncio.sleep(0.3)
        assert box.sandbox.running() == {spec.task_id}
        await box.sandbox.kill(spec.task_id, reason="the disk is full")
        assert (await box.ended(spec.task_id)).reason == "the disk is full"

    place.run(check)
