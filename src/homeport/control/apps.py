"""The life of apps: created, published, watched by heartbeats, stopped.

An ephemeral app lives as long as its client; a detached one outlives it until no call is pending; a deployed
one lives until it is stopped. Every state is written before it is acknowledged. Containers and calls are
others': they hook into `on_stop`, `on_publish` and `on_disconnect`.
"""

import asyncio
import getpass
import json
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from modal_proto import api_pb2

from homeport.control import deployments
from homeport.control.deployments import Layout
from homeport.control.environments import Environments
from homeport.control.heartbeats import CallLater, Heartbeats
from homeport.control.logs import Logs
from homeport.model import ids
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError, NotServedError
from homeport.store.database import Database

logger = logging.getLogger(__name__)

HEARTBEAT_LIMIT_S: Final = 60.0  # the client sends one every 15 s
RECENTLY_STOPPED_S: Final = 24 * 3600.0

Hook = Callable[[str], Awaitable[None]]
OnCreated = Callable[[str, str, str, bool], None]  # app id, name, environment, whether it will be deployed

_ENDED = (api_pb2.APP_STATE_STOPPING, api_pb2.APP_STATE_STOPPED)
# States in which the client's end is the app's end.
_NEEDS_CLIENT = (api_pb2.APP_STATE_INITIALIZING, api_pb2.APP_STATE_EPHEMERAL)
_WHY_DISCONNECTED: Final[Mapping[int, str]] = {
    api_pb2.APP_DISCONNECT_REASON_LOCAL_EXCEPTION: "uncaught exception raised locally",
    api_pb2.APP_DISCONNECT_REASON_KEYBOARD_INTERRUPT: "local client was interrupted",
    api_pb2.APP_DISCONNECT_REASON_ENTRYPOINT_COMPLETED: "local entrypoint completed",
    api_pb2.APP_DISCONNECT_REASON_DEPLOYMENT_EXCEPTION: "deployment failed",
    api_pb2.APP_DISCONNECT_REASON_REMOTE_EXCEPTION: "uncaught exception raised in remote container",
}


class Apps:
    """All apps of one engine. `open` must be called once in the running loop, before requests are served.

    on_stop: run when an app stops: end its containers, fail its calls. The app counts as stopped when all
        have returned, and its log as complete when all of its tasks have finished.
    on_publish: run after an app was published: its new definitions are in effect, and containers of older
        ones may drain.
    on_disconnect: run when a detached app lost its client: only its last triggered call goes on.
    on_created: told of an app that a client begins, within the transaction that writes it.
    on_emptied: run when all of that is done, for the last words in the app's log.
    stop_reasons: why apps will be stopped soon: said then, whatever their clients say when they leave.
    on_stopped: told once an app has stopped and all of its containers have ended.
    pending: how many calls of an app are unfinished; set by whoever builds the calls.
    """

    def __init__(
        self,
        database: Database,
        environments: Environments,
        logs: Logs,
        *,
        heartbeat_limit_s: float = HEARTBEAT_LIMIT_S,
        now: Callable[[], float] = time.time,
        call_later: CallLater | None = None,
    ) -> None:
        self.on_stop: list[Hook] = []
        self.on_publish: list[Hook] = []
        self.on_disconnect: list[Hook] = []
        self.on_created: list[OnCreated] = []
        self.on_emptied: list[Hook] = []
        self.stop_reasons: dict[str, str] = {}
        self.on_stopped: list[Callable[[str], None]] = []
        self.pending: Callable[[str], int] = lambda app_id: 0
        self.user = _user_name()
        self.environments = environments
        self._database = database
        self._logs = logs
        self._now = now
        self._heartbeats = Heartbeats(
            heartbeat_limit_s,
            self._client_overdue,
            call_later or (lambda delay_s, call: asyncio.get_running_loop().call_later(delay_s, call)),
        )
        self._stops: dict[str, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Takes the apps up where an earlier engine left them. Clients get the whole limit to be heard."""
        for row in self._database.all("unstopped_apps"):
            app_id = row["app_id"]
            if row["state"] == api_pb2.APP_STATE_STOPPING:
                self._stops[app_id] = asyncio.create_task(self._finish_stop(app_id))
            elif row["state"] == api_pb2.APP_STATE_DETACHED_DISCONNECTED:
                self.idle(app_id)
            elif row["heartbeat_at"] is not None:
                self._heartbeats.beat(app_id)

    async def close(self) -> None:
        """Stops watching. The apps stay as they are."""
        self._heartbeats.close()
        running = [*self._stops.values(), *self._background]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # What others ask

    def get(self, app_id: str) -> sqlite3.Row:
        """Raises NotFoundError."""
        row = self._database.one("app_by_id", app_id=app_id)
        if row is None:
            raise NotFoundError(f"App {app_id} does not exist; `modal app list` shows those that do.")
        return row

    def state(self, app_id: str) -> int:
        """The api_pb2.AppState. Raises NotFoundError."""
        return int(self.get(app_id)["state"])

    def require_running(self, app_id: str) -> None:
        """Raises FailedPreconditionError for an app that stops or stopped, NotFoundError."""
        row = self.get(app_id)
        if row["state"] in _ENDED:
            why = f" ({row['stop_reason']})" if row["stop_reason"] else ""
            raise FailedPreconditionError(f"App {app_id} is stopped{why}; run or deploy it again.")

    def layout(self, app_id: str) -> Layout:
        """What the newest version of an app holds. Raises NotFoundError."""
        self.get(app_id)
        return deployments.newest_layout(self._database, app_id)

    def deployed(self, environment: str, name: str) -> sqlite3.Row:
        """The deployed app of a name. Raises NotFoundError."""
        environment = self.environments.name(environment)
        row = self._deployed(environment, name)
        if row is None:
            raise NotFoundError(
                f"App '{name}' is not deployed in environment '{environment}'; "
                f"deploy it with: modal deploy FILE"
            )
        return row

    def named(self, environment: str, name: str) -> tuple[sqlite3.Row | None, sqlite3.Row | None]:
        """The deployed app of a name, or else the one that had it last."""
        deployed = self._deployed(environment, name)
        if deployed is not None:
            return deployed, None
        return None, self._database.one("previous_app_by_name", environment=environment, name=name)

    def listed(self, environment: str) -> list[sqlite3.Row]:
        """Live apps and those that stopped within a day."""
        after = self._now() - RECENTLY_STOPPED_S
        return self._database.all("apps_of_environment", environment=environment, stopped_after=after)

    # What clients do

    def create(
        self, description: str, environment: str, state: int, tags: Mapping[str, str], *, app_id: str = ""
    ) -> str:
        """A new app, initializing until it is published; its id. Raises NotFoundError, InvalidError."""
        if state not in (
            api_pb2.APP_STATE_EPHEMERAL,
            api_pb2.APP_STATE_DETACHED,
            api_pb2.APP_STATE_INITIALIZING,
            api_pb2.APP_STATE_UNSPECIFIED,
        ):
            name = api_pb2.AppState.Name(api_pb2.AppState.ValueType(state))
            raise InvalidError(f"An app cannot begin in the state {name}.")
        environment = self.environments.name(environment)
        is_deployment = state not in (api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_DETACHED)
        with self._database.transaction():
            app_id = self._add(
                environment,
                None,
                description,
                api_pb2.APP_STATE_INITIALIZING,
                is_detached=state == api_pb2.APP_STATE_DETACHED,
                tags=tags,
                app_id=app_id,
            )
            for hook in self.on_created:
                hook(app_id, description, environment, is_deployment)
        self._heartbeats.beat(app_id)
        return app_id

    def get_or_create(self, environment: str, name: str, *, create: bool) -> sqlite3.Row:
        """The deployed app of a name, or the app of an id. Raises NotFoundError."""
        if name.startswith("ap-") and len(name) == 25:
            return self.get(name)
        environment = self.environments.name(environment)
        row = self._deployed(environment, name)
        if row is not None or not create:
            return row or self.deployed(environment, name)
        app_id = self._add(environment, name, name, api_pb2.APP_STATE_DEPLOYED)
        return self.get(app_id)

    def heartbeat(self, app_id: str) -> None:
        """The client lives. Raises FailedPreconditionError for a stopped app, so that the client knows."""
        self.require_running(app_id)
        row = self.get(app_id)
        if row["heartbeat_at"] is None:  # deployed, or its client said goodbye
            return
        self._database.run("set_app_heartbeat", app_id=app_id, heartbeat_at=self._now())
        self._heartbeats.beat(app_id)
        if row["state"] == api_pb2.APP_STATE_DETACHED_DISCONNECTED:  # it had only been silent
            self._set_state(row, api_pb2.APP_STATE_DETACHED, heartbeat_at=self._now())

    async def publish(self, request: api_pb2.AppPublishRequest, client_version: str) -> float:
        """Makes the app's functions callable; when it was deployed, seconds since the epoch.

        Raises FailedPreconditionError, InvalidError, NotFoundError, NotServedError.
        """
        if request.staged:
            raise NotServedError("Homeport does not serve staged deployments; deploy without --staged.")
        self.require_running(request.app_id)
        row = self.get(request.app_id)
        state = request.app_state or int(row["state"])
        deployed_at = self._now()
        if state == api_pb2.APP_STATE_DEPLOYED:
            await self._deploy(row, request, client_version, deployed_at)
        else:
            with self._database.transaction():
                deployments.put_layout(self._database, request, client_version, deployed_at)
                self._set_state(row, state, heartbeat_at=self._now())
            await self._published(request.app_id)
        if request.tags:
            self.set_tags(request.app_id, request.tags)
        return deployed_at

    async def roll_back(self, app_id: str, version: int) -> float:
        """Deploys an older version again, the one before the newest for a negative `version`; when it was.

        Raises FailedPreconditionError, NotFoundError.
        """
        return await self._redeploy(
            app_id, lambda at: deployments.roll_back(self._database, app_id, version, at)
        )

    async def roll_over(self, app_id: str) -> float:
        """Deploys the newest version again, for new containers; when it was. Raises as `roll_back`."""
        return await self._redeploy(app_id, lambda at: deployments.roll_over(self._database, app_id, at))

    def disconnect(self, app_id: str, reason: int, exception: str) -> None:
        """The client left. Without effect on deployed and stopped apps. Raises NotFoundError."""
        why = _WHY_DISCONNECTED.get(reason, "local client disconnected")
        if exception and reason == api_pb2.APP_DISCONNECT_REASON_LOCAL_EXCEPTION:
            why += f": {exception}"
        self._client_gone(self.get(app_id), why, is_goodbye=True)

    async def stop(self, app_id: str, why: str, *, by: str = "") -> None:
        """Stops an app and waits until its containers are gone. Raises NotFoundError."""
        self._begin_stop(self.get(app_id), why, by)
        stopping = self._stops.get(app_id)
        if stopping is not None:
            await asyncio.shield(stopping)

    def idle(self, app_id: str) -> None:
        """An app may have no pending call any more; a detached one without client ends then."""
        row = self._database.one("app_by_id", app_id=app_id)
        if row is None or row["state"] != api_pb2.APP_STATE_DETACHED_DISCONNECTED:
            return
        if self.pending(app_id) == 0:
            self._begin_stop(row, "no calls left and no client connected", "")

    def tags(self, app_id: str) -> dict[str, str]:
        return dict(json.loads(self.get(app_id)["tags"]))

    def set_tags(self, app_id: str, tags: Mapping[str, str]) -> None:
        self.get(app_id)
        self._database.run("set_app_tags", app_id=app_id, tags=json.dumps(dict(tags)))

    # Steps

    def _add(
        self,
        environment: str,
        name: str | None,
        description: str,
        state: int,
        *,
        is_detached: bool = False,
        tags: Mapping[str, str] | None = None,
        app_id: str = "",
    ) -> str:
        app_id = app_id or ids.new_id(ids.APP)
        self._database.run(
            "add_app",
            app_id=app_id,
            environment=self.environments.name(environment),
            name=name,
            description=description,
            state=state,
            detached=is_detached,
            created_at=self._now(),
            heartbeat_at=None if state == api_pb2.APP_STATE_DEPLOYED else self._now(),
            tags=json.dumps(dict(tags or {})),
        )
        return app_id

    def _deployed(self, environment: str, name: str) -> sqlite3.Row | None:
        return self._database.one(
            "app_by_name", environment=environment, name=name, state=api_pb2.APP_STATE_DEPLOYED
        )

    async def _deploy(
        self, row: sqlite3.Row, request: api_pb2.AppPublishRequest, client_version: str, deployed_at: float
    ) -> None:
        if not request.name:
            raise InvalidError(f"App {row['app_id']} cannot be deployed without a name.")
        older = self._deployed(row["environment"], request.name)
        with self._database.transaction():
            deployments.add_version(self._database, request, client_version, deployed_at)
            self._database.run("name_app", app_id=row["app_id"], name=request.name, description=request.name)
            self._set_state(row, api_pb2.APP_STATE_DEPLOYED, heartbeat_at=None)
        self._heartbeats.forget(row["app_id"])
        if older is not None and older["app_id"] != row["app_id"]:  # two first deployments at once
            self._begin_stop(older, f"replaced by {row['app_id']}", "")
        await self._published(row["app_id"])

    async def _redeploy(self, app_id: str, add_version: Callable[[float], None]) -> float:
        if self.state(app_id) != api_pb2.APP_STATE_DEPLOYED:
            raise FailedPreconditionError(f"App {app_id} is not deployed; deploy it with: modal deploy FILE")
        deployed_at = self._now()
        with self._database.transaction():
            add_version(deployed_at)
        await self._published(app_id)
        return deployed_at

    async def _published(self, app_id: str) -> None:
        for hook in self.on_publish:
            await hook(app_id)

    def _set_state(self, row: sqlite3.Row, state: int, *, heartbeat_at: float | None) -> None:
        self._database.run(
            "set_app_state",
            app_id=row["app_id"],
            state=state,
            detached=row["detached"] or state == api_pb2.APP_STATE_DETACHED,
            heartbeat_at=heartbeat_at,
        )

    def _client_overdue(self, app_id: str) -> None:
        row = self._database.one("app_by_id", app_id=app_id)
        if row is not None:
            self._client_gone(row, "local client disconnected without a word", is_goodbye=False)

    def _client_gone(self, row: sqlite3.Row, why: str, *, is_goodbye: bool) -> None:
        app_id = row["app_id"]
        if row["state"] in _NEEDS_CLIENT:
            self._begin_stop(row, why, "")
        elif row["state"] in (api_pb2.APP_STATE_DETACHED, api_pb2.APP_STATE_DETACHED_DISCONNECTED):
            self._heartbeats.forget(app_id)
            self._set_state(
                row,
                api_pb2.APP_STATE_DETACHED_DISCONNECTED,
                heartbeat_at=None if is_goodbye else row["heartbeat_at"],
            )
            self._spawn(self._leave_alone(app_id))

    async def _leave_alone(self, app_id: str) -> None:
        for hook in self.on_disconnect:
            await hook(app_id)
        self.idle(app_id)

    def _begin_stop(self, row: sqlite3.Row, why: str, by: str) -> None:
        """Writes that the app stops; the rest goes on in the background, and after a restart."""
        app_id = row["app_id"]
        if row["state"] in _ENDED:
            return
        why = self.stop_reasons.pop(app_id, why)
        self._heartbeats.forget(app_id)
        self._database.run(
            "begin_app_stop",
            app_id=app_id,
            state=api_pb2.APP_STATE_STOPPING,
            stop_reason=why,
            stopped_by=by,
        )
        self._logs.system(app_id, "", f"Stopping app - {why}.")
        self._stops[app_id] = asyncio.create_task(self._finish_stop(app_id))

    async def _finish_stop(self, app_id: str) -> None:
        try:
            results = await asyncio.gather(*(hook(app_id) for hook in self.on_stop), return_exceptions=True)
            for error in results:
                if isinstance(error, Exception):
                    logger.error("stopping %s: a step failed", app_id, exc_info=error)
            for hook in self.on_emptied:
                await hook(app_id)
            self._database.run(
                "finish_app_stop", app_id=app_id, state=api_pb2.APP_STATE_STOPPED, stopped_at=self._now()
            )
            self._logs.app_done(app_id)
            for on_stopped in self.on_stopped:
                on_stopped(app_id)
        finally:
            self._stops.pop(app_id, None)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _user_name() -> str:
    """The user whom the engine serves, as `modal app history` names who deployed."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without an entry
        return ""
