"""Apps, images, containers, and secrets' names: what the engine holds beside runs and volumes."""

import asyncio
import sqlite3
from typing import Final

from modal_proto import api_pb2
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homeport.control import deployments, known_images
from homeport.control.runs.records import RunFilter
from homeport.record.contracts.told import VERDICTS
from homeport.web.pages.render import answer
from homeport.web.pages.sources import Sources

_RUNS: Final = 20
_MOST: Final = 300
_PREFIX: Final = "APP_STATE_"


def object_routes(sources: Sources) -> list[Route]:
    async def apps(request: Request) -> Response:
        rows = [row for name in _environments(sources) for row in sources.apps.listed(name)]
        rows.sort(key=lambda row: (row["stopped_at"] is not None, -row["created_at"]))
        running = {row["app_id"]: row["running"] for row in sources.database.all("running_tasks_by_app")}
        shown = [(row, _state(row), running.get(row["app_id"], 0)) for row in rows[:_MOST]]
        return answer(request, "apps.html", rows=shown)

    async def app(request: Request) -> Response:
        row = sources.apps.get(request.path_params["app"])
        runs = await asyncio.to_thread(
            lambda: sources.records.rows(RunFilter(app=row["app_id"]), limit=_RUNS, page=0)
        )
        return answer(
            request,
            "app.html",
            row=row,
            state=_state(row),
            layout=sources.apps.layout(row["app_id"]),
            versions=deployments.versions(sources.database, row["app_id"])[:_RUNS],
            runs=runs,
            most=_RUNS,
            verdicts=VERDICTS,
        )

    async def secrets(request: Request) -> Response:
        found = [
            secret
            for name in _environments(sources)
            for secret in sources.secrets.page(name, float("inf"), _MOST)
        ]
        return answer(request, "secrets.html", secrets=found)

    async def containers(request: Request) -> Response:
        rows = sources.database.all("status_containers")
        rows.sort(key=lambda row: row["started_at"] or 0.0)
        return answer(request, "containers.html", rows=rows)

    async def images(request: Request) -> Response:
        return await asyncio.to_thread(
            lambda: answer(request, "images.html", images=known_images.images(sources.home), most=60)
        )

    return [
        Route("/apps", apps),
        Route("/apps/{app}", app),
        Route("/secrets", secrets),
        Route("/containers", containers),
        Route("/images", images),
    ]


def _environments(sources: Sources) -> list[str]:
    return [row["name"] for row in sources.environments.all()]


def _state(row: sqlite3.Row) -> str:
    name = api_pb2.AppState.Name(api_pb2.AppState.ValueType(row["state"]))
    return name.removeprefix(_PREFIX).lower().replace("_", ", ")
