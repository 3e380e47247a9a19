"""What the wire's request becomes, and what is refused there."""

import pytest
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.api.images import ImageServicer, _definition, _result
from homeport.control.image_definition import BuildFunction
from homeport.control.images import BUILT, FAILED, INTERRUPTED, Image
from homeport.model.errors import FailedPreconditionError, InvalidError, NotServedError
from tests.unit.images.workshop import Shop, Workshop

CALLER = Caller(None, {"x-modal-client-version": "1.6.4"})


def request(**fields: object) -> api_pb2.ImageGetOrCreateRequest:
    image = api_pb2.Image(dockerfile_commands=["FROM base", "RUN x"], **fields)  # type: ignore[arg-type]
    return api_pb2.ImageGetOrCreateRequest(image=image, builder_version="2025.06", app_id="ap-1")


def test_everything_is_decoded() -> None:
    definition = _definition(
        request(
            base_images=[api_pb2.BaseImage(docker_tag="base", image_id="im-1")],
            context_files=[api_pb2.ImageContextFile(filename="/f", data=b"x")],
            context_mount_id="mo-1",
            secret_ids=["st-1"],
            image_registry_config=api_pb2.ImageRegistryConfig(secret_id="st-2"),
            build_args={"A": "1"},
            gpu_config=api_pb2.GPUConfig(gpu_type="T4", count=1),
        ),
        CALLER,
    )
    assert definition.commands == ("FROM base", "RUN x")
    assert definition.base_images == {"base": "im-1"}
    assert definition.context_files == {"/f": b"x"}
    assert definition.context_mount_id == "mo-1"
    assert definition.secret_ids == ("st-1",)
    assert definition.registry_secret_id == "st-2"
    assert definition.build_args == {"A": "1"}
    assert definition.gpu == "T4"
    assert definition.client_version == "1.6.4"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"build_function_def": "def f(): pass"}, "run_function"),
        ({"volume_mounts": [api_pb2.VolumeMount(volume_id="vo-1")]}, r"volumes="),
        ({"runtime": "gvisor"}, "gvisor"),
    ],
)
def test_what_is_not_served_is_refused_by_name(fields: dict[str, object], name: str) -> None:
    with pytest.raises(NotServedError, match=name):
        _definition(request(**fields), CALLER)


def test_a_build_function_is_told_apart_by_source_globals_and_input() -> None:
    def built(**fields: object) -> BuildFunction:
        image = api_pb2.Image(build_function=api_pb2.BuildFunction(**fields))  # type: ignore[arg-type]
        asked = api_pb2.ImageGetOrCreateRequest(
            image=image, builder_version="2025.06", build_function_id="fu-1"
        )
        function = _definition(asked, CALLER).function
        assert function is not None
        return function

    plain = built(definition="@decorated\ndef prepare(a):\n    pass\n{}", globals=b"g")
    assert plain.name == "prepare"
    assert not plain.input, "a call without arguments"
    others = [
        built(definition="def prepare(a):\n    pass\n{}", globals=b"g"),
        built(definition=plain.source, globals=b"other"),
        built(definition=plain.source, globals=b"g", input=api_pb2.FunctionInput(args=b"1")),
    ]
    assert len({found.parts for found in (plain, *others)}) == 4


def test_a_build_function_without_its_id() -> None:
    with pytest.raises(InvalidError, match="function's id"):
        _definition(request(build_function=api_pb2.BuildFunction(definition="def f(): pass")), CALLER)


def test_a_definition_without_commands() -> None:
    with pytest.raises(InvalidError):
        _definition(api_pb2.ImageGetOrCreateRequest(builder_version="2025.06"), CALLER)


def test_how_an_image_ended() -> None:
    statuses = api_pb2.GenericResult
    assert _result(Image("im-1", BUILT)).status == statuses.GENERIC_STATUS_SUCCESS
    failed = _result(Image("im-1", FAILED, "why", 7))
    assert (failed.status, failed.exception, failed.exitcode) == (statuses.GENERIC_STATUS_FAILURE, "why", 7)
    assert _result(Image("im-1", INTERRUPTED)).status == statuses.GENERIC_STATUS_TERMINATED


def test_a_build_is_followed_to_its_end(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        servicer = ImageServicer(shop.images)
        asked = request(base_images=[api_pb2.BaseImage(docker_tag="base", image_id=await shop.base())])
        asked.image.dockerfile_commands[:] = ["FROM base", "RUN echo followed; exit 4"]
        answer = await servicer.ImageGetOrCreate(asked, CALLER)
        assert not answer.result.status
        join = api_pb2.ImageJoinStreamingRequest(image_id=answer.image_id, timeout=55)
        messages = [message async for message in servicer.ImageJoinStreaming(join, CALLER)]
        assert any(log.data == "followed\n" for message in messages for log in message.task_logs)
        assert messages[-1].eof
        assert "exit status 4" in messages[-1].result.exception
        rejoin = api_pb2.ImageJoinStreamingRequest(
            image_id=answer.image_id, timeout=55, last_entry_id=messages[-2].entry_id
        )
        rest = [message async for message in servicer.ImageJoinStreaming(rejoin, CALLER)]
        assert [message.eof for message in rest] == [True]
        with pytest.raises(FailedPreconditionError):
            await servicer.ImageFromId(api_pb2.ImageFromIdRequest(image_id=answer.image_id), CALLER)

    workshop.run(use)


def test_a_stream_ends_at_its_timeout_and_goes_on_with_the_next(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        servicer = ImageServicer(shop.images)
        asked = request(base_images=[api_pb2.BaseImage(docker_tag="base", image_id=await shop.base())])
        asked.image.dockerfile_commands[:] = ["FROM base", "RUN sleep 0.6; echo timeout-test"]
        image_id = (await servicer.ImageGetOrCreate(asked, CALLER)).image_id
        entry, streams, logs = "", 0, ""
        done = False
        while not done:
            streams += 1
            join = api_pb2.ImageJoinStreamingRequest(image_id=image_id, timeout=0.2, last_entry_id=entry)
            async for message in servicer.ImageJoinStreaming(join, CALLER):
                entry = message.entry_id or entry
                logs += "".join(log.data for log in message.task_logs)
                done = bool(message.result.status)
        assert streams > 1
        assert logs.count("timeout-test\n") == 2  # the step's own line, and what it printed
        answer = await servicer.ImageFromId(api_pb2.ImageFromIdRequest(image_id=image_id), CALLER)
        assert answer.metadata.python_version_info.startswith("Python 3.")

    workshop.run(use)


def test_a_malformed_position(workshop: Workshop) -> None:
    async def use(shop: Shop) -> None:
        servicer = ImageServicer(shop.images)
        join = api_pb2.ImageJoinStreamingRequest(image_id="im-1", last_entry_id="x")
        with pytest.raises(InvalidError):
            _ = [message async for message in servicer.ImageJoinStreaming(join, CALLER)]

    workshop.run(use)
