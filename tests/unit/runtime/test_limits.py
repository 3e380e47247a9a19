"""Memory and CPU limits, by control groups where they can be had and by the supervisor elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homeport.runtime import sandbox
from homeport.runtime.cgroups import ControlGroups, find_control_groups
from tests.unit.runtime.box import Box, Place

MIB = 1 << 20
HOG = """
import time
held = []
for _ in range(40):
    held.append(b"x" * (16 << 20))
    time.sleep(0.02)
print("had room", flush=True)
"""


@pytest.fixture(params=["control groups", "supervisor"])
def groups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ControlGroups]:
    found = find_control_groups(may_move=False)
    if request.param == "supervisor":
        found = ControlGroups(None, None, found.version)
    elif found.memory is None:
        pytest.skip("this user may make no control groups here")
    monkeypatch.setattr(sandbox, "find_control_groups", lambda: found)
    ours: list[str] = []  # other tests, and engines, may have control groups of their own beside these
    create = ControlGroups.create

    def noting(groups: ControlGroups, task_id: str, *limits: Any) -> Any:
        ours.append(task_id)
        return create(groups, task_id, *limits)

    monkeypatch.setattr(ControlGroups, "create", noting)
    yield found
    assert ours, "no container was started"
    for folder in {found.memory, found.cpu} - {None}:
        assert not [task_id for task_id in ours if list(Path(str(folder)).glob(f"*{task_id}*"))]


def test_a_container_over_its_memory_limit_is_ended_with_a_sentence(
    place: Place, groups: ControlGroups
) -> None:
    async def check(box: Box) -> None:
        exit, output = await box.run(HOG, memory_limit_bytes=256 * MIB)
        assert (exit.exit_code, exit.out_of_memory) == (137, True)
        assert "its limit is 256 MiB" in exit.reason and "memory=" in exit.reason
        assert exit.memory_peak_bytes > 200 * MIB
        assert "had room" not in output

    place.run(check)


def test_a_container_below_its_limit_is_left_alone(place: Place, groups: ControlGroups) -> None:
    async def check(box: Box) -> None:
        exit, _ = await box.run(HOG, memory_limit_bytes=900 * MIB)
        assert (exit.exit_code, exit.out_of_memory, exit.reason) == (0, False, "")
        assert exit.memory_peak_bytes > 500 * MIB and exit.cpu_time_s > 0

    place.run(check)


def test_a_child_that_the_limit_ended_is_told_as_such(place: Place, groups: ControlGroups) -> None:
    source = f"""
import subprocess, sys
done = subprocess.run([sys.executable, "-c", {HOG!r}])
raise SystemExit(3 if done.returncode else 0)
"""

    async def check(box: Box) -> None:
        exit, _ = await box.run(source, memory_limit_bytes=256 * MIB)
        assert exit.out_of_memory and exit.exit_code in (3, 137)

    place.run(check)


def test_memory_shared_by_forks_counts_once(place: Place, groups: ControlGroups) -> None:
    source = """
import time
held = b"x" * (150 << 20)
for _ in range(3):
    if os.fork() == 0:
        time.sleep(0.5)
        os._exit(0)
time.sleep(0.5)
"""

    async def check(box: Box) -> None:
        exit, _ = await box.run(source, memory_limit_bytes=300 * MIB)
        assert (exit.exit_code, exit.out_of_memory) == (0, False)

    place.run(check)


def test_a_cpu_limit_holds_where_there_are_control_groups(place: Place) -> None:
    if find_control_groups(may_move=False).cpu is None:
        pytest.skip("this user may make no control groups here")
    spin = "import time; end = time.monotonic() + 1\nwhile time.monotonic() < end: pass"

    async def check(box: Box) -> None:
        exit, _ = await box.run(spin, cpu_limit=0.25)
        assert exit.cpu_time_s < 0.6

    place.run(check)
