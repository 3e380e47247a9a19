"""A home with the smallest image there is: this machine's /usr, and an entrypoint that runs its input."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.runtime import isolation, launcher, proot_view
from homeport.runtime.identity import remove_tree
from homeport.runtime.isolation import NAMESPACES, PROCESS, PROOT
from tests.support.leaks import adopt_orphans, descendants, reap_orphans
from tests.support.waiting import wait_until
from tests.unit.runtime.box import Place, make_place


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Containers out of namespaces; under proot too with --closed, and always where a test is marked."""
    if "place" not in metafunc.fixturenames:
        return
    kinds = [NAMESPACES]
    only = metafunc.definition.get_closest_marker("proot_only")
    if metafunc.definition.get_closest_marker("process_only"):
        kinds = [PROCESS]
    elif metafunc.config.getoption("--closed") or only:
        kinds = [PROOT]
    elif metafunc.definition.get_closest_marker("proot_too"):
        kinds.append(PROOT)
    metafunc.parametrize("place", kinds, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place for containers; afterwards nothing of them may be left: no process, mount, or file."""
    if request.param == PROOT and (problem := proot_view.problem()):
        pytest.skip(f"proot cannot be used here: {problem}")
    isolation.choose(request.param)
    try:
        yield from _open()
    finally:
        isolation.choose(NAMESPACES)


def _open() -> Iterator[Place]:
    adopt_orphans()
    others = _processes()  # such as an engine that tests of other folders share
    # proot itself, and so a build step, may write below /tmp
    parent = "/var/tmp" if isolation.chosen() == PROOT else None
    folder = Path(
        tempfile.mkdtemp(prefix="hp-", dir=parent)
    )  # short, and not pytest's, which only root could enter
    try:
        made = make_place(folder / "home")
        yield made
        wait_until(lambda: _processes() <= others, timeout_s=10, what="everything that was started has ended")
        assert str(folder) not in Path("/proc/self/mountinfo").read_text()
        assert [path.name for path in (folder / "home/t").iterdir()] == []
        wait_until(lambda: not _left_by_proot(made), timeout_s=10, what="what proot made is gone")
    finally:
        launcher._bytecode[:] = [
            "-B"
        ]  # a launcher without a home of its own would make this one's folder again
        remove_tree(folder)


def _processes() -> set[int]:
    reap_orphans()
    return {process.pid for process in descendants(os.getpid())}


def _left_by_proot(place: Place) -> list[Path]:
    """Of its containers' shared memory, and of instances of proot that have ended."""
    shared = [Path(f"/dev/shm/homeport-{log.stem}") for log in place.home.logs.glob("ta-*.log")]
    own = [
        path
        for path in Path("/tmp").glob("proot*-*-*")
        if not Path("/proc", path.name.split("-")[1]).exists()
    ]
    return [path for path in (*shared, *own) if path.exists()]
