"""Listings of containers: what runs, and what is known of one."""

import sqlite3

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.model.errors import NotFoundError
from homeport.store.database import Database


class TaskServicer:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def TaskList(self, request: api_pb2.TaskListRequest, caller: Caller) -> api_pb2.TaskListResponse:
        rows = self._database.all(
            "running_tasks", app_id=request.app_id, environment=request.environment_name
        )
        return api_pb2.TaskListResponse(
            tasks=[
                api_pb2.TaskStats(
                    task_id=row["task_id"],
                    app_id=row["app_id"],
                    app_description=row["app_description"],
                    started_at=row["started_at"] or 0.0,
                    enqueued_at=row["enqueued_at"],
                )
                for row in rows
            ]
        )

    async def TaskGetInfo(
        self, request: api_pb2.TaskGetInfoRequest, caller: Caller
    ) -> api_pb2.TaskGetInfoResponse:
        row = self._database.one("listed_task", task_id=request.task_id)
        if row is None:
            raise NotFoundError(
                f"Container {request.task_id} does not exist; `modal container list` shows those that run."
            )
        return api_pb2.TaskGetInfoResponse(app_id=row["app_id"], info=_info(row))


def _info(row: sqlite3.Row) -> api_pb2.TaskInfo:
    info = api_pb2.TaskInfo(
        id=row["task_id"], started_at=row["started_at"] or 0.0, enqueued_at=row["enqueued_at"]
    )
    if row["finished_at"] is not None:
        info.finished_at = row["finished_at"]
        is_success = row["exit_code"] == 0
        info.result.status = (
            api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
            if is_success
            else api_pb2.GenericResult.GENERIC_STATUS_TERMINATED
        )
        info.result.exception = row["exit_reason"]
    return info
