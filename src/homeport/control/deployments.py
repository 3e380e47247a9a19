"""Versions of an app: which functions and classes each holds.

A deployed app has versions from 1; the layout of one that was never deployed is its version 0.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from modal_proto import api_pb2

from homeport.store.database import Database


@dataclass(frozen=True)
class Layout:
    """What one version of an app holds: ids by tag, and each function's definition."""

    version: int = 0
    function_ids: Mapping[str, str] = field(default_factory=dict)
    class_ids: Mapping[str, str] = field(default_factory=dict)
    definition_ids: Mapping[str, str] = field(default_factory=dict)


def newest_layout(database: Database, app_id: str) -> Layout:
    """An empty one for an app that was not published."""
    row = database.one("newest_app_version", app_id=app_id)
    if row is None:
        return Layout()
    return Layout(
        int(row["version"]),
        json.loads(row["function_ids"]),
        json.loads(row["class_ids"]),
        json.loads(row["definition_ids"]),
    )


def versions(database: Database, app_id: str) -> list[sqlite3.Row]:
    """All deployments of an app, the newest first."""
    return database.all("app_versions_of_app", app_id=app_id)


def put_layout(
    database: Database, request: api_pb2.AppPublishRequest, client_version: str, published_at: float
) -> None:
    """What an app that is not deployed holds; publishing it again (`modal serve`) replaces it."""
    _write(database, request, client_version, published_at, version=0)


def add_version(
    database: Database, request: api_pb2.AppPublishRequest, client_version: str, deployed_at: float
) -> None:
    """One more deployment."""
    newest = newest_layout(database, request.app_id).version
    _write(database, request, client_version, deployed_at, version=newest + 1)


def _write(
    database: Database,
    request: api_pb2.AppPublishRequest,
    client_version: str,
    published_at: float,
    *,
    version: int,
) -> None:
    has_commit = request.HasField("commit_info")
    database.run(
        "put_app_version",
        app_id=request.app_id,
        version=version,
        function_ids=json.dumps(dict(request.function_ids)),
        class_ids=json.dumps(dict(request.class_ids)),
        definition_ids=json.dumps(dict(request.definition_ids)),
        client_version=client_version or request.client_version,
        tag=request.deployment_tag,
        commit_info=request.commit_info.SerializeToString() if has_commit else None,
        deployed_at=published_at,
    )
