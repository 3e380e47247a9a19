"""A function's definition as the engine works with it: a projection of the messages that came.

Which definition is in effect is left to functions.py and deployments.py.
"""

from dataclasses import dataclass, replace
from sqlite3 import Row

from modal_proto import api_pb2

from homeport.control import classes, variants
from homeport.control import function_messages as messages
from homeport.plan import resources
from homeport.plan.retries import RetryPolicy

_DEFAULT_TIMEOUT_S = 300.0
_DEFAULT_SCALEDOWN_S = 60.0


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
    target_inputs: int  # how many inputs at once a container should have, of those that it would take
    min_containers: int
    max_containers: int
    buffer_containers: int
    scaledown_s: float
    client_version: str  # of the client that described it, which its containers get; '' is the engine's own
    base_id: str = ""  # of a variant: the function that it was made of
    params: bytes = b""  # of a variant: the parameters of its class, as they came
    sandbox: api_pb2.Sandbox | None = None  # its container runs this instead of a function

    @property
    def is_in_a_version(self) -> bool:
        """Whether a version of its app has it: steps of builds and sandboxes are made beside them."""
        return not self.is_build_step and self.sandbox is None

    @property
    def is_build_step(self) -> bool:
        """Whether it is called once, by the build of an image (Image.run_function)."""
        return self.function.is_builder_function

    @property
    def is_single_use(self) -> bool:
        """Whether its containers take one input each."""
        return self.function.single_use_containers or self.function.max_inputs == 1 or self.is_build_step


@dataclass(frozen=True)
class AppFacts:
    """What functions and containers need to know of their app."""

    app_id: str
    environment: str
    name: str
    deployed: bool
    detached: bool
    stopped: bool


class Projection:
    """Reads definitions for one machine: what a function gets of what it asks for depends on it."""

    def __init__(self, machine: resources.Machine, *, gpu_required: bool) -> None:
        self._machine = machine
        self._gpu_required = gpu_required

    def of_row(self, row: Row) -> Definition:
        """Of a row of `function_by_id`: a function or a variant."""
        function_id = row["function_id"]
        if row["base_id"]:
            return self.of_variant(
                row, function_id, row["base_id"], row["params"], row["options"], row["autoscaler"]
            )
        data = api_pb2.FunctionData.FromString(row["definition"])
        if row["autoscaler"]:
            data.autoscaler_settings.MergeFrom(api_pb2.AutoscalerSettings.FromString(row["autoscaler"]))
        handle = messages.stored_handle(row["handle_metadata"], row["definition_id"])
        return self.of(function_id, row["app_id"], data, handle, row["client_version"])

    def of_variant(
        self,
        row: Row,
        function_id: str,
        base_id: str,
        params: bytes,
        options: bytes,
        autoscaler: bytes = b"",
    ) -> Definition:
        """A variant has the definition of its function, whose `row` or own one tells it."""
        data = variants.applied(
            api_pb2.FunctionData.FromString(row["definition"]), api_pb2.FunctionOptions.FromString(options)
        )
        messages.check_timeouts(row["tag"], data)
        data.autoscaler_settings.MergeFrom(api_pb2.AutoscalerSettings.FromString(autoscaler))
        handle = messages.handle_of(data, row["app_id"], row["definition_id"])
        handle.base_function_id = base_id
        plain = self.of(function_id, row["app_id"], data, handle, row["client_version"])
        return replace(
            plain, base_id=base_id, params=params, min_containers=data.autoscaler_settings.min_containers
        )

    def of(
        self,
        function_id: str,
        app_id: str,
        data: api_pb2.FunctionData,
        handle: api_pb2.FunctionHandleMetadata,
        client_version: str,
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
            definition_id=handle.definition_id,
            app_id=app_id,
            tag=data.function_name,
            function=function,
            data=data,
            handle=handle,
            grant=grant,
            policy=messages.policy_of(function.retry_policy),
            timeout_s=timeout_s,
            startup_timeout_s=float(function.startup_timeout_secs) or timeout_s,
            target_inputs=(
                max(1, function.target_concurrent_inputs or function.max_concurrent_inputs)
                * max(1, function.batch_max_size)
            ),
            min_containers=0 if classes.needs_parameters(data) else settings.min_containers,
            max_containers=settings.max_containers,
            buffer_containers=settings.buffer_containers,
            scaledown_s=float(settings.scaledown_window) or _DEFAULT_SCALEDOWN_S,
            client_version=client_version,
        )
