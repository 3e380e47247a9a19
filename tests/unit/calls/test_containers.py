"""Containers: how many, when they end, what becomes of the inputs of those that die."""

import asyncio
import json

import pytest
from modal_proto import api_pb2

from homeport.model.errors import InvalidError
from homeport.plan.resources import Machine
from tests.support.call_world import APP, FAILURE, MAP, SUCCESS, CallWorld, Play
from tests.support.world import wait_until

GPU_MACHINE = Machine(cpus=8, memory_mib=16000, gpus=("NVIDIA H100",), gpu_numbers=(3,))


async def settled(world: CallWorld) -> int:
    """The number of containers once the engine has done what it had to."""
    for _ in range(5):
        await asyncio.sleep(0.01)
    return len(world.runtime.alive)


def test_a_map_gets_as_many_containers_as_the_machine_has_cores(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.call(world.define().function_id, *range(100), kind=MAP)
        assert await settled(world) == 4

    play(scene)


def test_an_idle_container_is_used_again(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define().function_id
        world.call(function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        world.answer(task_id, input_id)
        waiting = asyncio.create_task(world.take(task_id))
        await asyncio.sleep(0)
        world.call(function_id, 2)
        assert (await waiting)[0][2] == b"2"
        assert await settled(world) == 1

    play(scene)


def test_a_container_with_nothing_to_do_ends_after_its_window(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define(autoscaler_settings={"scaledown_window": 1})
        world.call(definition.function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        world.answer(task_id, input_id)
        assert await world.take(task_id) == []

    play(scene)


def test_min_containers_stay(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define(autoscaler_settings={"min_containers": 1, "scaledown_window": 1})
        world.containers.settle(definition)
        task_id = await world.container()
        waiting = asyncio.create_task(world.take(task_id))
        await asyncio.sleep(1.3)
        assert not waiting.done()
        waiting.cancel()

    play(scene)


def test_containers_that_only_have_to_end_do_not_hold_up_the_next_ones(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define(single_use_containers=True).function_id
        for containers in (4, 8):  # on four cores
            world.call(function_id, *range(4), kind=MAP)
            assert await settled(world) == containers
            for task_id in [
                task_id for task_id, task in world.containers.lives.tasks.items() if task.takes_inputs()
            ]:
                [(input_id, _, _)] = await world.take(task_id)
                world.answer(task_id, input_id)

    play(scene)


def test_new_settings_of_the_autoscaler_hold_for_containers_that_are_idle_already(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define(autoscaler_settings={"min_containers": 3, "scaledown_window": 3600})
        world.publish(definition)
        assert await settled(world) == 3
        idle = [asyncio.create_task(world.take(task_id)) for task_id in world.runtime.alive]
        await settled(world)

        async def update(**settings: int) -> int:
            asked = api_pb2.AutoscalerSettings(**settings)
            world.containers.settle(world.functions.update_autoscaler(definition.function_id, asked)[0])
            await settled(world)
            return sum(not waiting.done() for waiting in idle)

        assert await update(min_containers=0, max_containers=2) == 2
        assert await update(min_containers=1, scaledown_window=2) == 2
        await asyncio.wait(idle, timeout=4, return_when=asyncio.ALL_COMPLETED)
        assert sum(not waiting.done() for waiting in idle) == 1, "its window is over, and one stays"
        for waiting in idle:
            waiting.cancel()

    play(scene)


def test_settings_that_contradict_each_other_are_refused_and_change_nothing(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define("train", autoscaler_settings={"max_containers": 2})
        for settings, said in (
            ({"min_containers": 3}, r"min_containers=3 of train is greater than its max_containers=2"),
            ({"scaledown_window": 1}, r"scaledown_window=1 of train must be 2 to 3600 s"),
            ({"scaledown_window": 3601}, r"scaledown_window=3601 of train"),
        ):
            with pytest.raises(InvalidError, match=said):
                world.functions.update_autoscaler(
                    definition.function_id, api_pb2.AutoscalerSettings(**settings)
                )
        assert world.functions.get(definition.function_id) == definition
        with pytest.raises(InvalidError, match="min_containers=2 of g is greater"):
            world.define("g", autoscaler_settings={"min_containers": 2, "max_containers": 1})
        unbounded = api_pb2.AutoscalerSettings(min_containers=3, max_containers=0)
        assert world.functions.update_autoscaler(definition.function_id, unbounded)[0].min_containers == 3

    play(scene)


def test_a_gpu_that_there_is_not_is_refused_with_those_that_there_are(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        for gpu, said in (
            (
                api_pb2.GPUConfig(gpu_type="H1000", count=8),
                r'gpu="H1000:8" of f is no GPU that Modal knows; it',
            ),
            (api_pb2.GPUConfig(gpu_type="H100"), r'gpu="H100:0" of f asks for no GPU'),
        ):
            with pytest.raises(InvalidError, match=said):
                world.define(resources=api_pb2.Resources(gpu_config=gpu))
            base = world.define()
            options = api_pb2.FunctionOptions(resources=api_pb2.Resources(gpu_config=gpu))
            with pytest.raises(InvalidError, match=said):
                world.functions.bind(
                    api_pb2.FunctionBindParamsRequest(function_id=base.function_id, function_options=options)
                )

    play(scene)


def test_a_container_that_dies_under_an_input_is_replaced_once_and_then_said(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define("train").function_id, 1)
        for _ in range(2):
            task_id = await world.container()
            await world.take(task_id)
            world.runtime.end(task_id, 7)
        [output] = await world.results(call_id)
        assert output.result.status == FAILURE
        assert output.result.exitcode == 7
        assert output.result.exception == (
            f"Container {task_id} of train exited by itself with status 7 while it worked on an input."
        )
        assert output.result.exception in world.log.lines

    play(scene)


def test_a_filled_memory_limit_is_said_with_the_limit_and_not_tried_again(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        resources = api_pb2.Resources(memory_mb=128, memory_mb_max=300)
        call_id = world.call(world.define(resources=resources).function_id, 1)
        task_id = await world.container()
        await world.take(task_id)
        world.runtime.end(task_id, 137, signal=9, out_of_memory=True)
        [output] = await world.results(call_id)
        assert "filled its memory limit of 300 MiB" in output.result.exception
        assert "memory=" in output.result.exception

    play(scene)


@pytest.mark.parametrize("why", ["crash", "timeout"])
def test_another_attempt_begins_once_the_last_commit_of_the_one_before_is_done(play: Play, why: str) -> None:
    async def scene(world: CallWorld) -> None:
        world.volumes.last_commit = asyncio.Event()
        retrying = api_pb2.FunctionRetryPolicy(retries=3, backoff_coefficient=1.0)
        world.call(world.define(timeout_secs=1, retry_policy=retrying).function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        if why == "crash":
            world.runtime.end(task_id, 137, signal=9)
        else:
            await wait_until(lambda: task_id in world.runtime.killed)
        assert await settled(world) == 0, "its volumes are not committed yet"
        world.volumes.last_commit.set()
        assert (await world.take(await world.container()))[0][0] == input_id

    play(scene)


def test_code_that_does_not_import_fails_the_call_with_its_own_exception(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define().function_id, 1)
        task_id = await world.container()
        said = api_pb2.GenericResult(status=FAILURE, exception="ModuleNotFoundError", data=b"pickled")  # type: ignore[arg-type]
        world.containers.failed_to_start(task_id, said)
        world.runtime.end(task_id, 0)
        [output] = await world.results(call_id)
        assert output.result.data == b"pickled"
        assert await settled(world) == 0

    play(scene)


def test_a_container_that_cannot_be_made_fails_the_call_with_the_reason(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.runtime.fails = "namespaces are closed; homeport doctor names the cure"
        call_id = world.call(world.define().function_id, 1)
        [output] = await world.results(call_id)
        assert "could not start: namespaces are closed" in output.result.exception

    play(scene)


def test_a_deployed_app_waits_longer_after_each_failed_start(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.app(api_pb2.APP_STATE_DEPLOYED)
        world.runtime.fails = "disk full"
        call_id = world.call(world.define().function_id, 1)
        assert not await world.results(call_id, 0.3)
        assert len(world.log.lines) == 1
        world.runtime.fails = ""
        [(input_id, _, _)] = await world.take(task_id := await world.container())
        world.answer(task_id, input_id)
        assert len(await world.results(call_id)) == 1

    play(scene)


def test_a_start_that_takes_too_long_ends_with_a_sentence(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define(startup_timeout_secs=1).function_id, 1)
        await world.container()
        [output] = await world.results(call_id, 5.0)
        assert "startup_timeout of 1 s" in output.result.exception

    play(scene)


def test_a_container_that_waits_for_a_nested_call_leaves_its_place_to_it(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        outer, inner = world.define("outer").function_id, world.define("inner").function_id
        world.call(outer, 1)
        task_id = await world.container()
        await world.take(task_id)
        world.containers.blocked(task_id, +1)
        world.call(inner, 1, 2, kind=MAP)
        assert await settled(world) == 2
        world.containers.blocked(task_id, -1)

    play(scene, Machine(cpus=1, memory_mib=1000))


def test_a_function_that_calls_itself_does_not_wait_for_ever(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define().function_id
        for depth in range(1, 5):
            world.call(function_id, depth)
            task_id = await world.container(depth)
            await world.take(task_id)
            world.containers.blocked(task_id, +1)

    play(scene, Machine(cpus=1, memory_mib=1000))


def test_a_gpu_goes_to_one_container_and_then_to_the_next_function(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        gpu = api_pb2.Resources(gpu_config=api_pb2.GPUConfig(gpu_type="H100", count=1))
        train = world.define("train", resources=gpu).function_id
        evaluate = world.define("evaluate", resources=gpu).function_id
        world.call(train, 1)
        task_id = await world.container()
        assert world.runtime.specs[task_id].gpu_devices == (3,)
        [(input_id, _, _)] = await world.take(task_id)
        world.call(evaluate, 2)
        assert await settled(world) == 1  # it waits for the device
        world.answer(task_id, input_id)
        assert await world.take(task_id) == []  # told to end, although its window is not over
        world.runtime.end(task_id, 0)
        assert world.runtime.specs[await world.container()].gpu_devices == (3,)

    play(scene, GPU_MACHINE)


def test_stopping_an_app_ends_its_containers(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.call(world.define().function_id, 1)
        task_id = await world.container()
        await world.take(task_id)
        world.calls.stop_app(APP, "App ap-test was stopped.")
        await world.containers.stop_app(APP)
        assert task_id in world.runtime.killed
        assert not world.runtime.alive

    play(scene)


def test_a_stopped_container_hands_its_input_to_another(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.call(world.define().function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        await world.containers.stop(task_id, graceful=False)
        await settled(world)
        other = await world.container()
        assert await world.take(other) == [(input_id, 0, b"1")]

    play(scene)


def test_containers_of_an_older_definition_finish_and_get_nothing_new(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define()
        world.call(definition.function_id, 1)
        old = await world.container()
        [(input_id, _, _)] = await world.take(old)
        world.define(existing=definition.function_id)
        world.containers.prepare_app(APP)
        second = world.call(definition.function_id, 2)
        world.answer(old, input_id, status=SUCCESS)
        assert await world.take(old) == []
        new = await world.container(2)
        [(input_id, _, _)] = await world.take(new)
        world.answer(new, input_id)
        assert len(await world.results(second)) == 1

    play(scene)


def test_a_container_gets_the_client_that_described_its_function(play: Play) -> None:
    """Not the one that made the app: it is deployed again after an upgrade, and by another colleague."""

    async def scene(world: CallWorld) -> None:
        older = world.define(client_version="1.4.3")
        world.call(older.function_id, 1)
        first = world.runtime.specs[await world.container()]
        newer = world.define(existing=older.function_id, client_version="1.6.4")
        world.call(newer.function_id, 2)
        await world.container(2)
        second = next(spec for spec in world.runtime.specs.values() if spec.task_id != first.task_id)
        assert [spec.overlays[-1].name for spec in (first, second)] == ["client-1.4.3", "client-1.6.4"]
        await world.restart()
        assert world.functions.get(older.function_id).client_version == "1.6.4"

    play(scene)


def test_what_a_container_is_told_of_its_app(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        other = world.define("other")
        dependencies = [api_pb2.ObjectDependency(object_id="st-1")]
        definition = world.define(secret_ids=["st-1"], object_dependencies=dependencies)
        world.call(definition.function_id, 1)
        spec = world.runtime.specs[await world.container()]
        arguments = api_pb2.ContainerArguments.FromString(spec.container_arguments)
        assert dict(arguments.app_layout.function_ids) == {
            "f": definition.function_id,
            "other": other.function_id,
        }
        known = {entry.object_id: entry for entry in arguments.app_layout.objects}
        assert known.keys() == {"st-1", definition.function_id, other.function_id}
        assert known[other.function_id].function_handle_metadata.function_name == "other"
        assert spec.env["KEY"] == "hunter2"
        assert "MODAL_TASK_ID" not in spec.env  # a warm parent serves many tasks
        image = json.loads((world.home.tasks / spec.task_id / "image.json").read_text())
        assert image == {"image_id": "im-1"}
        written = (world.home.tasks / spec.task_id / "environment.json").read_text()
        assert "hunter2" not in written
        assert {row["name"] for row in json.loads(written)} == set(spec.env)

    play(scene)
