"""Classes: what their handles say of their methods.

All methods of a class `C` run in containers of one function, its service function, whose tag is `C.*`: an
input names the method. A class has an id, which the app's layout keeps, and nothing else of its own.
Parameters of a class make variants of the service function (variants.py).
"""

from collections.abc import Mapping
from typing import Final

from modal_proto import api_pb2

from homeport.model.ids import CLASS, FUNCTION

SERVICE: Final = ".*"  # what follows the class's name in the tag of its service function

_TYPED = api_pb2.ClassParameterInfo.PARAM_SERIALIZATION_FORMAT_PROTO


def service_tag(class_tag: str) -> str:
    return class_tag + SERVICE


def add_methods(
    handle: api_pb2.FunctionHandleMetadata, methods: Mapping[str, api_pb2.MethodDefinition]
) -> None:
    """Gives the handle of a service function the handles of its class's methods."""
    for name, method in methods.items():
        described = handle.method_handle_metadata[name]
        described.function_name = method.function_name
        described.function_type = method.function_type
        described.is_method = True
        described.use_method_name = name
        described.definition_id = handle.definition_id
        described.app_id = handle.app_id
        described.web_url = method.web_url
        described.function_schema.CopyFrom(method.function_schema)
        described.supported_input_formats.extend(method.supported_input_formats)
        described.supported_output_formats.extend(method.supported_output_formats)


def needs_parameters(data: api_pb2.FunctionData) -> bool:
    """Whether only variants have containers: the class has `modal.parameter()`s."""
    return data.is_class and data.class_parameter_info.format == _TYPED


def class_ids(function_ids: Mapping[str, str], published: Mapping[str, str]) -> dict[str, str]:
    """The ids of all classes by tag, for a container. One that starts before its app is published finds no
    class in the layout, and needs an id all the same; nothing is ever looked up by it."""
    found = {
        tag.removesuffix(SERVICE): f"{CLASS}-{function_id.removeprefix(f'{FUNCTION}-')}"
        for tag, function_id in function_ids.items()
        if tag.endswith(SERVICE)
    }
    return {**found, **published}


def described(class_id: str) -> api_pb2.Object:
    """A class as handles want it: what they need of its methods the service function's handle has."""
    return api_pb2.Object(object_id=class_id, class_handle_metadata=api_pb2.ClassHandleMetadata())
