"""Volumes as containers see them, and a newer state shown to a running container."""

import os
from dataclasses import replace

import pytest

from homeport.model.errors import FailedPreconditionError, NotFoundError
from homeport.runtime.identity import own
from tests.unit.runtime.box import Box, Place, volume, write_tree

WAITS = """
import sys, time
def wait(name):
    while not os.path.exists("/__modal/run/" + name): time.sleep(0.01)
"""


def test_a_container_writes_to_its_own_layer_of_a_volume(place: Place) -> None:
    attachment = volume(place, "a", {"old.txt": "old"})

    async def check(box: Box) -> None:
        source = """
print(open('/data/old.txt').read())
open('/data/new.txt', 'w').write('new')
os.remove('/data/old.txt')"""
        exit, output = await box.run(source, volumes=(attachment,))
        assert (exit.exit_code, output) == (0, "old\n")

    place.run(check)
    assert attachment.upper is not None
    assert (attachment.upper / "new.txt").read_text() == "new"
    assert (attachment.upper / "old.txt").is_char_device()  # a whiteout
    assert (attachment.lowers[0] / "old.txt").read_text() == "old"


@pytest.mark.parametrize("has_upper", [True, False])
def test_a_read_only_volume_cannot_be_written(place: Place, has_upper: bool) -> None:
    attachment = volume(place, "a", {"x": "x"}, read_only=True)
    if not has_upper:
        attachment = replace(attachment, upper=None, work=None)

    async def check(box: Box) -> None:
        source = """
print(open('/data/x').read())
try: open('/data/new', 'w')
except OSError as error: print(error.strerror)
"""
        _, output = await box.run(source, volumes=(attachment,))
        assert output == "x\nRead-only file system\n"

    place.run(check)


def test_a_stack_of_states_is_seen_as_one(place: Place) -> None:
    attachment = volume(place, "a", {"a": "1", "b": "1"})
    newer = write_tree(place.home.volumes / "a" / "2", {"b": "2"})
    attachment = replace(
        attachment, lowers=(newer, *attachment.lowers), upper=None, work=None, read_only=True
    )

    async def check(box: Box) -> None:
        _, output = await box.run(
            "print(open('/data/a').read(), open('/data/b').read())", volumes=(attachment,)
        )
        assert output == "1 2\n"

    place.run(check)


def test_an_empty_volume_has_only_an_upper_folder(place: Place) -> None:
    attachment = volume(place, "a", {}, lowers=())

    async def check(box: Box) -> None:
        exit, _ = await box.run("open('/data/x', 'w').write('x')", volumes=(attachment,))
        assert exit.exit_code == 0

    place.run(check)
    assert attachment.upper is not None and (attachment.upper / "x").read_text() == "x"


def test_a_mount_path_may_lead_through_a_link_of_the_image(place: Place) -> None:
    (place.home.layers / "base" / "results").symlink_to("/elsewhere")
    attachment = volume(place, "a", {"x": "x"}, path="/results/cache")

    async def check(box: Box) -> None:
        _, output = await box.run("print(os.path.exists('/elsewhere/cache/x'))", volumes=(attachment,))
        assert output == "True\n"

    place.run(check)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_linked_folder_is_bound(place: Place, read_only: bool) -> None:
    folder = place.home.root.parent / "private"
    folder.mkdir(mode=0o700)
    (folder / "x").write_text("x")
    (folder / "x").chmod(0o600)
    attachment = replace(
        volume(place, "a", {}), lowers=(), upper=None, work=None, bind=folder, read_only=read_only
    )
    source = """
print(open('/data/x').read(), os.stat('/data/x').st_uid)
try: open('/data/new', 'w').write('new')
except OSError as error: print(error.strerror)
"""

    async def check(box: Box) -> None:
        _, output = await box.run(source, volumes=(attachment,))
        assert output == "x 0\n" + ("Read-only file system\n" if read_only else "")
        task = await box.start("import time; time.sleep(60)", volumes=(attachment,))
        await box.sandbox.remount(task, attachment)  # nothing to do

    place.run(check)
    assert (folder / "new").exists() == (not read_only)
    if not read_only:
        assert (folder / "new").stat().st_uid == os.geteuid()


def test_remount_shows_a_newer_state(place: Place) -> None:
    attachment = volume(place, "a", {"x": "1"})
    newer = write_tree(place.home.volumes / "a" / "2", {"x": "2"})
    source = WAITS + "print(open('/data/x').read(), flush=True); wait('go'); print(open('/data/x').read())"

    async def check(box: Box) -> None:
        task = await box.start(source, volumes=(attachment,))
        await box.said(task, "1\n")
        await box.sandbox.remount(task, replace(attachment, lowers=(newer, *attachment.lowers)))
        (place.home.tasks / task / "run" / "go").touch()
        assert (await box.ended(task)).exit_code == 0
        assert box.output(task) == "1\n2\n"

    place.run(check)


def test_remount_keeps_what_the_container_wrote(place: Place) -> None:
    attachment = volume(place, "a", {"x": "1"})
    source = (
        WAITS
        + """
open('/data/mine', 'w').write('mine'); print('written', flush=True); wait('go')
print(open('/data/mine').read()); open('/data/more', 'w')"""
    )

    async def check(box: Box) -> None:
        task = await box.start(source, volumes=(attachment,))
        await box.said(task, "written")
        await box.sandbox.remount(task, attachment)
        (place.home.tasks / task / "run" / "go").touch()
        assert (await box.ended(task)).exit_code == 0
        assert box.output(task) == "written\nmine\n"

    place.run(check)


@pytest.mark.parametrize("how", ["file = open('/data/x')", "os.chdir('/data')"])
def test_remount_is_refused_while_the_volume_is_in_use(place: Place, how: str) -> None:
    attachment = volume(place, "a", {"x": "1"})
    newer = replace(attachment, lowers=(write_tree(place.home.volumes / "a" / "2", {"x": "2"}),))
    source = WAITS + how + "; print('open', flush=True); wait('go'); print(open('/data/x').read())"

    async def check(box: Box) -> None:
        task = await box.start(source, volumes=(attachment,))
        await box.said(task, "open")
        with pytest.raises(FailedPreconditionError, match="/data are open"):
            await box.sandbox.remount(task, newer)
        (place.home.tasks / task / "run" / "go").touch()
        await box.ended(task)
        assert box.output(task) == "open\n1\n"
        with pytest.raises(NotFoundError):
            await box.sandbox.remount(task, newer)

    place.run(check)


def test_a_remount_that_fails_leaves_the_volume_as_it_was(place: Place) -> None:
    attachment = volume(place, "a", {"x": "1"})
    missing = replace(attachment, lowers=(place.home.volumes / "a" / "missing",))
    source = WAITS + "print('up', flush=True); wait('go'); print(open('/data/x').read())"

    async def check(box: Box) -> None:
        task = await box.start(source, volumes=(attachment,))
        await box.said(task, "up")
        with pytest.raises(FailedPreconditionError, match="No such file"):
            await box.sandbox.remount(task, missing)
        (place.home.tasks / task / "run" / "go").touch()
        await box.ended(task)
        assert box.output(task) == "up\n1\n"

    place.run(check)


def test_other_peoples_volumes_are_out_of_reach(place: Place) -> None:
    mine = volume(place, "a", {"x": "mine"})
    volume(place, "b", {"x": "other's"})
    own(place.home.volumes)

    async def check(box: Box) -> None:
        source = """
import subprocess
command = ["grep", "-rls", "other's", "/data", "/__modal/run", "/tmp", "/root"]
print(subprocess.run(command, capture_output=True, text=True).stdout)"""
        _, output = await box.run(source, volumes=(mine,))
        assert "/data" not in output

    place.run(check)
