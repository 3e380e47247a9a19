"""Answers about apps that the client of today does not ask for, or not with such contents."""

import asyncio

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.apps import AppServicer
from homeport.api.client import ClientServicer
from homeport.api.gateway import Caller
from homeport.api.tasks import TaskServicer
from homeport.control.lookups import Lookups
from tests.support.world import World

CALLER = Caller(None, {"x-modal-client-version": "1.6.4", "x-modal-token-id": "ak-1"})
DEPLOYED = api_pb2.APP_STATE_DEPLOYED


def test_layout_and_objects_tell_what_the_newest_version_holds(world: World) -> None:
    async def story() -> None:
        servicer = AppServicer(world.apps, world.database)
        app_id = world.new_app()
        metadata = api_pb2.FunctionHandleMetadata(function_name="f", definition_id="de-of-fu-1")
        for function_id in ("fu-1", "fu-of-an-older-version"):
            definition_id = f"de-of-{function_id}"
            world.database.run(
                "function_insert",
                function_id=function_id,
                definition_id=definition_id,
                app_id=app_id,
                tag="f",
                is_build_step=False,
                created_at=0,
            )
            world.database.run(
                "definition_insert",
                definition_id=definition_id,
                function_id=function_id,
                definition=b"",
                handle_metadata=metadata.SerializeToString(),
                client_version="1.6.4",
                created_at=0,
            )
        await servicer.AppPublish(
            api_pb2.AppPublishRequest(
                app_id=app_id,
                app_state=DEPLOYED,
                name="shop",
                function_ids={"f": "fu-1"},
                class_ids={"C": "cs-1"},
                commit_info=api_pb2.CommitInfo(commit_hash="abc", dirty=True),
            ),
            CALLER,
        )
        layout = await servicer.AppGetLayout(api_pb2.AppGetLayoutRequest(app_id=app_id), CALLER)
        assert dict(layout.app_layout.function_ids) == {"f": "fu-1"}
        assert [o.object_id for o in layout.app_layout.objects] == ["fu-1", "cs-1"]
        assert layout.app_layout.objects[0].function_handle_metadata == metadata
        objects = await servicer.AppGetObjects(api_pb2.AppGetObjectsRequest(app_id=app_id), CALLER)
        assert {item.tag: item.object.object_id for item in objects.items} == {"f": "fu-1", "C": "cs-1"}
        found = await servicer.AppLookup(api_pb2.AppLookupRequest(app_name="shop"), CALLER)
        assert found.app_id == app_id
        history = await servicer.AppDeploymentHistory(
            api_pb2.AppDeploymentHistoryRequest(app_id=app_id), CALLER
        )
        assert history.production_app_version == 1
        assert history.app_deployment_histories[0].commit_info.dirty
        assert Lookups(world.apps).class_id("main", "shop", "C") == "cs-1"

    asyncio.run(story())


def test_a_task_says_how_it_ended(world: World) -> None:
    async def story() -> None:
        servicer = TaskServicer(world.database)
        app_id = world.new_app()
        world.start_task(app_id, "ta-1", 100.0)
        running = await servicer.TaskGetInfo(api_pb2.TaskGetInfoRequest(task_id="ta-1"), CALLER)
        assert (running.app_id, running.info.finished_at) == (app_id, 0)
        world.finish_task("ta-1", 200.0, exit_code=137)
        ended = await servicer.TaskGetInfo(api_pb2.TaskGetInfoRequest(task_id="ta-1"), CALLER)
        assert ended.info.finished_at == 200.0
        assert ended.info.result.status == api_pb2.GenericResult.GENERIC_STATUS_TERMINATED
        listed = await servicer.TaskList(api_pb2.TaskListRequest(app_id=app_id), CALLER)
        assert list(listed.tasks) == []

    asyncio.run(story())


def test_who_the_token_stands_for(world: World) -> None:
    async def story() -> None:
        servicer = ClientServicer()
        assert (await servicer.ClientHello(Empty(), CALLER)).image_builder_version == "2025.06"
        assert (await servicer.TokenInfoGet(api_pb2.TokenInfoGetRequest(), CALLER)).token_id == "ak-1"
        assert (await servicer.WorkspaceNameLookup(Empty(), CALLER)).workspace_name == "homeport"

    asyncio.run(story())
