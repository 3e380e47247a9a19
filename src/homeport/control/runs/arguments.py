"""A call's arguments by their names, decoded without running anything, each with where it came from."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from google.protobuf.message import DecodeError
from modal_proto import api_pb2

from homeport.control import classes
from homeport.control.definitions import Definition
from homeport.control.queues import Call as QueuedCall
from homeport.control.runs.inert_pickle import Inert, UnreadablePickleError, read_pickle
from homeport.record.masking import MASK, is_secret_name, masked
from homeport.record.run import Argument, Call

_MAX_TEXT: Final = 4096  # of one value as JSON
_MAX_DEPTH: Final = 12
_MAX_PARTS: Final = 1000


def call_of(
    call: QueuedCall,
    definition: Definition,
    first: api_pb2.FunctionInput | None,
    parent: QueuedCall | None,
) -> Call:
    """A call that is about to be made, as a record has it; `first` is its first input."""
    return Call(
        call_id=call.call_id,
        function=function_of(definition.tag, first),
        arguments=(
            *parameters_of(definition.params, definition.handle),
            *(arguments_of(first, definition.handle) if first is not None else ()),
        ),
        started_at=call.created_at,
        parent=parent.call_id if parent is not None else "",
    )


def function_of(tag: str, given: api_pb2.FunctionInput | None) -> str:
    """`Class.method` where an input names a method of a class's containers, `Class` where none is known."""
    if not tag.endswith(classes.SERVICE):
        return tag
    method = f".{given.method_name}" if given is not None and given.method_name else ""
    return f"{tag.removesuffix(classes.SERVICE)}{method}"


def arguments_of(
    given: api_pb2.FunctionInput, handle: api_pb2.FunctionHandleMetadata
) -> tuple[Argument, ...]:
    """The arguments by their names as far as the function's schema tells them."""
    if given.args_blob_id:
        return (Argument("*", f"<arguments of more than 1 MiB, in blob {given.args_blob_id}>"),)
    try:
        positional, named = _decoded(given)
    except (UnreadablePickleError, ValueError) as error:
        return (Argument("*", f"<{len(given.args)} bytes: {error}>"),)
    names = _names(handle, given.method_name)
    given_names = [names[i] if i < len(names) else f"*{i}" for i in range(len(positional))]
    found = [_argument(name, value) for name, value in zip(given_names, positional, strict=True)]
    found += [_argument(str(name), value) for name, value in named.items()]
    known = {argument.name for argument in found}
    found += [
        Argument(spec.name, "", "default")
        for spec in _schema(handle, given.method_name).arguments
        if spec.has_default and spec.name not in known
    ]
    return tuple(found)


def parameters_of(params: bytes, handle: api_pb2.FunctionHandleMetadata) -> tuple[Argument, ...]:
    """What a class's object was made with, as `self.NAME`: what is in its container depends on it."""
    if not params:
        return ()
    info = handle.class_parameter_info
    if info.format == api_pb2.ClassParameterInfo.PARAM_SERIALIZATION_FORMAT_PROTO:
        try:
            found = api_pb2.ClassParameterSet.FromString(params).parameters
        except DecodeError:
            return (Argument("self.*", f"<{len(params)} bytes>"),)
        defaults = {spec.name: _value(spec, "default_oneof") for spec in info.schema if spec.has_default}
        return tuple(_parameter(each.name, _value(each, "value_oneof"), defaults) for each in found)
    given = api_pb2.FunctionInput(args=params, data_format=api_pb2.DATA_FORMAT_PICKLE)
    function = api_pb2.FunctionHandleMetadata(function_schema=api_pb2.FunctionSchema(arguments=info.schema))
    return tuple(replace(each, name=f"self.{each.name}") for each in arguments_of(given, function))


def _parameter(name: str, value: Any, defaults: Mapping[str, Any]) -> Argument:
    """The client sends defaults too."""
    found = _argument(f"self.{name}", value)
    return replace(found, came="default") if name in defaults and defaults[name] == value else found


def _value(message: api_pb2.ClassParameterValue | api_pb2.ClassParameterSpec, of: str) -> Any:
    kind = message.WhichOneof(of)  # type: ignore[arg-type]
    return Inert() if kind is None or kind.startswith("pickle") else getattr(message, kind)


def _argument(name: str, value: Any) -> Argument:
    return Argument(name, MASK if is_secret_name(name) and value else masked(shown(value)))


def shown(value: Any) -> str:
    """JSON where a value is plain; `<ClassName>` in the place of what is not."""
    try:
        text = json.dumps(_plain(value, _MAX_DEPTH, [_MAX_PARTS]), ensure_ascii=False)
    except (ValueError, RecursionError):  # a number of very many digits
        return f"<{type(value).__name__}>"
    if isinstance(value, Inert) and value.text() is None:
        text = f"<{value.label or 'object'}>"
    text = text.encode(errors="replace").decode()
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({len(text)} characters)"


def _decoded(given: api_pb2.FunctionInput) -> tuple[Sequence[Any], Mapping[Any, Any]]:
    if not given.args:
        return (), {}
    if given.data_format == api_pb2.DATA_FORMAT_CBOR:
        value = _read_cbor(given.args)
    else:
        value = read_pickle(given.args)
    match value:
        case (list() | tuple()) as positional, dict() as named:
            return positional, named
    raise ValueError("they are no positional and named arguments")


def _read_cbor(data: bytes) -> Any:
    import cbor2  # only clients of other languages send it

    try:
        return cbor2.loads(data, tag_hook=lambda decoder, tag: Inert(), max_depth=200)
    except TypeError:
        return cbor2.loads(data, tag_hook=lambda decoder, tag: Inert())
    except Exception as error:
        raise ValueError(f"they cannot be read: {type(error).__name__}") from None


def _schema(handle: api_pb2.FunctionHandleMetadata, method: str) -> api_pb2.FunctionSchema:
    if method and method in handle.method_handle_metadata:
        return handle.method_handle_metadata[method].function_schema
    return handle.function_schema


def _names(handle: api_pb2.FunctionHandleMetadata, method: str) -> list[str]:
    return [spec.name for spec in _schema(handle, method).arguments]


def _plain(value: Any, depth: int, left: list[int]) -> Any:
    """As JSON takes it. `left` is how many parts may still be shown: parts may share parts without end."""
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        return "…"
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Inert):
        text = value.text()
        return f"<{value.label or 'object'}>" if text is None else text
    if isinstance(value, dict):
        return {_key(key): _plain(part, depth - 1, left) for key, part in _some(value.items(), left)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part, depth - 1, left) for part in _some(value, left)]
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    label = value.__dict__.get("label") if isinstance(value, type) and issubclass(value, Inert) else None
    return f"<{label or type(value).__name__}>"


def _some(values: Any, left: list[int]) -> Any:
    for value in values:
        if left[0] < 0:
            return
        yield value


def _key(key: Any) -> str:
    return (
        key[:200]
        if isinstance(key, str)
        else f"<{type(key).__name__}>"
        if not isinstance(key, int)
        else str(key)
    )
