"""Variants of functions: parameters of classes, options given at the call, and what they follow."""

from typing import Any

import pytest
from modal_proto import api_pb2

from homeport.control import classes, variants
from homeport.control.definitions import Definition
from homeport.model.errors import InvalidError, NotServedError
from tests.support.call_world import APP, FAILURE, CallWorld, Play

TYPED = api_pb2.ClassParameterInfo.PARAM_SERIALIZATION_FORMAT_PROTO


def bind(world: CallWorld, function_id: str, params: bytes = b"", **options: object) -> Definition:
    given = api_pb2.FunctionOptions(**options)  # type: ignore[arg-type]
    definition, _ = world.functions.bind(
        api_pb2.FunctionBindParamsRequest(
            function_id=function_id, serialized_params=params, function_options=given
        )
    )
    return definition


def define_class(world: CallWorld, existing: str = "", **fields: Any) -> Definition:
    method = api_pb2.MethodDefinition(
        function_name="C.look", function_type=api_pb2.Function.FUNCTION_TYPE_GENERATOR
    )
    return world.define(
        "C.*", existing=existing, is_class=True, method_definitions={"look": method}, **fields
    )


def test_equal_parameters_and_options_are_one_variant_with_containers_of_its_own(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        base = define_class(world).function_id
        tom = bind(world, base, b"Tom")
        assert bind(world, base, b"Tom", resources=api_pb2.Resources()).function_id == tom.function_id
        assert len({base, tom.function_id, bind(world, base, b"Ida").function_id}) == 3
        world.call(tom.function_id, 1)
        spec = world.runtime.specs[await world.container()]
        arguments = api_pb2.ContainerArguments.FromString(spec.container_arguments)
        assert arguments.serialized_params == b"Tom"
        assert arguments.function_id == tom.function_id
        # the container finds its class by the function that the variant was made of
        assert dict(arguments.app_layout.function_ids) == {"C.*": base}
        assert arguments.app_layout.class_ids["C"] in {o.object_id for o in arguments.app_layout.objects}

    play(scene)


def test_a_killed_engine_knows_its_variants(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        tom = bind(world, define_class(world).function_id, b"Tom", timeout_secs=7)
        world.call(tom.function_id, 1)
        await world.restart()
        assert world.functions.get(tom.function_id) == tom
        assert world.calls.backlog.waiting(tom.function_id) == 1

    play(scene)


def test_a_variant_follows_the_newest_definition_and_keeps_its_options(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        base = define_class(world, timeout_secs=60, secret_ids=["st-1"]).function_id
        tom = bind(world, base, b"Tom", timeout_secs=7)
        newer = define_class(
            world, existing=base, timeout_secs=90, secret_ids=["st-2"], client_version="1.6.5"
        )
        followed = world.functions.get(tom.function_id)
        assert followed.timeout_s == 7
        assert list(followed.function.secret_ids) == ["st-2"]
        assert followed.definition_id == newer.definition_id != tom.definition_id
        assert (tom.client_version, followed.client_version) == ("1.6.4", "1.6.5")

    play(scene)


def test_a_method_has_a_handle_that_names_it(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        base = define_class(world)
        for handle in (base.handle, bind(world, base.function_id, b"Tom").handle):
            method = handle.method_handle_metadata["look"]
            assert method.use_method_name == "look"
            assert method.is_method
            assert method.function_type == api_pb2.Function.FUNCTION_TYPE_GENERATOR
            assert method.app_id == APP

    play(scene)


def test_min_containers_of_a_class_with_parameters_are_kept_for_each_variant(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        info = api_pb2.ClassParameterInfo(format=TYPED)
        base = define_class(world, class_parameter_info=info, autoscaler_settings={"min_containers": 1})
        world.publish(base)
        assert base.min_containers == 0
        tom = bind(world, base.function_id, b"Tom")
        assert world.runtime.specs[await world.container()].task_id
        assert world.containers.stats(tom.function_id)[1] == 1
        assert {d.function_id for d in world.functions.published(APP) if d.min_containers} == {
            tom.function_id
        }

    play(scene)


def test_options_that_are_not_served_are_refused_by_name(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        base = define_class(world).function_id
        with pytest.raises(NotServedError, match=r"C\.\* asks for CloudBucketMount"):
            bind(world, base, cloud_bucket_mounts=[api_pb2.CloudBucketMount(bucket_name="b")])
        with pytest.raises(InvalidError, match="limit of 24 hours"):
            bind(world, base, timeout_secs=25 * 3600)
        with pytest.raises(InvalidError, match="is a variant itself"):
            bind(world, bind(world, base, b"Tom").function_id, b"Ida")

    play(scene)


def test_a_class_that_stops_gets_time_for_its_exit_handlers(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.call(define_class(world).function_id, 1)
        task_id = await world.container()
        await world.take(task_id)
        await world.containers.stop_app(APP)
        grace_s, is_interrupt = world.runtime.graces[task_id]
        assert is_interrupt
        assert 29.0 < grace_s <= 30.0

    play(scene)


def test_one_failing_enter_does_not_end_a_map_that_others_work_on(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = define_class(world).function_id
        world.call(function_id, 1)
        good = await world.container()
        [(input_id, _, _)] = await world.take(good)
        second = world.call(function_id, 2)
        bad = await world.container(2)
        world.containers.failed_to_start(bad, api_pb2.GenericResult(status=FAILURE))
        world.runtime.end(bad, 0)
        assert not await world.results(second, 0.1)
        world.answer(good, input_id)
        [(input_id, _, _)] = await world.take(good)
        world.answer(good, input_id)
        [output] = await world.results(second)
        assert output.result.status != FAILURE

    play(scene)


def test_each_call_of_a_class_that_fails_to_enter_starts_one_container(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.app(api_pb2.APP_STATE_DEPLOYED)
        function_id = define_class(world).function_id
        for calls in (1, 2, 3):
            call_id = world.call(function_id, 1)
            task_id = await world.container()
            said = api_pb2.GenericResult(status=FAILURE, exception="no weights")
            world.containers.failed_to_start(task_id, said)
            world.runtime.end(task_id, 0)
            [output] = await world.results(call_id)
            assert output.result.exception == "no weights"
            assert len(world.runtime.specs) == calls

    play(scene)


def test_variants_are_listed_with_what_they_were_made_of(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        base = define_class(world).function_id
        tom, ida = bind(world, base, b"Tom"), bind(world, base, b"Ida", timeout_secs=7)
        found = world.functions.variants(base)
        assert [entry.function_id for entry in found] == [ida.function_id, tom.function_id]
        assert [entry.serialized_params for entry in found] == [b"Ida", b"Tom"]
        assert found[0].function_options.timeout_secs == 7
        assert world.functions.variants(tom.function_id) == found

    play(scene)


def test_options_replace_what_they_name_and_leave_the_rest() -> None:
    function = api_pb2.Function(
        secret_ids=["st-1"],
        timeout_secs=60,
        resources=api_pb2.Resources(milli_cpu=1000, milli_cpu_max=2000, memory_mb=512, memory_mb_max=600),
    )
    data = api_pb2.FunctionData(
        ranked_functions=[api_pb2.FunctionData.RankedFunction(rank=0, function=function)],
        autoscaler_settings=api_pb2.AutoscalerSettings(min_containers=1),
    )
    given = api_pb2.FunctionOptions(
        secret_ids=["st-2"],
        replace_secret_ids=True,
        resources=api_pb2.Resources(memory_mb=1024),
        concurrency_limit=3,
        max_concurrent_inputs=5,
    )
    applied = variants.applied(data, given)
    changed = applied.ranked_functions[0].function
    assert list(changed.secret_ids) == ["st-2"]
    assert changed.timeout_secs == 60
    assert (changed.resources.milli_cpu, changed.resources.milli_cpu_max) == (1000, 2000)
    assert (changed.resources.memory_mb, changed.resources.memory_mb_max) == (1024, 0)
    assert changed.max_concurrent_inputs == 5
    assert applied.autoscaler_settings.max_containers == 3
    assert applied.autoscaler_settings.min_containers == 1


def test_a_gpu_that_is_given_stands_for_all_choices() -> None:
    data = api_pb2.FunctionData()
    for rank, gpu in enumerate(("H100", "A100")):
        entry = data.ranked_functions.add(rank=rank)
        entry.function.resources.gpu_config.gpu_type = gpu
    given = api_pb2.FunctionOptions()
    given.resources.gpu_config.gpu_type = "L4"
    [ranked] = variants.applied(data, given).ranked_functions
    assert ranked.function.resources.gpu_config.gpu_type == "L4"


def test_a_class_that_is_not_published_yet_has_an_id_all_the_same() -> None:
    found = classes.class_ids({"C.*": "fu-1", "D.*": "fu-2", "f": "fu-3"}, {"D": "cs-9"})
    assert found == {"C": "cs-1", "D": "cs-9"}
