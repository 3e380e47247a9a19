"""Versions of an app: which functions and classes each holds, by which definitions.

A deployed app has versions from 1; the layout of one that was never deployed is its version 0. A version puts
definitions in effect, and keeps its own for as long as it may be brought back.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from modal_proto import api_pb2

from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError
from homeport.model.ids import DEFINITION, new_id
from homeport.store.database import Database

KEPT: Final = 10  # versions that can be brought back; older ones lose definitions and images after a month

_STANDARD, _ROLLBACK, _ROLLOVER = (
    api_pb2.DEPLOYMENT_TYPE_STANDARD,
    api_pb2.DEPLOYMENT_TYPE_ROLLBACK,
    api_pb2.DEPLOYMENT_TYPE_ROLLOVER,
)


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
    return Layout() if row is None else _layout(row)


def versions(database: Database, app_id: str) -> list[sqlite3.Row]:
    """All deployments of an app, the newest first."""
    return database.all("app_versions_of_app", app_id=app_id)


def put_layout(
    database: Database, request: api_pb2.AppPublishRequest, client_version: str, published_at: float
) -> None:
    """What an app that is not deployed holds; publishing it again (`modal serve`) replaces it."""
    _publish(database, request, client_version, published_at, version=0)


def add_version(
    database: Database, request: api_pb2.AppPublishRequest, client_version: str, deployed_at: float
) -> None:
    """One more deployment."""
    newest = newest_layout(database, request.app_id).version
    _publish(database, request, client_version, deployed_at, version=newest + 1)


def roll_back(database: Database, app_id: str, version: int, deployed_at: float) -> None:
    """One more deployment, with what an older one had; the one before the newest for a negative `version`.

    Raises NotFoundError for a version that the app does not have, FailedPreconditionError where it cannot run
    any more.
    """
    newest = newest_layout(database, app_id).version
    if version < 0 and newest < 2:
        raise FailedPreconditionError(
            f"App {app_id} has no version before its first; deploy it again instead."
        )
    wanted = version if version >= 0 else newest - 1
    row = database.one("app_version", app_id=app_id, version=wanted) if wanted else None
    if row is None:
        has = f"versions v1 to v{newest}" if newest > 1 else "only version v1"
        raise NotFoundError(
            f"App {app_id} has no version v{wanted}; it has {has} (modal app history {app_id})."
        )
    if wanted == newest:
        raise FailedPreconditionError(
            f"Version v{wanted} of app {app_id} is the one that runs. To get new containers of it: "
            f"modal app rollover {app_id}"
        )
    layout = _layout(row)
    missing = _missing(database, layout)
    if missing:
        raise FailedPreconditionError(
            f"Version v{wanted} of app {app_id} cannot be brought back: {', '.join(missing)} of it is gone. "
            "Deploy its code again."
        )
    _add(database, row, layout, newest + 1, deployed_at, _ROLLBACK, rollback_version=wanted)


def roll_over(database: Database, app_id: str, deployed_at: float) -> None:
    """One more deployment of what runs, by definitions that outdate its containers."""
    row = database.one("newest_app_version", app_id=app_id)
    assert row is not None
    layout = _layout(row)
    copies: dict[str, str] = {}
    for function_id, definition_id in layout.definition_ids.items():
        copies[function_id] = new_id(DEFINITION)
        database.run(
            "definition_copy",
            definition_id=copies[function_id],
            copied_id=definition_id,
            created_at=deployed_at,
        )
    copied = Layout(layout.version, layout.function_ids, layout.class_ids, copies)
    _add(database, row, copied, layout.version + 1, deployed_at, _ROLLOVER)


def put_in_effect(database: Database, definition_ids: Mapping[str, str]) -> None:
    """From now on these definitions, by function, are what runs. Raises InvalidError for one that is not its
    function's."""
    for function_id, definition_id in definition_ids.items():
        row = database.one("definition_by_id", definition_id=definition_id)
        if row is None or row["function_id"] != function_id:
            raise InvalidError(f"Function {function_id} has no definition {definition_id}; deploy it again.")
        database.run("definition_put_in_effect", function_id=function_id, definition_id=definition_id)


def _publish(
    database: Database,
    request: api_pb2.AppPublishRequest,
    client_version: str,
    published_at: float,
    *,
    version: int,
) -> None:
    has_commit = request.HasField("commit_info")
    layout = Layout(version, request.function_ids, request.class_ids, _definitions(database, request))
    _write(
        database,
        request.app_id,
        layout,
        client_version=client_version or request.client_version,
        tag=request.deployment_tag,
        commit_info=request.commit_info.SerializeToString() if has_commit else None,
        deployed_at=published_at,
    )


def _definitions(database: Database, request: api_pb2.AppPublishRequest) -> dict[str, str]:
    """The definition of each function that is published: the one that is named, or its newest."""
    found: dict[str, str] = {}
    for function_id in request.function_ids.values():
        named = request.definition_ids.get(function_id, "")
        newest = None if named else database.one("newest_definition", function_id=function_id)
        if named or newest is not None:
            found[function_id] = named or newest["definition_id"]  # type: ignore[index]
    return found


def _add(
    database: Database,
    row: sqlite3.Row,
    layout: Layout,
    version: int,
    deployed_at: float,
    kind: int,
    *,
    rollback_version: int = 0,
) -> None:
    """A version made of an older one."""
    _write(
        database,
        row["app_id"],
        Layout(version, layout.function_ids, layout.class_ids, layout.definition_ids),
        client_version=row["client_version"],
        tag=row["tag"],
        commit_info=row["commit_info"],
        deployed_at=deployed_at,
        kind=kind,
        rollback_version=rollback_version,
    )


def _write(
    database: Database,
    app_id: str,
    layout: Layout,
    *,
    client_version: str,
    tag: str,
    commit_info: bytes | None,
    deployed_at: float,
    kind: int = _STANDARD,
    rollback_version: int = 0,
) -> None:
    put_in_effect(database, layout.definition_ids)
    database.run(
        "put_app_version",
        app_id=app_id,
        version=layout.version,
        function_ids=json.dumps(dict(layout.function_ids)),
        class_ids=json.dumps(dict(layout.class_ids)),
        definition_ids=json.dumps(dict(layout.definition_ids)),
        client_version=client_version,
        tag=tag,
        commit_info=commit_info,
        deployed_at=deployed_at,
        type=kind,
        rollback_version=rollback_version,
    )


def _layout(row: sqlite3.Row) -> Layout:
    return Layout(
        int(row["version"]),
        json.loads(row["function_ids"]),
        json.loads(row["class_ids"]),
        json.loads(row["definition_ids"]),
    )


def _missing(database: Database, layout: Layout) -> list[str]:
    """What a version needs and is not there any more: definitions, images, mounts, Secrets, Volumes."""
    missing: dict[str, None] = {}
    for tag, function_id in layout.function_ids.items():
        definition_id = layout.definition_ids.get(function_id, "")
        row = database.one("definition_by_id", definition_id=definition_id)
        if row is None or not row["definition"]:
            missing[f"the definition of {tag}"] = None
            continue
        for ranked in api_pb2.FunctionData.FromString(row["definition"]).ranked_functions:
            missing.update((found, None) for found in _missing_of(database, ranked.function))
    return list(missing)


def _missing_of(database: Database, function: api_pb2.Function) -> Iterable[str]:
    named = (
        ("image", [function.image_id]),
        ("mount", function.mount_ids),
        ("secret", function.secret_ids),
        ("volume", [mount.volume_id for mount in function.volume_mounts]),
    )
    for kind, object_ids in named:
        for object_id in object_ids:
            if database.one(f"{kind}_by_id", **{f"{kind}_id": object_id}) is None:
                yield f"{kind} {object_id}"
