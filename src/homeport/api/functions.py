"""Functions: announced, defined, looked up, tuned."""

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.containers import Containers
from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.lookups import Lookups


class FunctionServicer:
    def __init__(self, functions: Functions, containers: Containers, lookups: Lookups) -> None:
        self._functions = functions
        self._containers = containers
        self._lookups = lookups

    async def FunctionPrecreate(
        self, request: api_pb2.FunctionPrecreateRequest, caller: Caller
    ) -> api_pb2.FunctionPrecreateResponse:
        function_id, handle = self._functions.precreate(request)
        return api_pb2.FunctionPrecreateResponse(function_id=function_id, handle_metadata=handle)

    async def FunctionCreate(
        self, request: api_pb2.FunctionCreateRequest, caller: Caller
    ) -> api_pb2.FunctionCreateResponse:
        definition = self._functions.create(request, caller.client_version)
        if definition.is_build_step:  # what there is to say of others is said when their app is published
            for sentence in self._functions.warnings([definition.function_id]):
                caller.warn(sentence)
        return api_pb2.FunctionCreateResponse(
            function_id=definition.function_id,
            function=definition.function,
            handle_metadata=definition.handle,
            function_data=definition.data,
        )

    async def FunctionGet(
        self, request: api_pb2.FunctionGetRequest, caller: Caller
    ) -> api_pb2.FunctionGetResponse:
        function_id = self._lookups.function_id(
            request.environment_name, request.app_name, request.object_tag, request.app_version
        )
        definition = self._functions.get(function_id)
        return api_pb2.FunctionGetResponse(
            function_id=function_id, handle_metadata=definition.handle, function=definition.data
        )

    async def FunctionGetById(
        self, request: api_pb2.FunctionGetByIdRequest, caller: Caller
    ) -> api_pb2.FunctionGetByIdResponse:
        definition = self._functions.get(request.function_id)
        return api_pb2.FunctionGetByIdResponse(function=definition.data, handle_metadata=definition.handle)

    async def FunctionGetCurrentStats(
        self, request: api_pb2.FunctionGetCurrentStatsRequest, caller: Caller
    ) -> api_pb2.FunctionStats:
        waiting, containers, running = self._containers.stats(request.function_id)
        return api_pb2.FunctionStats(backlog=waiting, num_total_tasks=containers, num_running_inputs=running)

    async def FunctionUpdateSchedulingParams(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest, caller: Caller
    ) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        settings = request.settings
        if request.warm_pool_size_override and not settings.HasField("min_containers"):  # keep_warm of old
            settings.min_containers = request.warm_pool_size_override
        definition, warnings = self._functions.update_autoscaler(request.function_id, settings)
        for sentence in warnings:
            caller.warn(sentence)
        self._containers.settle(definition)
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=_settings(definition))

    async def FunctionGetSchedulingParams(
        self, request: api_pb2.FunctionGetSchedulingParamsRequest, caller: Caller
    ) -> api_pb2.FunctionGetSchedulingParamsResponse:
        response = api_pb2.FunctionGetSchedulingParamsResponse()
        response.autoscaler_configuration.settings.CopyFrom(
            _settings(self._functions.get(request.function_id))
        )
        return response


def _settings(definition: Definition) -> api_pb2.AutoscalerSettings:
    return api_pb2.AutoscalerSettings(
        min_containers=definition.min_containers,
        max_containers=definition.max_containers,
        buffer_containers=definition.buffer_containers,
        scaledown_window=int(definition.scaledown_s),
    )
