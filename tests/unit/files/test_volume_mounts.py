"""What containers write to volumes, through real overlay mounts: what a commit takes, what a reload shows."""

import json
import stat
from pathlib import Path

import pytest

from homeport.control import volume_mounts, volume_states
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError
from tests.unit.files.volumes_here import VolumesHere


def test_a_commit_takes_what_is_new_changed_and_deleted(here: VolumesHere) -> None:
    here.put({"old": "1", "changed": "1", "dir/kept": "1", "dir/gone": "1", "away/x": "1"})
    container = here.start("ta-1")
    container("write", "new", "2")
    container("append", "changed", "2")
    container("remove", "old")
    container("remove", "dir/gone")
    container("remove_tree", "away")
    assert here.files()["old"] == "1", "nothing is seen before the commit"
    here.commit("ta-1")
    assert here.files() == {"new": "2", "changed": "12", "dir/kept": "1"}
    assert here.names() == {"new", "changed", "dir", "dir/kept"}


def test_a_commit_without_changes_adds_nothing(here: VolumesHere) -> None:
    container = here.start("ta-1")
    container("write", "a/b", "1")
    here.commit("ta-1")
    stack = here.stack
    here.commit("ta-1")
    container("read", "a/b")
    here.commit("ta-1")
    assert here.stack == stack
    container("write", "a/b", "2")
    here.commit("ta-1")
    assert len(here.stack) == len(stack) + 1


def test_what_was_committed_and_removed_again_is_gone(here: VolumesHere) -> None:
    container = here.start("ta-1")
    container("write", "ckpt/1/model", "x")
    container("write", "ckpt/2/model", "y")
    here.commit("ta-1")
    container("remove_tree", "ckpt/1")
    container("remove", "ckpt/2/model")
    here.commit("ta-1")
    assert here.names() == {"ckpt", "ckpt/2"}


def test_a_folder_removed_and_made_again_holds_only_the_new(here: VolumesHere) -> None:
    here.put({"out/old": "1", "out/deep/old": "1", "out/deep/er/old": "1"})
    container = here.start("ta-1")
    container("remove_tree", "out")
    container("write", "out/new", "2")
    container("write", "out/deep/new", "2")
    here.put({"out/others": "3"})  # meanwhile
    here.commit("ta-1")
    assert here.files() == {"out/new": "2", "out/deep/new": "2", "out/others": "3"}
    container("write", "out/newer", "3")
    here.put({"out/deep/others": "4", "out/old": "again"})
    here.commit("ta-1")
    assert here.files() == {
        "out/old": "again",
        "out/new": "2",
        "out/newer": "3",
        "out/deep/new": "2",
        "out/others": "3",
        "out/deep/others": "4",
    }


def test_a_deletion_of_what_others_deleted_already_is_not_listed(here: VolumesHere) -> None:
    here.put({"d/x": "1", "d/y": "1", "d/z": "1"})
    one = here.start("ta-1")
    one("remove", "d/x")
    one("write", "d/new", "2")
    here.remove("d", recursive=True)
    here.commit("ta-1")
    assert here.start("ta-2")("listdir", "d") == ["new"]


def test_a_file_becomes_a_folder_and_a_folder_a_file(here: VolumesHere) -> None:
    here.put({"file": "1", "folder/x": "1"})
    container = here.start("ta-1")
    container("remove", "file")
    container("write", "file/x", "2")
    container("remove_tree", "folder")
    container("write", "folder", "2")
    here.commit("ta-1")
    assert here.files() == {"file/x": "2", "folder": "2"}
    container("remove_tree", "file")
    container("write", "file", "3")
    here.commit("ta-1")
    assert here.files() == {"file": "3", "folder": "2"}


def test_renames_links_modes_and_special_files(here: VolumesHere) -> None:
    here.put({"lower/a": "1", "run.sh": "#!"}, mode=0o755)
    container = here.start("ta-1")
    container("rename", "lower", "upper")
    container("write", "one", "same", 0o640)
    container("link", "one", "two")
    container("symlink", "upper/a", "link")
    container("fifo", "pipe")
    container("mkdir", "empty", 0o700)
    container("write", "forbidden", "secret", 0)
    here.commit("ta-1")
    other = here.start("ta-2")
    assert other("listdir", ".") == sorted(
        ["empty", "forbidden", "link", "one", "pipe", "run.sh", "two", "upper"]
    )
    assert other("read", "link") == "1"
    assert other("stat", "one")[2:4] == other("stat", "two")[2:4]
    assert other("stat", "one")[2] == 2
    assert stat.S_IMODE(other("stat", "one")[0]) == 0o640
    assert stat.S_IMODE(other("stat", "run.sh")[0]) == 0o755
    assert stat.S_IMODE(other("stat", "empty")[0]) == 0o700
    assert stat.S_ISFIFO(other("stat", "pipe")[0])
    assert other("read", "forbidden") == "secret"
    assert other("stat", "one")[4] == container("stat", "one")[4], "the time of change is kept"


def test_two_containers_commits_keep_both_their_files(here: VolumesHere) -> None:
    here.put({"shared/x": "0", "both": "0"})
    one, two = here.start("ta-1"), here.start("ta-2")
    one("write", "shared/one", "1")
    two("write", "shared/two", "2")
    one("write", "both", "1")
    two("write", "both", "2")
    two("remove", "shared/x")
    here.commit("ta-2")
    here.commit("ta-1")
    assert here.files() == {"shared/one": "1", "shared/two": "2", "both": "1"}
    assert set(one("files")) == {"shared/x", "shared/one", "both"}, "a container sees others' after a reload"
    two("write", "later", "2")
    here.commit("ta-2")
    assert here.files()["both"] == "1", "a commit takes what changed since the last one, not all"


def test_reload_shows_others_and_keeps_ones_own(here: VolumesHere) -> None:
    one, two = here.start("ta-1"), here.start("ta-2")
    one("write", "one", "1")
    two("write", "two", "2")
    here.commit("ta-1")
    here.reload("ta-2")
    assert two("files") == {"one": "1", "two": "2"}
    assert here.files() == {"one": "1", "two": "2"}, "a reload commits first"
    two("write", "three", "3")
    here.commit("ta-2")
    here.reload("ta-1")
    assert one("files") == {"one": "1", "two": "2", "three": "3"}
    assert len(list((here.home.volumes / "u").iterdir())) == 2, "the replaced folders are gone"


def test_a_refused_reload_changes_nothing(here: VolumesHere, monkeypatch: pytest.MonkeyPatch) -> None:
    one = here.start("ta-1")
    here.put({"others": "1"})
    one("write", "own", "1")

    async def refuse(task_id: str, attachment: object) -> None:
        raise FailedPreconditionError("there are open files preventing the operation")

    monkeypatch.setattr(here, "remount", refuse)
    with pytest.raises(FailedPreconditionError):
        here.reload("ta-1")
    monkeypatch.undo()
    assert one("files") == {"own": "1"}
    one("write", "own", "2")
    here.end("ta-1")
    assert here.files() == {"own": "2", "others": "1"}
    assert list((here.home.volumes / "u").iterdir()) == []


def test_what_is_written_while_reloading_is_neither_lost_nor_hidden(
    here: VolumesHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = here.start("ta-1")
    remount = here.remount
    late = iter(["late"])

    async def write_first(task_id: str, attachment: object) -> None:
        for name in late:
            one("write", name, "1")
        await remount(task_id, attachment)  # type: ignore[arg-type]

    monkeypatch.setattr(here, "remount", write_first)
    here.reload("ta-1")
    assert one("files") == {"late": "1"} == here.files()


def test_the_end_commits_and_leaves_no_folder(here: VolumesHere) -> None:
    one = here.start("ta-1")
    one("write", "x", "1")
    here.end("ta-1")
    assert here.files() == {"x": "1"}
    assert list((here.home.volumes / "u").iterdir()) == []
    here.run(here.service.release_task("ta-1"))
    here.run(here.service.release_task("ta-unknown"))


def test_after_a_killed_engine_only_later_changes_are_committed(here: VolumesHere) -> None:
    one = here.start("ta-1")
    one("write", "x", "1")
    one("write", "y", "1")
    here.commit("ta-1")
    here.restart()
    assert here.service.mounts.tasks() == {"ta-1"}
    here.put({"x": "others"})
    one("write", "y", "2")
    here.end("ta-1")
    assert here.files() == {"x": "others", "y": "2"}


def test_what_ended_with_a_killed_engine_is_committed_by_the_next(here: VolumesHere) -> None:
    one = here.start("ta-1")
    one("write", "x", "1")
    here.containers.pop("ta-1").close()
    here.restart()
    for task_id in here.service.mounts.tasks():
        here.run(here.service.release_task(task_id))
    assert here.files() == {"x": "1"}
    assert list((here.home.volumes / "u").iterdir()) == []


def test_leftovers_of_a_killed_engine_are_swept(here: VolumesHere) -> None:
    here.put({"x": "1"})
    folder = here.service.states.folder(here.service.states.get(here.volume_id))
    for left in (
        folder / "tmp-99",
        folder / "up-abc",
        here.home.volumes / "99",
        here.home.volumes / "u" / "99",
    ):
        (left / "below").mkdir(parents=True)
        (left / "below").chmod(0)
    here.restart()
    assert here.files() == {"x": "1"}
    assert [p.name for p in folder.iterdir()] == [str(here.stack[0])]
    assert sorted(p.name for p in here.home.volumes.iterdir()) == ["1", "e", "u"]


def test_a_part_of_a_volume(here: VolumesHere) -> None:
    here.put({"users/me/a": "1", "users/other": "1"})
    one = here.start("ta-1", sub_path="/users/me")
    assert one("files") == {"a": "1"}
    one("write", "b", "2")
    one("remove", "a")
    two = here.start("ta-2", sub_path="new/place")
    two("write", "c", "3")
    here.commit("ta-1")
    here.commit("ta-2")
    assert here.files() == {"users/me/b": "2", "users/other": "1", "new/place/c": "3"}
    with pytest.raises(InvalidError, match="sub_path"):
        here.start("ta-3", sub_path="users/other")
    with pytest.raises(InvalidError, match=r"\.\."):
        here.start("ta-3", sub_path="../x")
    assert len(list((here.home.volumes / "u").iterdir())) == 2


def test_a_read_only_mount_shows_the_state(here: VolumesHere) -> None:
    here.put({"x": "1"})
    one = here.start("ta-1", read_only=True)
    assert one("files") == {"x": "1"}
    if not here.copies_volumes:  # a copy is closed by what the container is confined by
        with pytest.raises(OSError, match="Read-only"):
            one("write", "y", "1")
    here.put({"x": "2"})
    here.reload("ta-1")
    assert one("files") == {"x": "2"}


def test_what_is_overwritten_again_and_again_does_not_pile_up(here: VolumesHere) -> None:
    here.put({f"many/{number}": "base" for number in range(50)})
    for number in range(30):
        here.put({"checkpoint": str(number)})
        here.run(_settle())
    assert len(here.stack) <= 6
    folder = here.service.states.folder(here.service.states.get(here.volume_id))
    copies = [path for path in folder.rglob("checkpoint") if path.is_file()]
    assert len(copies) <= 5
    assert here.files()["checkpoint"] == "29"


def test_long_stacks_are_joined_and_old_folders_go(
    here: VolumesHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_states, "_JOIN_FROM", 99)  # let the stack grow to its limit
    here.put({"base/kept": "0", "base/gone": "0", "was/x": "0"})
    early = here.start("ta-1")
    here.remove("base/gone")
    here.remove("was", recursive=True)
    for number in range(40):
        here.put({f"many/{number}": str(number), "was/again": str(number)})
        here.run(_settle())
    assert len(here.stack) <= volume_states.MAX_STACK + 1
    expected = {f"many/{n}": str(n) for n in range(40)} | {"base/kept": "0", "was/again": "39"}
    assert here.files() == expected
    assert early("files") == {"base/kept": "0", "base/gone": "0", "was/x": "0"}
    late = here.start("ta-2")
    assert late("files") == expected
    here.end("ta-1")
    here.run(_settle())
    here.service.states.forget_unused(here.volume_id)
    here.run(_settle())
    folder = here.service.states.folder(here.service.states.get(here.volume_id))
    pinned = json.loads(here.database.all("attachments_of_task", task_id="ta-2")[0]["stack"])
    assert {int(p.name) for p in folder.iterdir()} == set(here.stack) | set(pinned)


async def _settle() -> None:
    """Lets compactions and removals in the background end."""
    import asyncio

    for _ in range(5):
        await asyncio.sleep(0.005)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        compactions = [task for task in others if task is not None and task.get_name().startswith("compact")]
        await asyncio.gather(*compactions)


def test_a_deleted_volumes_files_stay_while_it_is_mounted(here: VolumesHere) -> None:
    here.put({"x": "1"})
    one = here.start("ta-1")
    folder = here.service.states.folder(here.service.states.get(here.volume_id))
    here.run(here.service.names.delete(here.volume_id))
    one("write", "y", "1")
    assert one("files") == {"x": "1", "y": "1"}
    here.end("ta-1")
    assert not folder.exists()


def test_a_volume_that_is_not_mounted_cannot_be_committed(here: VolumesHere) -> None:
    with pytest.raises(NotFoundError, match="'vol' is not mounted"):
        here.commit("ta-1")


def test_the_background_takes_what_settled_and_leaves_what_is_being_written(
    here: VolumesHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_mounts, "BACKGROUND_S", 0.05)
    monkeypatch.setattr(volume_mounts, "_HOT_BYTES", 1000)
    one = here.start("ta-1")
    one("write", "small", "1")
    one("write", "large", "x" * 2000)

    async def wait() -> None:
        import asyncio

        for _ in range(100):
            await asyncio.sleep(0.02)
            if here.stack:
                return

    here.run(wait())
    assert set(here.files()) == {"small"}
    here.commit("ta-1")
    assert set(here.files()) == {"small", "large"}


def test_the_background_leaves_alone_what_did_not_change(
    here: VolumesHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.put({"d/lower": "1", "gone": "1"})
    one = here.start("ta-1")
    one("write", "d/x", "1")
    one("remove", "gone")
    one("symlink", "d", "link")
    one("mkdir", "empty")
    here.commit("ta-1")
    monkeypatch.setattr(here.service.states, "commit", None)  # would fail if it were called
    (row,) = here.database.all("attachments_of_task", task_id="ta-1")
    here.run(here.service.mounts._commit(volume_mounts._mounted(row), in_background=True))


def test_holes_stay_holes(here: VolumesHere) -> None:
    one = here.start("ta-1")
    one("sparse", "big", 1 << 30)
    here.commit("ta-1")
    view = here.service.states.view(here.service.states.get(here.volume_id))
    entry = view.find(["big"])
    assert entry is not None
    assert entry.stat.st_size == 1 << 30
    assert entry.stat.st_blocks < 100


def test_a_container_cannot_lead_a_commit_out_by_a_link(here: VolumesHere, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    one = here.start("ta-1")
    one("symlink", str(tmp_path / "outside"), "way")
    one("symlink", str(tmp_path / "outside" / "secret"), "file")
    here.commit("ta-1")
    assert here.files() == {}
    for path in ("way/secret", "file"):
        with pytest.raises(InvalidError, match="symbolic link"):
            here.run(here.service.reads.links(here.volume_id, path, 0, 0))
    with pytest.raises(InvalidError, match="symbolic link"):
        here.put({"way/new": "1"})
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["secret"]
