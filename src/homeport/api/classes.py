"""Classes, and variants of functions: made, looked up, bound to parameters and options."""

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.apps import Apps
from homeport.control.classes import service_tag
from homeport.control.functions import Functions
from homeport.control.lookups import Lookups
from homeport.model.ids import CLASS, new_id


class ClassServicer:
    def __init__(self, functions: Functions, apps: Apps, lookups: Lookups) -> None:
        self._functions = functions
        self._apps = apps
        self._lookups = lookups

    async def ClassCreate(
        self, request: api_pb2.ClassCreateRequest, caller: Caller
    ) -> api_pb2.ClassCreateResponse:
        """A class is no more than an id: its functions have the rest, and AppPublish writes the id."""
        self._apps.require_running(request.app_id)
        return api_pb2.ClassCreateResponse(
            class_id=request.existing_class_id or new_id(CLASS), handle_metadata=api_pb2.ClassHandleMetadata()
        )

    async def ClassGet(self, request: api_pb2.ClassGetRequest, caller: Caller) -> api_pb2.ClassGetResponse:
        names = request.environment_name, request.app_name
        class_id = self._lookups.class_id(*names, request.object_tag, request.app_version)
        function_id = self._lookups.function_id(*names, service_tag(request.object_tag))
        metadata = api_pb2.ClassHandleMetadata(
            class_function_id=function_id,
            class_function_metadata=self._functions.get(function_id).handle,
        )
        return api_pb2.ClassGetResponse(class_id=class_id, handle_metadata=metadata)

    async def FunctionBindParams(
        self, request: api_pb2.FunctionBindParamsRequest, caller: Caller
    ) -> api_pb2.FunctionBindParamsResponse:
        definition, warnings = self._functions.bind(request)
        for sentence in warnings:
            caller.warn(sentence)
        return api_pb2.FunctionBindParamsResponse(
            bound_function_id=definition.function_id, handle_metadata=definition.handle
        )

    async def FunctionListVariants(
        self, request: api_pb2.FunctionListVariantsRequest, caller: Caller
    ) -> api_pb2.FunctionListVariantsResponse:
        """All at once: there is no next page."""
        found = self._functions.variants(request.function_id)
        return api_pb2.FunctionListVariantsResponse(infos=found[: request.limit] if request.limit else found)
