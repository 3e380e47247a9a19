"""What is a run, and what is kept of it."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from modal_proto import api_pb2

from homeport.control.calls import pickled_input
from homeport.control.runs.origins import BY_SCHEDULE, NO_RUN, Origin
from homeport.control.runs.records import RunFilter
from homeport.record.codec import encode
from homeport.record.run import Launcher, ShellVariable
from tests.support.call_world import FAILURE, MAP, UNARY, item
from tests.support.run_world import LAUNCHER, PlayRuns, RunWorld, wait_written
from tests.support.world import wait_until

APP = "ap-run"


async def worked(world: RunWorld, call_id: str, status: int = 1) -> str:
    """Lets a container answer the call's first input; the container."""
    task_id = await world.container()
    [(input_id, attempt, _)] = await world.take(task_id)
    world.answer(task_id, input_id, attempt, status)
    await world.results(call_id)
    return task_id


async def deployed(world: RunWorld, *tags: str) -> Any:
    """Deploys an app with these functions; the definition of each, or of the only one."""
    world.launch(APP, deployed=True)
    definitions = [world.define(tag, APP) for tag in tags]
    world.publish(*definitions, app_id=APP, deployed=True)
    await world.deploy(APP)
    await world.written(APP)
    return definitions[0] if len(tags) == 1 else definitions


def test_a_run_is_recorded_from_its_launch_to_its_end(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        call_id = world.call(world.define("train", APP, secret_ids=["st-1"]).function_id, 7)
        task_id = await worked(world, call_id)
        await world.stop(APP)
        run = await world.written(APP)
        assert (run.kind, run.state, run.function, run.outcome) == (
            "run",
            "succeeded",
            "train",
            "It came to its end.",
        )
        assert run.launcher == LAUNCHER
        assert [(call.call_id, call.inputs, call.succeeded) for call in run.calls] == [(call_id, 1, 1)]
        assert [(each.task_id, each.inputs, each.exit_code) for each in run.attempts] == [(task_id, 1, 137)]
        (function,) = run.functions
        secret = next(each for each in function.environment if each.name == "KEY")
        assert (secret.origin, secret.value, bool(secret.digest)) == ('Secret "s"', "", True)
        assert function.limits.given["cpu"] == "all 4 cores"
        assert run.missing == ()
        await wait_until(lambda: not world.runs.folders.folder(APP).exists())
        assert world.records.find("latest") == APP == world.records.find("ap-r")

    play(scene)


def test_a_run_can_be_looked_at_while_it_goes(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        world.call(world.define("train", APP).function_id, 7)
        task_id = await world.container()
        run = world.records.record(APP)
        assert (run.state, run.function, run.launcher) == ("running", "train", LAUNCHER)
        assert [each.task_id for each in run.attempts] == [task_id]

    play(scene)


def test_a_failure_is_the_outcome(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        call_id = world.call(world.define("train", APP).function_id, 7)
        await worked(world, call_id, FAILURE)
        await world.stop(APP, "uncaught exception raised locally: ValueError()")
        run = await world.written(APP)
        assert (run.state, run.outcome) == ("failed", "train failed: it said nothing.")
        assert [row.run_id for row in world.records.rows(RunFilter(state="failed"))] == [APP]

    play(scene)


def test_an_interrupted_run_was_stopped(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        await world.stop(APP, "local client was interrupted")
        run = await world.written(APP)
        assert (run.state, run.outcome) == ("stopped", "It was interrupted where it was started (Ctrl-C).")

    play(scene)


def test_a_failure_names_the_users_line(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        world.call(world.define("train", APP).function_id, 7)
        task_id = await world.container()
        [(input_id, attempt, _)] = await world.take(task_id)
        trace = 'Traceback (most recent call last):\n  File "/root/app.py", line 9, in train\n    int("x")\n'
        world.answer(task_id, input_id, attempt, FAILURE, exception="ValueError('x')", traceback=trace)
        await world.stop(APP, "uncaught exception raised locally: ValueError()")
        assert (await world.written(APP)).outcome == "train failed at app.py:9: ValueError('x')."

    play(scene)


def test_a_call_of_a_deployed_app_is_a_run_and_what_it_calls_is_part_of_it(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        outer, inner = world.define("outer", APP), world.define("inner", APP)
        world.publish(outer, inner, app_id=APP, deployed=True)
        await world.deploy(APP)
        deployment = await world.written(APP)
        assert (deployment.kind, deployment.state) == ("deployment", "succeeded")
        call_id = world.call(outer.function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        nested, _ = world.calls.create(inner.function_id, UNARY, 0, input_id, [item(0, 2)])
        world.answer(task_id, input_id)
        run = await world.written(call_id)
        assert (run.kind, run.function, run.state) == ("call", "outer", "succeeded")
        assert [(call.call_id, call.parent) for call in run.calls] == [
            (call_id, ""),
            (nested.call_id, call_id),
        ]
        assert (run.launcher, run.deployer) == (None, LAUNCHER), "nobody knows who called"
        assert {row.run_id for row in world.records.rows()} == {APP, call_id}

    play(scene)


def test_a_schedule_fires_runs_and_web_requests_are_none(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        definition = world.define("tick", APP)
        world.publish(definition, app_id=APP, deployed=True)
        await world.deploy(APP)
        fired = world.calls.start(definition.function_id, pickled_input(), BY_SCHEDULE)
        world.calls.start(definition.function_id, pickled_input(), NO_RUN)
        rows = world.records.rows(RunFilter(function="tick"))
        assert [(row.run_id, row.kind) for row in rows] == [(fired.call_id, "schedule")]

    play(scene)


def test_a_map_ends_when_its_caller_said_that_all_came_and_all_are_done(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        definition = world.define("f", APP)
        world.publish(definition, app_id=APP, deployed=True)
        await world.deploy(APP)
        call_id = world.call(definition.function_id, 1, kind=MAP)
        await worked(world, call_id)
        await asyncio.sleep(0.4)
        assert world.records.row(call_id).state == "running"
        world.calls.finish_inputs(call_id)
        assert (await world.written(call_id)).outcome == "It returned."

    play(scene)


def test_a_map_lasted_until_its_last_result_and_ends_with_its_caller(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "f")
        call_id = world.call(definition.function_id, 1, kind=MAP)
        await worked(world, call_id)
        answered = time.time()
        await asyncio.sleep(0.4)
        world.calls.clear(call_id)  # the client's last word: it never says that all inputs came
        run = await world.written(call_id)
        assert (run.state, run.calls[0].inputs) == ("succeeded", 1)
        assert run.ended_at <= answered

    play(scene)


def test_a_method_is_named_with_its_class(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "Model.*")
        given = api_pb2.FunctionInput(args=b"7", method_name="fit")
        items = [api_pb2.FunctionPutInputsItem(idx=0, input=given)]
        call, _ = world.calls.create(definition.function_id, UNARY, 0, "", items)
        await world.restart()  # before anything was written of it
        assert world.records.row(call.call_id).function == "Model.fit"
        await worked(world, call.call_id, FAILURE)
        run = await world.written(call.call_id)
        assert (run.function, run.outcome) == ("Model.fit", "Model.fit failed: it said nothing.")

    play(scene)


def test_what_a_web_request_calls_is_a_run_though_the_request_is_none(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        web, train = await deployed(world, "web", "train")
        world.calls.start(web.function_id, pickled_input(), NO_RUN)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        spawned, _ = world.calls.create(train.function_id, UNARY, 0, input_id, [item(0, 2)])
        world.answer(task_id, input_id)
        other = await world.container(2)
        [(input_id, _, _)] = await world.take(other)
        world.answer(other, input_id)
        run = await world.written(spawned.call_id)
        assert (run.kind, run.function, run.launcher, run.deployer) == ("call", "train", None, LAUNCHER)
        assert [call.made_in for call in run.calls] == ["web"]
        assert {row.run_id for row in world.records.rows()} == {APP, spawned.call_id}

    play(scene)


def test_what_a_web_request_of_a_served_app_calls_is_part_of_its_run(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP)
        web, work = world.define("web", APP), world.define("work", APP)
        world.calls.start(web.function_id, pickled_input(), NO_RUN)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        called, _ = world.calls.create(work.function_id, UNARY, 0, input_id, [item(0, 2)])
        fired = world.calls.start(work.function_id, pickled_input(), BY_SCHEDULE)
        run = world.records.record(APP)
        assert [call.call_id for call in run.calls] == [called.call_id, fired.call_id]
        assert run.function == "", "nobody called from outside"

    play(scene)


def test_what_a_run_calls_of_another_app_has_the_defaults_of_that_app(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        other = "ap-other"
        world.launch(other, deployed=True)
        double, idle = world.define("double", other), world.define("idle", other)
        world.publish(double, idle, app_id=other, deployed=True)
        await world.deploy(other)
        deployment = await world.written(other)
        told = [replace(each, defaults={"label": '"x"'}) for each in deployment.functions]
        world.runs.folders.file(other).write_bytes(encode(replace(deployment, functions=tuple(told))))
        world.launch(APP)
        world.call(world.define("train", APP).function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        nested, _ = world.calls.create(double.function_id, UNARY, 0, input_id, [item(0, 2)])
        second = await world.container(2)
        await world.take(second)
        run = world.records.record(APP)
        assert [call.call_id for call in run.calls][1:] == [nested.call_id]
        assert {each.function: each.app_id for each in run.attempts} == {"train": "", "double": other}
        assert {each.tag: dict(each.defaults) for each in run.functions} == {
            "train": {},
            "double": {"label": '"x"'},
        }

    play(scene)


def test_of_many_calls_a_few_have_a_record_and_all_a_row(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        definition = world.define(
            "f", APP, autoscaler_settings={"max_containers": 1}, target_concurrent_inputs=500
        )
        world.publish(definition, app_id=APP, deployed=True)
        await world.deploy(APP)
        await world.written(APP)
        calls = [world.call(definition.function_id, i) for i in range(200)]
        task_id = await world.container()
        for input_id, attempt, _ in await world.take(task_id, 200):
            world.answer(task_id, input_id, attempt)
        for call_id in calls:
            await wait_written(world, call_id)
        files = world.runs.folders.written() - {APP}
        assert 1 <= len(files) <= 20
        assert world.records.count(RunFilter(state="succeeded", kind="call")) == 200
        alone = next(call_id for call_id in calls if call_id not in files)
        run = world.records.record(alone)
        assert (run.run_id, run.calls[0].call_id) == (alone, alone)
        assert run.functions[0].environment, "a neighbour's"
        assert "a call beside it" in run.missing[0]

    play(scene)


def test_a_calls_own_transactions_have_nothing_of_its_record_in_them(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "f")
        run, asked = world.db.run, []

        def hears(query: str, /, **parameters: Any) -> Any:
            asked.append(query)
            return run(query, **parameters)

        world.db.run = hears  # type: ignore[method-assign]
        call_id = world.call(definition.function_id, 1)
        await worked(world, call_id)
        assert "call_insert" in asked and not {"run_call_insert", "run_task_insert", "run_end"} & {*asked}
        assert (await world.written(call_id)).attempts, "and all the same it is all written down, soon"

    play(scene)


def test_what_a_killed_engine_had_gathered_of_calls_is_found_by_the_next(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "f")
        done, going_on = world.call(definition.function_id, 1), world.call(definition.function_id, 2)
        task_id = await worked(world, done)
        await world.restart()
        assert {row.run_id for row in world.records.rows(RunFilter(kind="call"))} == {done, going_on}
        await worked(world, going_on)
        for call_id in (done, going_on):
            run = await world.written(call_id)
            assert (run.kind, run.state, run.function) == ("call", "succeeded", "f")
            assert [each.task_id for each in run.attempts] == [task_id]
            assert run.missing == ("The engine was killed before it wrote down who called.",)

    play(scene)


def test_a_call_whose_row_was_deleted_long_ago_is_no_run_again(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "f")
        calls = [world.call(definition.function_id, i) for i in range(1002)]
        world.runs._gathered.flush()
        world.db.run("run_delete", run_id=calls[0])
        await world.service.writer._delete([calls[-1]])
        await world.restart()
        assert {row.run_id for row in world.records.rows(RunFilter(kind="call"), limit=2000)} == {
            *calls[1:-1]
        }

    play(scene)


def test_a_map_ends_once(play: PlayRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.control.runs.runs._OPEN_END_S", 0.3)

    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "f")
        ends, told = world.service.writer.ends, []
        world.service.writer.ends = lambda ended: told.extend(ended) or ends(ended)  # type: ignore
        call_id = world.call(definition.function_id, 1, kind=MAP)
        await worked(world, call_id)
        world.calls.finish_inputs(call_id)
        await world.written(call_id)
        await asyncio.sleep(0.6)
        assert told == [call_id]

    play(scene)


def test_who_calls_a_deployed_app_is_found_once_for_each_connection_also_by_the_next_engine(
    play: PlayRuns,
) -> None:
    caller = Launcher(("python", "call.py"), "/elsewhere", 99)
    asked: list[str] = []

    def find(peer: str, metadata: Mapping[str, str]) -> Launcher:
        asked.append(peer)
        return caller

    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        definition = world.define("f", APP)
        world.publish(definition, app_id=APP, deployed=True)
        await world.deploy(APP)
        await world.written(APP)
        await world.restart()
        world.runs._find = find
        for _ in range(2):
            await world.runs.caller("ipv4:127.0.0.1:5", {}, definition.function_id)
        call, _ = world.calls.create(
            definition.function_id, UNARY, 0, "", [item(0, 1)], origin=Origin("call", "ipv4:127.0.0.1:5")
        )
        await worked(world, call.call_id)
        run = await world.written(call.call_id)
        assert (run.launcher, run.deployer, asked) == (caller, LAUNCHER, ["ipv4:127.0.0.1:5"])

    play(scene)


def test_a_deployment_begins_anew_once_its_next_version_is_there(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        definition = await deployed(world, "f")
        before = world.records.record(APP)
        world.runs.redeploying(APP, Launcher(("modal", "deploy", "broken.py")))
        assert world.records.row(APP).state == "succeeded", "it may never be published"
        assert world.records.record(APP) == before
        world.runs.redeploying(APP, Launcher(("modal", "deploy", "other.py")))
        await world.deploy(APP)
        run = await world.written(APP)
        assert run.launcher is not None and run.launcher.argv[-1] == "other.py"
        assert before.ended_at < run.started_at <= run.ended_at
        assert [each.tag for each in run.functions] == [definition.tag]

    play(scene)


def test_who_rolls_back_gives_nothing_of_the_shell(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        await deployed(world, "f")
        world.runs.rolling(APP, Launcher(("modal", "app", "rollback"), shell=(ShellVariable("A", "d"),)))
        await world.deploy(APP)
        run = await world.written(APP)
        assert run.launcher == Launcher(("modal", "app", "rollback"))
        assert run.functions

    play(scene)


def test_a_deployed_app_that_stops_keeps_its_deployments_record(play: PlayRuns) -> None:
    async def scene(world: RunWorld) -> None:
        world.launch(APP, deployed=True)
        definition = world.define("f", APP)
        world.publish(definition, app_id=APP, deployed=True)
        await world.deploy(APP)
        before = await world.written(APP)
        await world.stop(APP, "user stopped from CLI")
        await asyncio.sleep(0.1)
        assert world.records.record(APP) == before

    play(scene)
