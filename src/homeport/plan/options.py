"""What happens with each field of a function's definition: the whole of it, so that none is ignored unseen.

A field that is set to more than its empty value is honoured, refused by its name, named once in a warning,
or it means nothing to users (`INTERNAL`: the client's own switches and fields that repeat others). A field
that is not in the table comes from a newer client: it is named in a warning. Names here are those of the
wire, the sentences use the names that users write.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Decision(Enum):
    """What becomes of a field that is set."""

    HONOURED = "honoured"
    INTERNAL = "internal"
    WARNED = "warned"
    REFUSED = "refused"


@dataclass(frozen=True)
class Option:
    """The decision for one field; `text` is the user's name for it (REFUSED) or the sentence (WARNED)."""

    decision: Decision
    text: str = ""


_HONOURED = Option(Decision.HONOURED)
_INTERNAL = Option(Decision.INTERNAL)


def _refused(name: str) -> Option:
    return Option(Decision.REFUSED, name)


def _warned(sentence: str) -> Option:
    return Option(Decision.WARNED, sentence)


FUNCTION: dict[str, Option] = {
    # what is run
    "module_name": _HONOURED,
    "function_name": _HONOURED,
    "implementation_name": _HONOURED,
    "app_name": _HONOURED,
    "definition_type": _HONOURED,
    "function_type": _HONOURED,
    "function_serialized": _HONOURED,
    "function_schema": _HONOURED,
    "supported_input_formats": _HONOURED,
    "supported_output_formats": _HONOURED,
    "object_dependencies": _HONOURED,
    # what methods it has
    "is_class": _HONOURED,
    "class_serialized": _HONOURED,
    "class_parameter_info": _HONOURED,
    "method_definitions": _HONOURED,  # each of its fields is judged in METHOD
    # what it runs in
    "image_id": _HONOURED,
    "mount_ids": _HONOURED,
    "secret_ids": _HONOURED,
    "volume_mounts": _HONOURED,
    "resources": _HONOURED,  # each of its fields is judged in RESOURCES
    # how it runs
    "retry_policy": _HONOURED,
    "timeout_secs": _HONOURED,
    "startup_timeout_secs": _HONOURED,
    "autoscaler_settings": _HONOURED,  # each of its fields is judged in AUTOSCALER
    "max_concurrent_inputs": _HONOURED,
    "target_concurrent_inputs": _HONOURED,
    "batch_max_size": _HONOURED,
    "batch_linger_ms": _HONOURED,
    "single_use_containers": _HONOURED,
    "max_inputs": _HONOURED,
    "is_builder_function": _HONOURED,
    # repeat autoscaler_settings for older servers
    "concurrency_limit": _INTERNAL,
    "task_idle_timeout_secs": _INTERNAL,
    "warm_pool_size": _INTERNAL,
    "_experimental_buffer_containers": _INTERNAL,
    # the client's own switches, without an effect that a user could miss
    "method_definitions_set": _INTERNAL,
    "mount_client_dependencies": _INTERNAL,
    "_experimental_concurrent_cancellations": _INTERNAL,
    "runtime": _INTERNAL,
    "runtime_debug": _INTERNAL,
    "runtime_perf_record": _INTERNAL,
    "snapshot_debug": _INTERNAL,
    "worker_id": _INTERNAL,
    "web_url": _INTERNAL,
    "web_url_info": _INTERNAL,
    "is_checkpointing_function": _INTERNAL,
    "checkpoint": _INTERNAL,
    "is_auto_snapshot": _INTERNAL,
    # has no meaning on one machine
    "cloud_provider_str": _warned("cloud= has no meaning on one machine; the function runs here."),
    "cloud_provider": _warned("cloud= has no meaning on one machine; the function runs here."),
    "routing_region": _warned("routing_region= has no meaning on one machine; the function runs here."),
    "scheduler_placement": _warned(
        "region= and nonpreemptible= have no meaning on one machine: the function runs here, and Homeport "
        "never preempts."
    ),
    "checkpointing_enabled": _warned(
        "enable_memory_snapshot= is not used: containers start from a warm parent instead."
    ),
    "i6pn_enabled": _warned("i6pn= has no meaning on one machine: containers share its network."),
    "untrusted": _refused("restrict_modal_access=True"),
    "schedule": _HONOURED,
    # not served yet
    "webhook_config": _HONOURED,  # each of its fields is judged in WEBHOOK
    "custom_domain_info": _refused("custom_domains="),
    "flash_service_urls": _refused("a Flash service"),
    "flash_service_label": _refused("a Flash service"),
    "http_config": _refused("modal.Server (HTTP)"),
    "is_server": _refused("modal.Server"),
    "is_sessioned": _refused("a sessioned modal.Server"),
    "is_method": _refused("a method outside its class (upgrade the modal client)"),
    "pty_info": _refused("an interactive session (modal run -i)"),
    "proxy_id": _refused("proxy="),
    "shared_volume_mounts": _refused("network_file_systems="),
    "s3_mounts": _refused("CloudBucketMount"),
    "cloud_bucket_mounts": _refused("CloudBucketMount"),
    "block_network": _refused("block_network=True"),
    "network_access": _refused("network access rules (outbound policies)"),
    "rate_limit": _refused("a rate limit"),
    "enable_gpu_snapshot": _refused("GPU memory snapshots"),
    "_experimental_enable_gpu_snapshot": _refused("GPU memory snapshots"),
    "_experimental_group_size": _refused("@modal.experimental.clustered"),
    "_experimental_fabric_size": _refused("@modal.experimental.clustered"),
    "_experimental_custom_scaling": _refused("experimental custom scaling"),
    "_experimental_task_templates_enabled": _refused("experimental task templates"),
    "_experimental_task_templates": _refused("experimental task templates"),
    "experimental_options": _refused("experimental_options="),
}

# The envelope; what it repeats of Function is judged by the same decision.
FUNCTION_DATA: dict[str, Option] = {
    **{
        name: FUNCTION[name]
        for name in (
            *("module_name", "function_name", "implementation_name", "function_type", "function_schema"),
            *("warm_pool_size", "concurrency_limit", "task_idle_timeout_secs", "autoscaler_settings"),
            *("_experimental_group_size", "_experimental_fabric_size", "_experimental_buffer_containers"),
            *("_experimental_custom_scaling", "_experimental_enable_gpu_snapshot", "worker_id"),
            *("timeout_secs", "startup_timeout_secs", "web_url", "web_url_info", "webhook_config"),
            *("custom_domain_info", "method_definitions", "method_definitions_set", "is_class"),
            *("class_parameter_info", "is_method", "schedule", "untrusted", "snapshot_debug"),
            *("runtime_perf_record", "experimental_options", "flash_service_urls", "flash_service_label"),
            *("supported_input_formats", "supported_output_formats", "http_config", "is_server"),
            *("routing_region", "is_sessioned"),
        )
    },
    "ranked_functions": _HONOURED,
}

RESOURCES: dict[str, Option] = {
    "memory_mb": _HONOURED,
    "memory_mb_max": _HONOURED,
    "milli_cpu": _HONOURED,
    "milli_cpu_max": _HONOURED,
    "gpu_config": _HONOURED,
    "ephemeral_disk_mb": _warned(
        "ephemeral_disk= is not enforced: containers write to this machine's disk, as far as it goes."
    ),
    "rdma": _refused("rdma=True"),
    "skip_num_threads_env_vars": _INTERNAL,  # Homeport sets no such variables
}

AUTOSCALER: dict[str, Option] = {
    "min_containers": _HONOURED,
    "max_containers": _HONOURED,
    "buffer_containers": _HONOURED,
    "scaledown_window": _HONOURED,
    "scaleup_window": _warned("scaleup_window= is not used: containers start as soon as inputs wait."),
    "target_concurrency": _refused("target concurrency of a modal.Server"),
    "target_concurrency_float": _refused("target concurrency of a modal.Server"),
    "scaledown_rate_limit": _refused("a scale-down rate limit"),
}

WEBHOOK: dict[str, Option] = {
    "type": _HONOURED,
    "method": _HONOURED,
    "async_mode": _INTERNAL,  # its default is what is served: redirects after 150 s
    "web_server_port": _HONOURED,
    "web_server_startup_timeout": _HONOURED,
    "web_endpoint_docs": _HONOURED,
    "requires_proxy_auth": _HONOURED,
    "requested_suffix": _warned("label= names no address here: each web function has a port of its own."),
    "ephemeral_suffix": _INTERNAL,
    "custom_domains": _refused("custom_domains="),
}

METHOD: dict[str, Option] = {
    "function_name": _HONOURED,
    "function_type": _HONOURED,
    "function_schema": _HONOURED,
    "supported_input_formats": _HONOURED,
    "supported_output_formats": _HONOURED,
    "webhook_config": FUNCTION["webhook_config"],
    "web_url": _INTERNAL,
    "web_url_info": _INTERNAL,
    "custom_domain_info": FUNCTION["custom_domain_info"],
}

# What with_options, with_concurrency and with_batching give.
VARIANT: dict[str, Option] = {
    "secret_ids": _HONOURED,
    "replace_secret_ids": _HONOURED,
    "volume_mounts": _HONOURED,  # each of its fields is judged in VOLUME_MOUNT
    "replace_volume_mounts": _HONOURED,
    "resources": _HONOURED,  # each of its fields is judged in RESOURCES
    "retry_policy": _HONOURED,
    "timeout_secs": _HONOURED,
    "concurrency_limit": _HONOURED,
    "buffer_containers": _HONOURED,
    "task_idle_timeout_secs": _HONOURED,
    "warm_pool_size": _HONOURED,
    "max_concurrent_inputs": _HONOURED,
    "target_concurrent_inputs": _HONOURED,
    "batch_max_size": _HONOURED,
    "batch_linger_ms": _HONOURED,
    "scheduler_placement": FUNCTION["scheduler_placement"],
    "cloud_provider_str": FUNCTION["cloud_provider_str"],
    "routing_region": FUNCTION["routing_region"],
    "mount_ids": _refused("mounts in with_options"),
    "cloud_bucket_mounts": FUNCTION["cloud_bucket_mounts"],
    "replace_cloud_bucket_mounts": FUNCTION["cloud_bucket_mounts"],
    "pinned_app_version": _refused("version="),
}

SANDBOX: dict[str, Option] = {
    "entrypoint_args": _HONOURED,
    "image_id": _HONOURED,
    "mount_ids": _HONOURED,
    "secret_ids": _HONOURED,
    "resources": _HONOURED,  # each of its fields is judged in RESOURCES
    "volume_mounts": _HONOURED,  # each of its fields is judged in VOLUME_MOUNT
    "timeout_secs": _HONOURED,
    "idle_timeout_secs": _HONOURED,
    "workdir": _HONOURED,
    "pty_info": _HONOURED,
    "name": _HONOURED,
    "environment_variables": _HONOURED,
    "network_access": _HONOURED,  # open access only: all else is refused
    "runtime_debug": _INTERNAL,
    "worker_id": _INTERNAL,
    "verbose": _INTERNAL,
    "snapshot_version": _INTERNAL,
    "runsc_runtime_version": _INTERNAL,
    "preload_path_prefixes": _INTERNAL,
    "direct_sandbox_commands_enabled": _INTERNAL,
    "_restore_instance_type": _INTERNAL,
    "cloud_provider": FUNCTION["cloud_provider"],
    "cloud_provider_str": FUNCTION["cloud_provider_str"],
    "scheduler_placement": FUNCTION["scheduler_placement"],
    "i6pn_enabled": FUNCTION["i6pn_enabled"],
    "block_network": FUNCTION["block_network"],
    "open_ports": _refused("tunnels (encrypted_ports=, h2_ports=, unencrypted_ports=)"),
    "nfs_mounts": FUNCTION["shared_volume_mounts"],
    "s3_mounts": FUNCTION["s3_mounts"],
    "cloud_bucket_mounts": FUNCTION["cloud_bucket_mounts"],
    "proxy_id": FUNCTION["proxy_id"],
    "enable_snapshot": _refused("memory snapshots (_experimental_enable_snapshot=)"),
    "runtime": _refused("runtime="),
    "experimental_options": FUNCTION["experimental_options"],
    "experimental_options_v2": FUNCTION["experimental_options"],
    "custom_domain": _refused("custom_domain="),
    "include_oidc_identity_token": _refused("include_oidc_identity_token=True"),
    "include_x509_svid": _refused("an X.509 identity"),
    "readiness_probe": _refused("readiness_probe="),
    "inbound_cidr_allowlist": _refused("inbound_cidr_allowlist="),
    "experimental_outbound_policy": _refused("an outbound policy"),
    "outbound_policy": _refused("an outbound policy"),
}

VOLUME_MOUNT: dict[str, Option] = {
    "volume_id": _HONOURED,
    "mount_path": _HONOURED,
    "read_only": _HONOURED,
    "allow_background_commits": _HONOURED,
    "sub_path": _HONOURED,
}


@dataclass(frozen=True)
class Verdict:
    """What has to be said about a definition: `refused` are names of options that are not served."""

    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge(table: dict[str, Option], names: Iterable[str], what: str) -> Verdict:
    """The verdict on the fields that are set. `what` names the message in sentences on unknown fields."""
    refused: dict[str, None] = {}
    warnings: dict[str, None] = {}
    for name in names:
        option = table.get(name)
        if option is None:
            warnings[
                f"This client sets {what}.{name}, which this Homeport does not know; it has no effect."
            ] = None
        elif option.decision is Decision.REFUSED:
            refused[option.text] = None
        elif option.decision is Decision.WARNED:
            warnings[option.text] = None
    return Verdict(tuple(refused), tuple(warnings))
