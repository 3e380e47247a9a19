"""RPCs of apps: decode, one use case, encode."""

import sqlite3
from collections.abc import Callable, Iterable

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control import classes, deployments
from homeport.control.apps import Apps
from homeport.control.function_messages import stored_handle
from homeport.control.runs.runs import Runs
from homeport.model.ids import APP, new_id
from homeport.plan.suggestions import nearest
from homeport.store.database import Database

_SOURCES = {
    api_pb2.APP_STOP_SOURCE_CLI: "user stopped from CLI",
    api_pb2.APP_STOP_SOURCE_PYTHON_CLIENT: "user stopped from Python",
    api_pb2.APP_STOP_SOURCE_WEB: "user stopped from the browser",
}


class AppServicer:
    """`page_url` gives what the client shows as the place to look at an app, `warnings` what users have to
    know of functions, `runs` keeps a record of what is run and deployed."""

    def __init__(
        self,
        apps: Apps,
        database: Database,
        page_url: Callable[[str], str] | None = None,
        warnings: Callable[[Iterable[str]], list[str]] = lambda _: [],
        runs: Runs | None = None,
    ) -> None:
        self._runs = runs
        self._apps = apps
        self._database = database
        self._warnings = warnings
        self._page_url = page_url or (lambda app_id: f"modal app logs {app_id}")

    async def AppCreate(self, request: api_pb2.AppCreateRequest, caller: Caller) -> api_pb2.AppCreateResponse:
        app_id = new_id(APP)
        if self._runs is not None:
            self._runs.launching(app_id, await self._runs.launcher(caller.peer, caller.metadata))
        self._apps.create(
            request.description, request.environment_name, request.app_state, request.tags, app_id=app_id
        )
        url = self._page_url(app_id)
        return api_pb2.AppCreateResponse(app_id=app_id, app_page_url=url, app_logs_url=url)

    async def AppGetOrCreate(
        self, request: api_pb2.AppGetOrCreateRequest, caller: Caller
    ) -> api_pb2.AppGetOrCreateResponse:
        row = self._apps.get_or_create(
            request.environment_name,
            request.app_name,
            create=request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING,
        )
        return api_pb2.AppGetOrCreateResponse(app_id=row["app_id"], handle_metadata=self._metadata(row))

    async def AppLookup(self, request: api_pb2.AppLookupRequest, caller: Caller) -> api_pb2.AppLookupResponse:
        row = self._apps.deployed(request.environment_name, request.app_name)
        return api_pb2.AppLookupResponse(app_id=row["app_id"])

    async def AppGetByDeploymentName(
        self, request: api_pb2.AppGetByDeploymentNameRequest, caller: Caller
    ) -> api_pb2.AppGetByDeploymentNameResponse:
        environment = self._apps.environments.name(request.environment_name)
        deployed, previous = self._apps.named(environment, request.name)
        response = api_pb2.AppGetByDeploymentNameResponse(environment_name=environment)
        if deployed is not None:
            response.app_id = deployed["app_id"]
        if previous is not None:
            response.previous_app_id = previous["app_id"]
        row = deployed or previous
        if row is not None:
            response.lifecycle.CopyFrom(self._lifecycle(row))
        return response

    async def AppPublish(
        self, request: api_pb2.AppPublishRequest, caller: Caller
    ) -> api_pb2.AppPublishResponse:
        is_deployed = self._apps.state(request.app_id) == api_pb2.APP_STATE_DEPLOYED
        if self._runs is not None and is_deployed:
            launcher = await self._runs.launcher(caller.peer, caller.metadata)
            self._runs.redeploying(request.app_id, launcher)
        deployed_at = await self._apps.publish(request, caller.client_version)
        response = api_pb2.AppPublishResponse(url=self._page_url(request.app_id), deployed_at=deployed_at)
        # all at once: the client draws a box around each, and has drawn its tree of objects by now
        if sentences := self._warnings(request.function_ids.values()):
            response.server_warnings.add(message="\n".join(sentences))
        return response

    async def AppRollback(
        self, request: api_pb2.AppRollbackRequest, caller: Caller
    ) -> api_pb2.AppRollbackResponse:
        await self._rolling(request.app_id, caller)
        deployed_at = await self._apps.roll_back(request.app_id, request.version)
        return api_pb2.AppRollbackResponse(url=self._page_url(request.app_id), deployed_at=deployed_at)

    async def AppRollover(
        self, request: api_pb2.AppRolloverRequest, caller: Caller
    ) -> api_pb2.AppRolloverResponse:
        await self._rolling(request.app_id, caller)
        deployed_at = await self._apps.roll_over(request.app_id)
        return api_pb2.AppRolloverResponse(url=self._page_url(request.app_id), deployed_at=deployed_at)

    async def _rolling(self, app_id: str, caller: Caller) -> None:
        self._apps.get(app_id)  # raises for one that there is not
        if self._runs is not None:
            self._runs.rolling(app_id, await self._runs.launcher(caller.peer, caller.metadata))

    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest, caller: Caller) -> Empty:
        self._apps.heartbeat(request.app_id)
        return Empty()

    async def AppClientDisconnect(self, request: api_pb2.AppClientDisconnectRequest, caller: Caller) -> Empty:
        self._apps.disconnect(request.app_id, request.reason, request.exception)
        return Empty()

    async def AppStop(self, request: api_pb2.AppStopRequest, caller: Caller) -> Empty:
        why = _SOURCES.get(request.source, "user stopped it")
        await self._apps.stop(request.app_id, why, by=self._apps.user)
        return Empty()

    async def AppGetLayout(
        self, request: api_pb2.AppGetLayoutRequest, caller: Caller
    ) -> api_pb2.AppGetLayoutResponse:
        layout = self._apps.layout(request.app_id)
        functions = set(layout.function_ids.values())
        return api_pb2.AppGetLayoutResponse(
            app_layout=api_pb2.AppLayout(
                objects=[
                    *(item for item in self._functions(request.app_id) if item.object_id in functions),
                    *map(classes.described, layout.class_ids.values()),
                ],
                function_ids=layout.function_ids,
                class_ids=layout.class_ids,
            )
        )

    async def AppGetObjects(
        self, request: api_pb2.AppGetObjectsRequest, caller: Caller
    ) -> api_pb2.AppGetObjectsResponse:
        layout = self._apps.layout(request.app_id)
        known = {item.object_id: item for item in self._functions(request.app_id)}
        known.update((class_id, classes.described(class_id)) for class_id in layout.class_ids.values())
        tagged = {**layout.function_ids, **layout.class_ids}
        return api_pb2.AppGetObjectsResponse(
            items=[
                api_pb2.AppGetObjectsItem(
                    tag=tag, object=known.get(object_id, api_pb2.Object(object_id=object_id))
                )
                for tag, object_id in tagged.items()
            ]
        )

    async def AppGetLifecycle(
        self, request: api_pb2.AppGetLifecycleRequest, caller: Caller
    ) -> api_pb2.AppGetLifecycleResponse:
        return api_pb2.AppGetLifecycleResponse(lifecycle=self._lifecycle(self._apps.get(request.app_id)))

    async def AppGetInfo(
        self, request: api_pb2.AppGetInfoRequest, caller: Caller
    ) -> api_pb2.AppGetInfoResponse:
        return api_pb2.AppGetInfoResponse(info=self._metadata(self._apps.get(request.app_id)))

    async def AppList(self, request: api_pb2.AppListRequest, caller: Caller) -> api_pb2.AppListResponse:
        environment = self._apps.environments.name(request.environment_name)
        running = {row["app_id"]: row["running"] for row in self._database.all("running_tasks_by_app")}
        return api_pb2.AppListResponse(
            apps=[
                api_pb2.AppListResponse.AppListItem(
                    app_id=row["app_id"],
                    name=row["name"] or "",
                    description=row["description"],
                    state=row["state"],
                    created_at=row["created_at"],
                    stopped_at=row["stopped_at"] or 0.0,
                    n_running_tasks=running.get(row["app_id"], 0),
                    metadata=self._metadata(row),
                )
                for row in self._apps.listed(environment)
            ]
        )

    async def AppDeploymentHistory(
        self, request: api_pb2.AppDeploymentHistoryRequest, caller: Caller
    ) -> api_pb2.AppDeploymentHistoryResponse:
        self._apps.get(request.app_id)
        rows = deployments.versions(self._database, request.app_id)
        newest = rows[0]["version"] if rows else 0
        return api_pb2.AppDeploymentHistoryResponse(
            app_deployment_histories=[self._deployment(row, newest) for row in rows],
            production_app_version=newest,
        )

    async def AppSetTags(self, request: api_pb2.AppSetTagsRequest, caller: Caller) -> Empty:
        self._apps.set_tags(request.app_id, request.tags)
        return Empty()

    async def AppGetTags(
        self, request: api_pb2.AppGetTagsRequest, caller: Caller
    ) -> api_pb2.AppGetTagsResponse:
        return api_pb2.AppGetTagsResponse(tags=self._apps.tags(request.app_id))

    async def ObjectSuggest(
        self, request: api_pb2.ObjectSuggestRequest, caller: Caller
    ) -> api_pb2.ObjectSuggestResponse:
        environment = self._apps.environments.name(request.environment_name)
        known = self._suggestible(environment, request.kind)
        return api_pb2.ObjectSuggestResponse(
            suggestions=[known[name] for name in nearest(request.query, known, request.limit)]
        )

    def _suggestible(self, environment: str, kind: int) -> dict[str, api_pb2.ObjectSuggestion]:
        """What could have been meant, by the reference that a user types: APP or APP/FUNCTION."""
        known: dict[str, api_pb2.ObjectSuggestion] = {}
        for row in self._apps.listed(environment):
            if row["name"] is None:
                continue
            if kind == api_pb2.ObjectSuggestRequest.OBJECT_SUGGEST_KIND_APP:
                known[row["name"]] = api_pb2.ObjectSuggestion(object_name=row["name"])
            elif kind == api_pb2.ObjectSuggestRequest.OBJECT_SUGGEST_KIND_FUNCTION:
                for tag in self._apps.layout(row["app_id"]).function_ids:
                    known[f"{row['name']}/{tag}"] = api_pb2.ObjectSuggestion(
                        app_name=row["name"], object_name=tag
                    )
        return known

    def _deployment(self, row: sqlite3.Row, newest: int) -> api_pb2.AppDeploymentHistory:
        entry = api_pb2.AppDeploymentHistory(
            app_id=row["app_id"],
            version=row["version"],
            client_version=row["client_version"],
            deployed_at=row["deployed_at"],
            deployed_by=self._apps.user,
            tag=row["tag"],
            deployment_type=row["type"],
            rollback_version=row["rollback_version"],
            rollback_allowed=newest - deployments.KEPT < row["version"] < newest,
        )
        if row["commit_info"]:
            entry.commit_info.ParseFromString(row["commit_info"])
        return entry

    def _metadata(self, row: sqlite3.Row) -> api_pb2.AppHandleMetadata:
        return api_pb2.AppHandleMetadata(
            app_id=row["app_id"],
            description=row["description"],
            environment_name=row["environment"],
            lifecycle=self._lifecycle(row),
            functions=self._apps.layout(row["app_id"]).function_ids,
        )

    def _lifecycle(self, row: sqlite3.Row) -> api_pb2.AppLifecycle:
        newest = next(iter(deployments.versions(self._database, row["app_id"])), None)
        return api_pb2.AppLifecycle(
            app_state=row["state"],
            created_at=row["created_at"],
            created_by=self._apps.user,
            deployed_at=newest["deployed_at"] if newest else 0.0,
            deployed_by=self._apps.user if newest else "",
            version=newest["version"] if newest else 0,
            stopped_at=row["stopped_at"] or 0.0,
            stopped_by=row["stopped_by"],
        )

    def _functions(self, app_id: str) -> list[api_pb2.Object]:
        return [
            api_pb2.Object(
                object_id=row["function_id"],
                function_handle_metadata=stored_handle(row["handle_metadata"], row["definition_id"]),
            )
            for row in self._database.all("functions_of_app", app_id=app_id)
        ]
