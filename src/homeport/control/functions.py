"""Functions: their definitions as they came, and what the engine reads from them.

A definition is stored as the bytes that came (api_pb2.FunctionData). `Definition` is a projection of the one
that is in effect, kept in memory: deployments.py puts it in effect when the app is published. What runs of it
is left to containers.py, what is called of it to calls.py.
"""

import time
from collections.abc import Callable, Iterable
from sqlite3 import Row
from typing import Any

from modal_proto import api_pb2

from homeport.control import classes, deployments, variants
from homeport.control import function_messages as messages
from homeport.control.definitions import AppFacts, Definition, Projection
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError, NotServedError
from homeport.model.ids import DEFINITION, FUNCTION, new_id
from homeport.plan import options, resources
from homeport.store.database import Database

_STOPPED = (api_pb2.APP_STATE_STOPPED, api_pb2.APP_STATE_STOPPING)


class Functions:
    """All functions of one engine."""

    def __init__(self, db: Database, machine: resources.Machine, *, gpu_required: bool = False) -> None:
        self._db = db
        self._machine = machine
        self._projection = Projection(machine, gpu_required=gpu_required)
        self._known: dict[str, Definition] = {}
        self.on_defined: list[Callable[[Definition], None]] = []  # containers of it may be wanted soon
        self.web_url: Callable[[str, str, str], str] = lambda app, function, method: ""  # set by who serves
        self.on_bound: list[Callable[[Definition], None]] = []  # a variant is in effect at once

    def precreate(
        self, request: api_pb2.FunctionPrecreateRequest
    ) -> tuple[str, api_pb2.FunctionHandleMetadata]:
        """Reserves an id for a function that is about to be defined. Raises NotFoundError for its app."""
        app = self._open_app(request.app_id)
        row = self._existing(request.existing_function_id, app.app_id)
        function_id = row["function_id"] if row is not None else new_id(FUNCTION)
        definition_id = row["definition_id"] if row is not None else new_id(DEFINITION)
        handle = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            definition_id=definition_id,
            app_id=app.app_id,
        )
        classes.add_methods(handle, request.method_definitions)
        if row is None:
            self._add(function_id, request.function_name, b"", handle, "")
        return function_id, handle

    def create(self, request: api_pb2.FunctionCreateRequest, client_version: str) -> Definition:
        """Defines a function; one that the published app has already changes when the app is published again.

        Raises NotServedError for options that Homeport does not serve.
        """
        app = self._open_app(request.app_id)
        data = messages.data_of(request)
        if not data.ranked_functions:
            raise InvalidError("FunctionCreate came without a function.")
        tag = data.function_name
        messages.check_timeouts(tag, data)
        messages.check_scaling(tag, data.autoscaler_settings)
        gpu_configs = [ranked.function.resources.gpu_config for ranked in data.ranked_functions]
        messages.check_gpus(tag, gpu_configs, self._machine.gpus)
        messages.schedule_of(data.schedule)
        messages.judged(tag, data)
        row = self._existing(request.existing_function_id, app.app_id)
        function_id = row["function_id"] if row is not None else new_id(FUNCTION)
        messages.check_web_methods(tag, data)
        urls = {name: self.web_url(app.app_id, function_id, name) for name in messages.web_methods(data)}
        messages.set_urls(data, urls)
        handle = messages.handle_of(data, app.app_id, new_id(DEFINITION))
        definition = self._projection.of(function_id, app.app_id, data, handle, client_version)
        if definition.grant.refusal:
            raise FailedPreconditionError(definition.grant.refusal)
        is_published = function_id in deployments.newest_layout(self._db, app.app_id).function_ids.values()
        with self._db.transaction():
            written = data.SerializeToString()
            is_build_step = definition.is_build_step
            self._add(function_id, tag, written, handle, client_version, is_build_step=is_build_step)
            if not is_published:
                deployments.put_in_effect(self._db, {function_id: definition.definition_id})
        if not is_published:
            self.renew(app.app_id)
        _tell(self.on_defined, definition)
        return definition

    def warnings(self, function_ids: Iterable[str]) -> list[str]:
        """Which options of these functions are not as asked for, a sentence each. Raises NotFoundError."""
        found: list[str] = []
        for definition in sorted(map(self.get, function_ids), key=lambda definition: definition.tag):
            tag, data = definition.tag, definition.data
            found += [*messages.judged(tag, data), *definition.grant.warnings]
            if data.autoscaler_settings.min_containers and classes.needs_parameters(data):
                found.append(
                    f"{tag}: min_containers= holds for each set of parameters, from its first use on."
                )
        return list(dict.fromkeys(found))

    def published(self, app_id: str) -> list[Definition]:
        """What is in effect of an app's newest version, variants included; of all apps for ''."""
        return [self.get(row["function_id"]) for row in self._db.all("published_functions", app_id=app_id)]

    def renew(self, app_id: str) -> None:
        """A version of the app was published: its functions are read anew."""
        known = [d for d in self._known.values() if d.app_id == app_id and d.sandbox is None]
        for definition in known:
            del self._known[definition.function_id]

    def bind(self, request: api_pb2.FunctionBindParamsRequest) -> tuple[Definition, list[str]]:
        """The variant of a function with these parameters and options, the same one each time: its containers
        are its own. Raises NotServedError, NotFoundError, FailedPreconditionError."""
        base = self.get(request.function_id)
        self._open_app(base.app_id)
        if base.base_id:
            raise InvalidError(
                f"Function {base.function_id} is a variant itself; bind the one it was made of."
            )
        warnings = messages.judged_options(base.tag, request.function_options)
        gpu_config = request.function_options.resources.gpu_config
        messages.check_gpus(base.tag, [gpu_config], self._machine.gpus)
        made_of: dict[str, Any] = {
            "base_id": base.function_id,
            "params": request.serialized_params,
            "options": variants.written(request.function_options),
        }
        row = self._db.one("variant", **made_of)
        function_id = row["function_id"] if row is not None else new_id(FUNCTION)
        if row is None:
            base_row = self._db.one("function_by_id", function_id=base.function_id)
            assert base_row is not None
            variant = self._projection.of_variant(base_row, "", **made_of)
            messages.check_scaling(base.tag, variant.data.autoscaler_settings)
            if variant.grant.refusal:
                raise FailedPreconditionError(variant.grant.refusal)
            self._db.run(
                "variant_insert",
                function_id=function_id,
                definition_id=base.definition_id,
                app_id=base.app_id,
                tag=base.tag,
                created_at=time.time(),
                **made_of,
            )
        is_new = function_id not in self._known
        definition = self.get(function_id)
        if is_new:
            _tell(self.on_defined, definition)
            _tell(self.on_bound, definition)
        return definition, [*warnings, *(definition.grant.warnings if is_new else ())]

    def get(self, function_id: str) -> Definition:
        """Raises NotFoundError, also for a function that was only announced."""
        known = self._known.get(function_id)
        if known is not None:
            return known
        row = self._db.one("function_by_id", function_id=function_id)
        if row is None or not row["definition"]:
            raise NotFoundError(f"Function {function_id} does not exist on this engine.")
        definition = self._projection.of_row(row)
        self._known[function_id] = definition
        return definition

    def adopt(self, definition: Definition) -> None:
        """Has `get` find what sandbox_definition.py made, until it is dropped."""
        self._known[definition.function_id] = definition

    def drop(self, function_id: str) -> None:
        self._known.pop(function_id, None)

    def handles(self, app_id: str) -> list[tuple[str, api_pb2.FunctionHandleMetadata]]:
        """(function id, handle metadata) of each function of an app; no variants and steps of images."""
        return [
            (row["function_id"], messages.stored_handle(row["handle_metadata"], row["definition_id"]))
            for row in self._db.all("functions_of_app", app_id=app_id)
        ]

    def app(self, app_id: str) -> AppFacts:
        """Raises NotFoundError."""
        row = self._db.one("function_app", app_id=app_id)
        if row is None:
            raise NotFoundError(f"App {app_id} does not exist on this engine.")
        return AppFacts(
            app_id=app_id,
            environment=row["environment"],
            name=row["name"] or row["description"],
            deployed=row["state"] == api_pb2.APP_STATE_DEPLOYED,
            detached=bool(row["detached"]),
            stopped=row["state"] in _STOPPED,
        )

    def update_autoscaler(
        self, function_id: str, settings: api_pb2.AutoscalerSettings
    ) -> tuple[Definition, list[str]]:
        """Overrides the autoscaler settings that are set, until the app is deployed again.

        Raises InvalidError, NotServedError, NotFoundError.
        """
        verdict = options.judge(options.AUTOSCALER, messages.set_fields(settings), "AutoscalerSettings")
        definition = self.get(function_id)
        if verdict.refused:
            raise NotServedError(messages.not_served(definition.tag, verdict.refused))
        row = self._db.one("function_by_id", function_id=function_id)
        assert row is not None
        overrides = api_pb2.AutoscalerSettings.FromString(row["autoscaler"])
        overrides.MergeFrom(settings)
        merged = api_pb2.AutoscalerSettings()
        merged.CopyFrom(definition.data.autoscaler_settings)
        merged.MergeFrom(settings)
        messages.check_scaling(definition.tag, merged)
        messages.check_window(definition.tag, settings)
        self._db.run(
            "function_set_autoscaler", function_id=function_id, autoscaler=overrides.SerializeToString()
        )
        del self._known[function_id]
        return self.get(function_id), list(verdict.warnings)

    def variants(self, function_id: str) -> list[api_pb2.FunctionVariantInfo]:
        """The variants of a function, the newest first. Raises NotFoundError."""
        base = self.get(function_id)
        return [
            api_pb2.FunctionVariantInfo(
                function_id=row["function_id"],
                serialized_params=row["params"],
                function_options=api_pb2.FunctionOptions.FromString(row["options"]),
            )
            for row in self._db.all("variants_of_function", base_id=base.base_id or base.function_id)
        ]

    def _add(
        self,
        function_id: str,
        tag: str,
        definition: bytes,
        handle: api_pb2.FunctionHandleMetadata,
        client_version: str,
        *,
        is_build_step: bool = False,
    ) -> None:
        """Writes a definition, and the function where it is new."""
        now = time.time()
        with self._db.transaction():
            self._db.run(
                "function_insert",
                function_id=function_id,
                definition_id=handle.definition_id,
                app_id=handle.app_id,
                tag=tag,
                is_build_step=is_build_step,
                created_at=now,
            )
            self._db.run(
                "definition_insert",
                definition_id=handle.definition_id,
                function_id=function_id,
                definition=definition,
                handle_metadata=handle.SerializeToString(),
                client_version=client_version,
                created_at=now,
            )

    def _open_app(self, app_id: str) -> AppFacts:
        app = self.app(app_id)
        if app.stopped:
            raise FailedPreconditionError(f"App {app_id} has stopped; run or deploy it again.")
        return app

    def _existing(self, function_id: str, app_id: str) -> Row | None:
        """The function that a client says it has already; None where it says nothing."""
        if not function_id:
            return None
        row = self._db.one("function_by_id", function_id=function_id)
        if row is None or row["app_id"] != app_id:
            raise NotFoundError(f"Function {function_id} does not exist in app {app_id}.")
        return row


def _tell(hooks: list[Callable[[Definition], None]], definition: Definition) -> None:
    for hook in hooks:
        hook(definition)
