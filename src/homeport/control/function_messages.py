"""Definitions of functions as messages: what they hold, and whether all of it can be served.

Which function a definition belongs to, and what the engine makes of it, is left to functions.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modal_proto import api_pb2

from homeport.control import classes
from homeport.model.errors import InvalidError, NotServedError
from homeport.plan import gpus, options
from homeport.plan.retries import RetryPolicy
from homeport.plan.schedules import Cron, Period, Schedule, check

MAX_TIMEOUT_S = 24 * 3600  # Modal's own bound
SCALEDOWN_WINDOW_S = (2, 3600)  # Modal's own bounds


def judged(tag: str, data: api_pb2.FunctionData) -> list[str]:
    """The warnings on a definition. Raises NotServedError with all that is refused at once."""
    verdicts = [options.judge(options.FUNCTION_DATA, set_fields(data), "FunctionData")]
    verdicts.append(
        options.judge(options.AUTOSCALER, set_fields(data.autoscaler_settings), "AutoscalerSettings")
    )
    for method in data.method_definitions.values():
        verdicts.append(options.judge(options.METHOD, set_fields(method), "MethodDefinition"))
    for webhook in web_methods(data).values():
        verdicts.append(options.judge(options.WEBHOOK, set_fields(webhook), "WebhookConfig"))
    for ranked in data.ranked_functions:
        function = ranked.function
        verdicts.append(options.judge(options.FUNCTION, set_fields(function), "Function"))
        verdicts.append(options.judge(options.RESOURCES, set_fields(function.resources), "Resources"))
        for method in function.method_definitions.values():
            verdicts.append(options.judge(options.METHOD, set_fields(method), "MethodDefinition"))
        verdicts.extend(
            options.judge(options.VOLUME_MOUNT, set_fields(mount), "VolumeMount")
            for mount in function.volume_mounts
        )
    return _warnings_of(tag, verdicts)


def judged_options(tag: str, given: api_pb2.FunctionOptions) -> list[str]:
    """As `judged`, for the options of a variant."""
    verdicts = [
        options.judge(options.VARIANT, set_fields(given), "FunctionOptions"),
        options.judge(options.RESOURCES, set_fields(given.resources), "Resources"),
    ]
    verdicts.extend(
        options.judge(options.VOLUME_MOUNT, set_fields(mount), "VolumeMount") for mount in given.volume_mounts
    )
    return _warnings_of(tag, verdicts)


def _warnings_of(tag: str, verdicts: Iterable[options.Verdict]) -> list[str]:
    found = list(verdicts)
    refused = dict.fromkeys(name for verdict in found for name in verdict.refused)
    if refused:
        raise NotServedError(not_served(tag, refused))
    return list(dict.fromkeys(f"{tag}: {text}" for verdict in found for text in verdict.warnings))


def check_timeouts(tag: str, data: api_pb2.FunctionData) -> None:
    """Raises InvalidError for what Modal's cloud would not take either."""
    for ranked in data.ranked_functions:
        function = ranked.function
        for option, seconds in (
            ("timeout", function.timeout_secs),
            ("startup_timeout", function.startup_timeout_secs),
        ):
            if seconds > MAX_TIMEOUT_S:
                raise InvalidError(
                    f"{option}={seconds} of {tag} is over Modal's limit of 24 hours. "
                    f"Give {option}={MAX_TIMEOUT_S} at most."
                )


def web_methods(data: api_pb2.FunctionData) -> dict[str, api_pb2.WebhookConfig]:
    """What is called by HTTP: the function itself, under "", or methods of its class, by name."""
    if data.webhook_config.type:
        return {"": data.webhook_config}
    return {
        name: method.webhook_config
        for name, method in data.method_definitions.items()
        if method.webhook_config.type
    }


def check_web_methods(tag: str, data: api_pb2.FunctionData) -> None:
    """Raises NotServedError for what has no address here."""
    if classes.needs_parameters(data) and web_methods(data):
        raise NotServedError(
            f"{tag} has web methods and modal.parameter()s, which come by the query string on Modal's cloud; "
            "Homeport does not serve that. Take the parameters as arguments of the method."
        )


def set_urls(data: api_pb2.FunctionData, urls: Mapping[str, str]) -> None:
    """Writes the addresses of what is called by HTTP, as `web_methods` names it, into a definition."""
    for ranked in data.ranked_functions:
        for name, url in urls.items():
            for place in (data, ranked.function):
                if not name:
                    place.web_url = url
                elif name in place.method_definitions:
                    place.method_definitions[name].web_url = url


def schedule_of(message: api_pb2.Schedule) -> Schedule | None:
    """None where nothing is set. Raises InvalidError for one that cannot be."""
    kind = message.WhichOneof("schedule_oneof")
    if kind is None:
        return None
    schedule: Schedule = (
        Cron(message.cron.cron_string, message.cron.timezone or "UTC")
        if kind == "cron"
        else _period(message.period)
    )
    check(schedule)
    return schedule


def check_gpus(tag: str, configs: Iterable[api_pb2.GPUConfig], devices: Sequence[str]) -> None:
    """Raises InvalidError for a GPU that there is not; `devices` are this machine's."""
    for config in configs:
        if config.ByteSize():
            mistake = gpus.mistake(config.gpu_type, config.count, devices)
            if mistake:
                count = "" if config.count == 1 else f":{config.count}"
                raise InvalidError(f'gpu="{config.gpu_type}{count}" of {tag} {mistake}.')


def check_scaling(tag: str, settings: api_pb2.AutoscalerSettings) -> None:
    """Raises InvalidError for settings of the autoscaler that contradict each other."""
    if 0 < settings.max_containers < settings.min_containers:
        raise InvalidError(
            f"min_containers={settings.min_containers} of {tag} is greater than its "
            f"max_containers={settings.max_containers}; raise the one or lower the other."
        )


def check_window(tag: str, settings: api_pb2.AutoscalerSettings) -> None:
    """Raises InvalidError for a window that Modal would not take; on a decorator, the client looks itself."""
    shortest, longest = SCALEDOWN_WINDOW_S
    if settings.scaledown_window and not shortest <= settings.scaledown_window <= longest:
        raise InvalidError(
            f"scaledown_window={settings.scaledown_window} of {tag} must be {shortest} to {longest} s."
        )


def data_of(request: api_pb2.FunctionCreateRequest) -> api_pb2.FunctionData:
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


def handle_of(data: api_pb2.FunctionData, app_id: str, definition_id: str) -> api_pb2.FunctionHandleMetadata:
    handle = api_pb2.FunctionHandleMetadata(
        function_name=data.function_name,
        function_type=data.function_type,
        is_method=data.is_method,
        definition_id=definition_id,
        supported_input_formats=data.supported_input_formats,
        supported_output_formats=data.supported_output_formats,
        app_id=app_id,
        web_url=data.web_url,
    )
    handle.function_schema.CopyFrom(data.function_schema)
    handle.class_parameter_info.CopyFrom(data.class_parameter_info)
    classes.add_methods(handle, data.method_definitions)
    return handle


def stored_handle(handle_metadata: bytes, definition_id: str) -> api_pb2.FunctionHandleMetadata:
    """A handle as it was written, of the definition that it belongs to now: a rollover copies definitions."""
    handle = api_pb2.FunctionHandleMetadata.FromString(handle_metadata)
    handle.definition_id = definition_id
    for method in handle.method_handle_metadata.values():
        method.definition_id = definition_id
    return handle


def policy_of(policy: api_pb2.FunctionRetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        limit=policy.retries,
        initial_delay_s=policy.initial_delay_ms / 1000,
        backoff=policy.backoff_coefficient or 1.0,
        longest_delay_s=policy.max_delay_ms / 1000,
    )


def _period(message: api_pb2.Schedule.Period) -> Period:
    days = 7 * message.weeks + message.days
    return Period(
        months=12 * message.years + message.months,
        seconds=86400.0 * days + 3600.0 * message.hours + 60.0 * message.minutes + message.seconds,
    )


def set_fields(message: Any) -> Iterable[str]:
    """Names of the fields that carry anything: an empty sub-message carries nothing. Fields that these stubs
    do not know are named by their number."""
    from google.protobuf.unknown_fields import UnknownFieldSet  # needed once a definition, not at start-up

    for field, value in message.ListFields():
        if field.message_type is not None and not field.is_repeated and not value.ByteSize():
            continue
        yield field.name
    for unknown in UnknownFieldSet(message):  # type: ignore[attr-defined]
        yield f"field_{unknown.field_number}"


def not_served(tag: str, names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"{tag} asks for {listed}, which Homeport does not serve yet; remove it, or run the app on Modal."
