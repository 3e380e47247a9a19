"""Functions: their definitions as they came, and what the engine reads from them.

A definition is stored as the bytes that came (api_pb2.FunctionData). `Definition` is a projection of it, kept
in memory. What runs of it is left to containers.py, what is called of it to calls.py.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from modal_proto import api_pb2

from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError, NotServedError
from homeport.model.ids import FUNCTION, new_id
from homeport.plan import options, resources
from homeport.plan.retries import RetryPolicy
from homeport.store.database import Database

_DEFAULT_TIMEOUT_S = 300.0
_MAX_TIMEOUT_S = 24 * 3600  # Modal's own bound
_DEFAULT_SCALEDOWN_S = 60.0
_DEFINITION = "de"  # the prefix of a definition's id
_STOPPED = (api_pb2.APP_STATE_STOPPED, api_pb2.APP_STATE_STOPPING)


@dataclass(frozen=True)
class Definition:
    """A function as the engine works with it. Times in seconds."""

    function_id: str
    definition_id: str
    app_id: str
    tag: str
    function: api_pb2.Function
    data: api_pb2.FunctionData
    handle: api_pb2.FunctionHandleMetadata
    grant: resources.Grant
    policy: RetryPolicy
    timeout_s: float
    startup_timeout_s: float
    concurrency: int
    min_containers: int
    max_containers: int
    buffer_containers: int
    scaledown_s: float


@dataclass(frozen=True)
class AppFacts:
    """What functions and containers need to know of their app."""

    app_id: str
    environment: str
    name: str
    deployed: bool
    detached: bool
    stopped: bool
    client_version: str


class Functions:
    """All functions of one engine."""

    def __init__(self, db: Database, machine: resources.Machine, *, gpu_required: bool = False) -> None:
        self._db = db
        self._machine = machine
        self._gpu_required = gpu_required
        self._known: dict[str, Definition] = {}
        self.on_defined: list[Callable[[Definition], None]] = []

    def precreate(
        self, request: api_pb2.FunctionPrecreateRequest
    ) -> tuple[str, api_pb2.FunctionHandleMetadata]:
        """Reserves an id for a function that is about to be defined. Raises NotFoundError for its app."""
        app = self._open_app(request.app_id)
        if request.method_definitions:
            raise NotServedError(_not_served(request.function_name, ["modal.Cls (@app.cls)"]))
        function_id = self._existing(request.existing_function_id, app.app_id)
        if function_id:
            row = self._db.one("function_by_id", function_id=function_id)
            assert row is not None
            definition_id = row["definition_id"]
        else:
            function_id, definition_id = new_id(FUNCTION), new_id(_DEFINITION)
        handle = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            definition_id=definition_id,
            app_id=app.app_id,
        )
        if not request.existing_function_id:
            self._db.run(
                "function_insert",
                function_id=function_id,
                definition_id=definition_id,
                app_id=app.app_id,
                tag=request.function_name,
                definition=b"",
                handle_metadata=handle.SerializeToString(),
                created_at=time.time(),
            )
        return function_id, handle

    def create(self, request: api_pb2.FunctionCreateRequest) -> tuple[Definition, list[str]]:
        """Defines a function, and says which of its options are not as asked for. Raises NotServedError for
        those that Homeport does not serve."""
        app = self._open_app(request.app_id)
        data = _data_of(request)
        if not data.ranked_functions:
            raise InvalidError("FunctionCreate came without a function.")
        tag = data.function_name
        _check_timeouts(tag, data)
        warnings = self._judged(tag, data)
        function_id = self._existing(request.existing_function_id, app.app_id) or new_id(FUNCTION)
        definition_id = new_id(_DEFINITION)
        handle = _handle_of(data, app.app_id, definition_id)
        definition = self._project(function_id, definition_id, app.app_id, data, handle)
        if definition.grant.refusal:
            raise FailedPreconditionError(definition.grant.refusal)
        warnings.extend(definition.grant.warnings)
        with self._db.transaction():
            fields: dict[str, Any] = {
                "function_id": function_id,
                "definition_id": definition_id,
                "tag": tag,
                "definition": data.SerializeToString(),
                "handle_metadata": handle.SerializeToString(),
            }
            if not self._db.run("function_define", **fields).rowcount:
                self._db.run("function_insert", app_id=app.app_id, created_at=time.time(), **fields)
        self._known[function_id] = definition
        for hook in self.on_defined:
            hook(definition)
        return definition, warnings

    def get(self, function_id: str) -> Definition:
        """Raises NotFoundError, also for a function that was only announced."""
        known = self._known.get(function_id)
        if known is not None:
            return known
        row = self._db.one("function_by_id", function_id=function_id)
        if row is None or not row["definition"]:
            raise NotFoundError(f"Function {function_id} does not exist on this engine.")
        data = api_pb2.FunctionData.FromString(row["definition"])
        if row["autoscaler"]:
            data.autoscaler_settings.MergeFrom(api_pb2.AutoscalerSettings.FromString(row["autoscaler"]))
        handle = api_pb2.FunctionHandleMetadata.FromString(row["handle_metadata"])
        definition = self._project(function_id, row["definition_id"], row["app_id"], data, handle)
        self._known[function_id] = definition
        return definition

    def handles(self, app_id: str) -> list[tuple[str, api_pb2.FunctionHandleMetadata]]:
        """(function id, handle metadata) of each function of an app."""
        return [
            (row["function_id"], api_pb2.FunctionHandleMetadata.FromString(row["handle_metadata"]))
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
            client_version=row["client_version"],
        )

    def update_autoscaler(
        self, function_id: str, settings: api_pb2.AutoscalerSettings
    ) -> tuple[Definition, list[str]]:
        """Overrides the autoscaler settings that are set, until the function is defined anew."""
        verdict = options.judge(options.AUTOSCALER, _set_fields(settings), "AutoscalerSettings")
        definition = self.get(function_id)
        if verdict.refused:
            raise NotServedError(_not_served(definition.tag, verdict.refused))
        row = self._db.one("function_by_id", function_id=function_id)
        assert row is not None
        merged = api_pb2.AutoscalerSettings.FromString(row["autoscaler"])
        merged.MergeFrom(settings)
        self._db.run(
            "function_set_autoscaler", function_id=function_id, autoscaler=merged.SerializeToString()
        )
        del self._known[function_id]
        return self.get(function_id), list(verdict.warnings)

    def always_on(self) -> list[Definition]:
        """Functions of running apps that keep containers although nothing waits."""
        definitions = (self.get(row["function_id"]) for row in self._db.all("functions_of_live_apps"))
        return [definition for definition in definitions if definition.min_containers]

    def _open_app(self, app_id: str) -> AppFacts:
        app = self.app(app_id)
        if app.stopped:
            raise FailedPreconditionError(f"App {app_id} has stopped; run or deploy it again.")
        return app

    def _existing(self, function_id: str, app_id: str) -> str:
        if not function_id:
            return ""
        row = self._db.one("function_by_id", function_id=function_id)
        if row is None or row["app_id"] != app_id:
            raise NotFoundError(f"Function {function_id} does not exist in app {app_id}.")
        return function_id

    def _judged(self, tag: str, data: api_pb2.FunctionData) -> list[str]:
        """The warnings on a definition. Raises NotServedError with all that is refused at once."""
        verdicts = [options.judge(options.FUNCTION_DATA, _set_fields(data), "FunctionData")]
        verdicts.append(
            options.judge(options.AUTOSCALER, _set_fields(data.autoscaler_settings), "AutoscalerSettings")
        )
        for ranked in data.ranked_functions:
            function = ranked.function
            verdicts.append(options.judge(options.FUNCTION, _set_fields(function), "Function"))
            verdicts.append(options.judge(options.RESOURCES, _set_fields(function.resources), "Resources"))
            verdicts.extend(
                options.judge(options.VOLUME_MOUNT, _set_fields(mount), "VolumeMount")
                for mount in function.volume_mounts
            )
        refused = dict.fromkeys(name for verdict in verdicts for name in verdict.refused)
        if refused:
            raise NotServedError(_not_served(tag, refused))
        return list(dict.fromkeys(f"{tag}: {text}" for verdict in verdicts for text in verdict.warnings))

    def _project(
        self,
        function_id: str,
        definition_id: str,
        app_id: str,
        data: api_pb2.FunctionData,
        handle: api_pb2.FunctionHandleMetadata,
    ) -> Definition:
        ranked = sorted(data.ranked_functions, key=lambda entry: entry.rank)
        function = ranked[0].function
        asked = function.resources
        grant = resources.grant(
            data.function_name,
            resources.Request(
                cpu=asked.milli_cpu / 1000,
                cpu_limit=asked.milli_cpu_max / 1000,
                memory_mib=asked.memory_mb,
                memory_limit_mib=asked.memory_mb_max,
                gpus=[
                    (entry.function.resources.gpu_config.gpu_type, entry.function.resources.gpu_config.count)
                    for entry in ranked
                ],
            ),
            self._machine,
            gpu_required=self._gpu_required,
        )
        settings = data.autoscaler_settings
        timeout_s = float(function.timeout_secs) or _DEFAULT_TIMEOUT_S
        return Definition(
            function_id=function_id,
            definition_id=definition_id,
            app_id=app_id,
            tag=data.function_name,
            function=function,
            data=data,
            handle=handle,
            grant=grant,
            policy=_policy_of(function.retry_policy),
            timeout_s=timeout_s,
            startup_timeout_s=float(function.startup_timeout_secs) or timeout_s,
            concurrency=max(1, function.max_concurrent_inputs, function.batch_max_size),
            min_containers=settings.min_containers,
            max_containers=settings.max_containers,
            buffer_containers=settings.buffer_containers,
            scaledown_s=float(settings.scaledown_window) or _DEFAULT_SCALEDOWN_S,
        )


def _check_timeouts(tag: str, data: api_pb2.FunctionData) -> None:
    """Raises InvalidError for what Modal's cloud would not take either."""
    for ranked in data.ranked_functions:
        function = ranked.function
        for option, seconds in (
            ("timeout", function.timeout_secs),
            ("startup_timeout", function.startup_timeout_secs),
        ):
            if seconds > _MAX_TIMEOUT_S:
                raise InvalidError(
                    f"{option}={seconds} of {tag} is over Modal's limit of 24 hours. "
                    f"Give {option}={_MAX_TIMEOUT_S} at most."
                )


def _data_of(request: api_pb2.FunctionCreateRequest) -> api_pb2.FunctionData:
    """FunctionData as it came, or made of a single Function by the fields that both messages have."""
    if request.HasField("function_data"):
        return request.function_data
    if not request.HasField("function"):
        return api_pb2.FunctionData()
    data = api_pb2.FunctionData()
    known = data.DESCRIPTOR.fields_by_name
    for field, value in request.function.ListFields():
        if field.name not in known:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _copy_map(getattr(data, field.name), value)
        elif field.is_repeated:
            getattr(data, field.name).extend(value)
        elif field.message_type is not None:
            getattr(data, field.name).CopyFrom(value)
        else:
            setattr(data, field.name, value)
    data.ranked_functions.add(rank=0).function.CopyFrom(request.function)
    return data


def _copy_map(target: Any, source: Any) -> None:
    for key, value in source.items():
        if hasattr(value, "CopyFrom"):
            target[key].CopyFrom(value)
        else:
            target[key] = value


def _handle_of(data: api_pb2.FunctionData, app_id: str, definition_id: str) -> api_pb2.FunctionHandleMetadata:
    handle = api_pb2.FunctionHandleMetadata(
        function_name=data.function_name,
        function_type=data.function_type,
        is_method=data.is_method,
        definition_id=definition_id,
        supported_input_formats=data.supported_input_formats,
        supported_output_formats=data.supported_output_formats,
        app_id=app_id,
    )
    handle.function_schema.CopyFrom(data.function_schema)
    handle.class_parameter_info.CopyFrom(data.class_parameter_info)
    return handle


def _policy_of(policy: api_pb2.FunctionRetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        limit=policy.retries,
        initial_delay_s=policy.initial_delay_ms / 1000,
        backoff=policy.backoff_coefficient or 1.0,
        longest_delay_s=policy.max_delay_ms / 1000,
    )


def _set_fields(message: Any) -> Iterable[str]:
    """Names of the fields that carry anything: an empty sub-message carries nothing. Fields that these stubs
    do not know are named by their number."""
    from google.protobuf.unknown_fields import UnknownFieldSet  # needed once a definition, not at start-up

    for field, value in message.ListFields():
        if field.message_type is not None and not field.is_repeated and not value.ByteSize():
            continue
        yield field.name
    for unknown in UnknownFieldSet(message):  # type: ignore[attr-defined]
        yield f"field_{unknown.field_number}"


def _not_served(tag: str, names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"{tag} asks for {listed}, which Homeport does not serve yet; remove it, or run the app on Modal."
