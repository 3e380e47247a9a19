"""Variants of a function: `with_options`, and one for each set of a class's parameters.

A variant is a function with an id, a queue and containers of its own. It is kept as what it was made of, the
function, the parameters and the options, and follows the function's newest definition.
"""

from modal_proto import api_pb2


def written(given: api_pb2.FunctionOptions) -> bytes:
    """Options in the form in which equal ones are equal: without what says nothing."""
    options = api_pb2.FunctionOptions()
    options.CopyFrom(given)
    if not options.resources.ByteSize():
        options.ClearField("resources")
    return options.SerializeToString(deterministic=True)


def applied(data: api_pb2.FunctionData, given: api_pb2.FunctionOptions) -> api_pb2.FunctionData:
    """The definition with the options over it. What an option does not say stays as it was."""
    if given.resources.HasField("gpu_config"):
        # the first choice of several GPUs stands for all: the options name the one that is wanted
        first = min(data.ranked_functions, key=lambda entry: entry.rank)
        kept = api_pb2.FunctionData.RankedFunction(rank=first.rank, function=first.function)
        del data.ranked_functions[:]
        data.ranked_functions.append(kept)
    for ranked in data.ranked_functions:
        _apply(ranked.function, given)
        _scale(ranked.function.autoscaler_settings, given)
    _scale(data.autoscaler_settings, given)
    if given.HasField("timeout_secs"):
        data.timeout_secs = given.timeout_secs
    return data


def _apply(function: api_pb2.Function, given: api_pb2.FunctionOptions) -> None:
    if given.replace_secret_ids:
        del function.secret_ids[:]
    function.secret_ids.extend(given.secret_ids)
    if given.replace_volume_mounts:
        del function.volume_mounts[:]
    function.volume_mounts.extend(given.volume_mounts)
    if given.HasField("resources"):
        _limit(function.resources, given.resources)
    if given.HasField("retry_policy"):
        function.retry_policy.CopyFrom(given.retry_policy)
    for name in (
        "timeout_secs",
        "max_concurrent_inputs",
        "target_concurrent_inputs",
        "batch_max_size",
        "batch_linger_ms",
    ):
        if given.HasField(name):
            setattr(function, name, getattr(given, name))


def _limit(resources: api_pb2.Resources, given: api_pb2.Resources) -> None:
    """A reservation that is given without a limit has none: that of the definition was for another one."""
    if given.milli_cpu:
        resources.milli_cpu_max = 0
    if given.memory_mb:
        resources.memory_mb_max = 0
    resources.MergeFrom(given)


def _scale(settings: api_pb2.AutoscalerSettings, given: api_pb2.FunctionOptions) -> None:
    if given.HasField("concurrency_limit"):
        settings.max_containers = given.concurrency_limit
    if given.HasField("buffer_containers"):
        settings.buffer_containers = given.buffer_containers
    if given.HasField("task_idle_timeout_secs"):
        settings.scaledown_window = given.task_idle_timeout_secs
    if given.HasField("warm_pool_size"):
        settings.min_containers = given.warm_pool_size
