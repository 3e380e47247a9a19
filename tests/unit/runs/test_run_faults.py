"""Recording never fails a run, and a record is complete after an engine was killed at any moment."""

import json
import re
import shutil
from typing import Any

import pytest

from homeport.control.runs.records import RunFilter, RunRecords
from homeport.model.errors import HomeportError
from homeport.record.codec import DamagedRecordError, encode
from tests.support.run_world import PlayRuns, RunWorld, is_marked
from tests.support.world import wait_until

APP = "ap-run"


async def result_of_one_call(world: RunWorld, tag: str = "train") -> int:
    """How many results a call has that a container answered."""
    call_id = world.call(world.define(tag, APP).function_id, 7)
    task_id = await world.container()
    [(input_id, _, _)] = await world.take(task_id)
    world.answer(task_id, input_id)
    return len(await world.results(call_id))


def test_a_folder_that_cannot_be_written_fails_no_run(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        shutil.rmtree(world.home.runs)
        world.home.runs.write_text("in the way")
        world.launch(APP)
        assert await result_of_one_call(world) == 1
        await world.stop(APP)
        await wait_until(lambda: world.db.one("run_by_id", run_id=APP)["ended_at"])  # type: ignore[index]
        world.home.runs.unlink()

    play(scene)


@pytest.mark.parametrize(
    "query",
    [
        "run_insert",
        "run_name_function",
        "run_task_insert",
        "run_of_task",
        "run_end",
        "run_by_id",
        "run_written",
    ],
)
def test_a_database_that_fails_at_a_step_fails_no_run(play: PlayRuns, query: str) -> None:
    async def scene(world: RunWorld) -> None:
        run = world.db.run

        def failing(asked: str, /, **parameters: Any) -> Any:
            if asked == query:
                raise OSError("disk full")
            return run(asked, **parameters)

        world.db.run = failing  # type: ignore[method-assign]
        world.launch(APP)
        assert await result_of_one_call(world) == 1
        await world.stop(APP)

    play(scene)


@pytest.mark.parametrize("part", ["write_launcher", "keep_task"])
def test_what_could_not_be_recorded_is_named_in_the_record(play: PlayRuns, part: str) -> None:
    async def scene(world: RunWorld) -> None:
        def failing(*facts: object) -> None:
            raise OSError("disk full")

        setattr(world.runs.folders, part, failing)
        world.launch(APP)
        assert await result_of_one_call(world) == 1
        await world.stop(APP)
        run = await world.written(APP)
        assert any("was not recorded: disk full." in sentence for sentence in run.missing)

    play(scene)


@pytest.mark.parametrize("name", ["environment.json", "image.json", "task.json"])
def test_a_damaged_file_of_a_container_is_named_and_the_rest_is_there(play: PlayRuns, name: str) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await result_of_one_call(world)
        (task,) = world.home.tasks.iterdir()
        (task / name).write_text('{"cut": ')
        await world.stop(APP)
        run = await world.written(APP)
        assert run.calls and run.attempts
        assert any(sentence.startswith(name) for sentence in run.missing) or name == "task.json"

    play(scene)


@pytest.mark.parametrize("moment", ["launched", "called", "answered", "stopped"])
def test_a_record_is_complete_after_the_engine_was_killed(play: PlayRuns, moment: str) -> None:
    async def scene(world: RunWorld) -> None:
        async def killed_at(reached: str) -> None:
            if reached == moment:
                await world.restart()

        world.launch(APP)
        await killed_at("launched")
        call_id = world.call(world.define("train", APP).function_id, 7)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        await killed_at("called")
        world.answer(task_id, input_id)
        await killed_at("answered")
        world.db.run(
            "begin_app_stop", app_id=APP, state=5, stop_reason="local entrypoint completed", stopped_by=""
        )
        if moment == "stopped":
            world.runs.stopped = lambda app_id: None  # type: ignore[method-assign]
        await world.stop(APP)
        await killed_at("stopped")
        run = await world.written(APP)
        assert (run.state, run.function, run.calls[0].call_id) == ("succeeded", "train", call_id)
        assert [each.task_id for each in run.attempts] == [task_id]
        assert run.functions[0].environment
        assert run.launcher is not None

    play(scene)


def test_a_container_began_though_its_engine_was_killed_before_it_wrote_so(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        world.call(world.define("train", APP).function_id, 7)
        task_id = await world.container()
        world.db.run("task_started", task_id=task_id, state=0, now=None)
        await world.restart()
        (attempt,) = world.records.record(APP).attempts
        assert attempt.started_at == attempt.enqueued_at > 0

    play(scene)


def test_a_row_that_was_lost_is_made_again_by_the_next_engine(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await result_of_one_call(world)
        world.db.run("run_delete", run_id=APP)
        world.db.run("run_tasks_delete", run_id=APP)
        await world.restart()
        await world.stop(APP)
        run = await world.written(APP)
        assert run.state == "succeeded" and run.attempts and run.launcher is not None
        assert "Its row was lost" in run.missing[0]

    play(scene)


def test_rows_are_made_again_of_files(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await world.stop(APP)
        await world.written(APP)
        before = world.records.rows()
        world.db.run("run_delete", run_id=APP)
        assert world.records.find("ap-") == APP
        await world.restart()
        await wait_until(lambda: is_marked(world, APP))
        assert world.records.rows() == before

    play(scene)


def test_without_a_database_the_files_are_read(play: PlayRuns, tmp_path: Any) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await world.stop(APP)
        await world.written(APP)
        shutil.copytree(world.home.runs, tmp_path / "copy" / "runs")

    play(scene)
    from homeport.model.home import Home

    records = RunRecords(Home(tmp_path / "copy"))
    assert [row.run_id for row in records.rows()] == [APP] == [records.find("latest")]
    assert records.rows(RunFilter(state="failed")) == []
    assert records.count() == 1
    assert records.record(APP).run_id == APP


def test_what_is_no_record_in_a_records_place_is_named_and_skipped(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await world.stop(APP)
        run = await world.written(APP)
        world.runs.folders.file("ap-folder").mkdir()
        world.runs.folders.file("ap-link").symlink_to("nowhere")
        world.runs.folders.file("ap-other").write_bytes(encode(run))
        said = {
            "ap-folder": "runs/ap-folder.json: this record cannot be read: Is a directory.",
            "ap-link": "runs/ap-link.json: this record cannot be read: No such file or directory.",
            "ap-other": f"runs/ap-other.json: this record is damaged: it is that of {APP}.",
        }
        assert world.records.damaged() == list(said.values())
        for run_id, sentence in said.items():
            with pytest.raises(DamagedRecordError, match=re.escape(sentence)):
                world.records.record(world.records.find(run_id))
        assert [row.run_id for row in world.records.rows()] == [APP]
        assert [row.run_id for row in world.records.from_files(set())] == [APP]

    play(scene)


def test_a_damaged_record_is_named_and_skipped(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        for app_id in ("ap-bad", "ap-good"):
            world.launch(app_id)
            await world.stop(app_id)
            await world.written(app_id)
        world.runs.folders.file("ap-bad").write_text('{"run_id": 3}')
        (world.home.runs / "ap-cut.json").write_text('{"run_id": "ap-c')
        assert [row.run_id for row in world.records.rows()] == ["ap-good", "ap-bad"]
        assert [sentence.split(":")[0] for sentence in world.records.damaged(["ap-bad"])] == [
            "runs/ap-bad.json",
            "runs/ap-cut.json",
        ]
        with pytest.raises(DamagedRecordError, match="this record is damaged"):
            world.records.record("ap-bad")

    play(scene)


def test_a_run_that_nobody_knows_is_an_error_with_the_nearest_names(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        for app_id in ("ap-abc1", "ap-abc2"):
            world.launch(app_id)
        for named, says in [
            ("ap-abc", "Several runs begin with 'ap-abc': ap-abc2, ap-abc1"),
            ("ap-abd1", "There is no run 'ap-abd1'. Did you mean ap-abc1"),
            ("lastest", "Did you mean latest?"),
            ("../../etc/passwd", "There is no run '../../etc/passwd'."),
        ]:
            with pytest.raises(HomeportError) as caught:
                world.records.find(named)
            assert says in str(caught.value)

    play(scene)


def test_the_oldest_runs_go(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.service.writer._bounds = {"kept": 2, "kept_calls": 2}
        for number in range(4):
            world.launch(f"ap-{number}")
            await world.stop(f"ap-{number}")
            await world.written(f"ap-{number}")
        await world.service.writer.prune()
        assert [row.run_id for row in world.records.rows()] == ["ap-3", "ap-2"]
        assert world.runs.folders.written() == {"ap-3", "ap-2"}

    play(scene)


def test_a_record_is_json_that_anybody_reads(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await world.stop(APP)
        await world.written(APP)
        assert json.loads(world.runs.folders.file(APP).read_text())["run_id"] == APP

    play(scene)


def test_what_a_killed_engine_left_half_done_is_removed_by_the_next(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch("ap-deployed", deployed=True)
        function = world.define("train", "ap-deployed")
        world.publish(function, app_id="ap-deployed", deployed=True)
        await world.deploy("ap-deployed")
        call_id = world.call(function.function_id, 7)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        unneeded = world.runs.folders.kept("ap-deployed", task_id)
        world.answer(task_id, input_id)
        await world.stop("ap-deployed")
        await world.written(call_id)
        await wait_until(lambda: not unneeded.exists())
        unneeded.mkdir(parents=True)  # as if it had been killed before this was removed
        draft = world.home.runs / "fc-1.json.77.tmp"
        draft.write_text("{")
        await world.restart()
        await wait_until(lambda: not unneeded.exists())
        assert not draft.exists()

    play(scene)
