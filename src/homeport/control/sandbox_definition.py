"""A sandbox's definition as one of a function that nobody calls: so it gets a container like any other.

What of it can be served is decided here, too. When a sandbox starts and ends is left to sandboxes.py.
"""

from modal_proto import api_pb2

from homeport.control.definitions import Definition
from homeport.control.function_messages import MAX_TIMEOUT_S, not_served, set_fields
from homeport.model.errors import FailedPreconditionError, InvalidError, NotServedError
from homeport.plan import options, resources
from homeport.plan.retries import RetryPolicy

_OPEN = (api_pb2.NetworkAccess.OPEN, api_pb2.NetworkAccess.UNSPECIFIED)


def judged(sandbox: api_pb2.Sandbox) -> list[str]:
    """The warnings on a definition. Raises NotServedError with all that is refused at once, InvalidError for
    what Modal's cloud would not take either."""
    fields = [name for name in set_fields(sandbox) if name != "network_access"]
    verdicts = [
        options.judge(options.SANDBOX, fields, "Sandbox"),
        options.judge(options.RESOURCES, set_fields(sandbox.resources), "Resources"),
        *(
            options.judge(options.VOLUME_MOUNT, set_fields(mount), "VolumeMount")
            for mount in sandbox.volume_mounts
        ),
    ]
    refused = dict.fromkeys(name for verdict in verdicts for name in verdict.refused)
    if sandbox.network_access.network_access_type not in _OPEN:
        refused["network access rules (block_network=, outbound_*_allowlist=)"] = None
    if refused:
        raise NotServedError(not_served("The Sandbox", refused))
    if sandbox.timeout_secs > MAX_TIMEOUT_S:
        raise InvalidError(
            f"timeout={sandbox.timeout_secs} of the Sandbox is over Modal's limit of 24 hours. "
            f"Give timeout={MAX_TIMEOUT_S} at most."
        )
    return list(dict.fromkeys(f"Sandbox: {text}" for verdict in verdicts for text in verdict.warnings))


def definition_of(
    sandbox_id: str,
    app_id: str,
    sandbox: api_pb2.Sandbox,
    secret_ids: list[str],
    machine: resources.Machine,
    *,
    gpu_required: bool = False,
) -> Definition:
    """Raises FailedPreconditionError where it cannot run on this machine."""
    tag = f"Sandbox {sandbox.name or sandbox_id}"
    asked = sandbox.resources
    grant = resources.grant(
        tag,
        resources.Request(
            cpu=asked.milli_cpu / 1000,
            cpu_limit=asked.milli_cpu_max / 1000,
            memory_mib=asked.memory_mb,
            memory_limit_mib=asked.memory_mb_max,
            gpus=[(asked.gpu_config.gpu_type, asked.gpu_config.count)],
        ),
        machine,
        gpu_required=gpu_required,
    )
    if grant.refusal:
        raise FailedPreconditionError(grant.refusal)
    function = api_pb2.Function(
        image_id=sandbox.image_id,
        mount_ids=sandbox.mount_ids,
        secret_ids=secret_ids,
        volume_mounts=sandbox.volume_mounts,
    )
    return Definition(
        function_id=sandbox_id,
        definition_id=sandbox_id,
        app_id=app_id,
        tag=tag,
        function=function,
        data=api_pb2.FunctionData(),
        handle=api_pb2.FunctionHandleMetadata(),
        grant=grant,
        policy=RetryPolicy(),
        timeout_s=float(sandbox.timeout_secs),
        startup_timeout_s=float(sandbox.timeout_secs),
        target_inputs=1,
        min_containers=0,
        max_containers=1,
        buffer_containers=0,
        scaledown_s=0.0,
        client_version="",
        sandbox=sandbox,
    )
